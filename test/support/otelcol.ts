/** A real OpenTelemetry Collector: the one that `OTELCOL` names, or `otelcol` on the PATH. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '../../src/demo/broker/ports';
import { until } from './broker';

export const COLLECTOR_CONFIG = join(__dirname, '../../otel/collector.yaml');
/** Beside it, for distributions with that extension. */
export const HEALTH_CONFIG = join(__dirname, '../../otel/health.yaml');

/** Null when there is none. */
export function otelcol(): string | null {
  const command = process.env.OTELCOL || 'otelcol';
  return spawnSync(command, ['--version']).status === 0 ? command : null;
}

export interface Collector {
  url: string;
  log: () => string;
  stop(): Promise<void>;
}

/** Runs our configuration, with what it hands on sent to `forwardTo` by HTTP, and decisions made within a second. */
export async function startCollector(command: string, forwardTo: string, folder: string): Promise<Collector> {
  const [grpc, http, metrics] = (await freePorts(3)) as [number, number, number];
  const override = join(folder, `collector-${http}.yaml`);
  writeFileSync(
    override,
    `receivers: { otlp: { protocols: { grpc: { endpoint: "127.0.0.1:${grpc}" }, http: { endpoint: "127.0.0.1:${http}" } } } }
processors: { tail_sampling: { decision_wait: 1s }, batch: { timeout: 100ms } }
exporters: { otlphttp: { endpoint: "${forwardTo}", encoding: json } }
service:
  telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: ${metrics} } } } }] } }
  pipelines: { traces: { exporters: [otlphttp] } }
`,
  );
  const child: ChildProcess = spawn(command, ['--config', COLLECTOR_CONFIG, '--config', override], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (log += String(text)));
  await until('the collector listens', async () => {
    if (child.exitCode !== null) throw new Error(`the collector ended: ${log}`);
    return listens(http);
  });
  return {
    url: `http://127.0.0.1:${http}`,
    log: () => log,
    async stop() {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    socket.once('connect', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });
}
