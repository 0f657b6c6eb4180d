/** A real Prometheus with our rules, on a free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePorts } from '../../src/demo/broker/ports';
import { until } from '../support/broker';

const CONFIG = join(__dirname, '../../dashboards/prometheus');

export interface Series {
  metric: Record<string, string>;
  /** Of a range query. */
  values?: [time: number, value: string][];
  /** Of an instant query. */
  value?: [time: number, value: string];
}

export interface ExemplarSeries {
  seriesLabels: Record<string, string>;
  exemplars: { labels: { trace_id: string }; value: string; timestamp: number }[];
}

export interface Rule {
  name: string;
  state: 'inactive' | 'pending' | 'firing';
  /** unknown: not evaluated yet. */
  health: 'ok' | 'err' | 'unknown';
  lastError?: string;
  alerts: { state: string; labels: Record<string, string>; annotations: Record<string, string> }[];
}

interface Rules {
  groups: { interval: string; rules: { for: string; keep_firing_for?: string }[] }[];
}

interface Config {
  global: { scrape_interval: string; evaluation_interval: string };
  rule_files: string[];
  scrape_configs: { job_name: string; static_configs?: { targets: string[] }[] }[];
}

export class Prometheus {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
  ) {}

  /**
   * Scrapes that host:port each second, configured as in docker-compose.yml otherwise.
   *
   * @param hurried alerts fire after a second and end at once, whatever their rules say
   */
  static async start(target: string, folder: string, { hurried = false } = {}): Promise<Prometheus> {
    const config = parse(readFileSync(join(CONFIG, 'prometheus.yml'), 'utf8')) as Config;
    config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
    config.rule_files = config.rule_files.map((file) =>
      hurried ? hurriedCopy(join(CONFIG, file), folder) : join(CONFIG, file),
    );
    const [job] = config.scrape_configs;
    if (job?.static_configs === undefined) throw new Error('the first job has a fixed target');
    job.static_configs = [{ targets: [target] }];
    config.scrape_configs = [job];
    const file = join(folder, 'prometheus.yml');
    writeFileSync(file, stringify(config));
    const [port] = (await freePorts(1)) as [number];
    const args = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(folder, 'prometheus')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=warn',
    ];
    const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (text) => (log += String(text)));
    child.once(
      'error',
      (error) => (log += `Prometheus is needed for this test (apt install prometheus): ${error.message}`),
    );
    const url = `http://127.0.0.1:${port}`;
    await until(
      'Prometheus is ready',
      async () => {
        if (child.exitCode !== null || child.pid === undefined) throw new Error(log);
        return fetch(`${url}/-/ready`).then(
          (answer) => answer.ok,
          () => false,
        );
      },
      60_000,
    );
    return new Prometheus(url, child);
  }

  /** As of now. */
  query(expr: string): Promise<Series[]> {
    return this.series('query', { query: expr });
  }

  /** From, to: unix ms. */
  range(expr: string, from: number, to: number, stepSeconds: number): Promise<Series[]> {
    const between = { start: String(from / 1000), end: String(to / 1000), step: String(stepSeconds) };
    return this.series('query_range', { query: expr, ...between });
  }

  exemplars(expr: string, from: number, to: number): Promise<ExemplarSeries[]> {
    const between = { start: String(from / 1000), end: String(to / 1000) };
    return this.get<ExemplarSeries[]>('query_exemplars', { query: expr, ...between });
  }

  async rules(): Promise<Rule[]> {
    const { groups } = await this.get<{ groups: { rules: Rule[] }[] }>('rules', {});
    return groups.flatMap(({ rules }) => rules);
  }

  /** Problems of the last scrapes, and of rules. */
  async problems(): Promise<string[]> {
    const { activeTargets } = await this.get<{ activeTargets: { lastError: string }[] }>('targets', {});
    return [
      ...activeTargets.map(({ lastError }) => lastError),
      ...(await this.rules()).map(({ lastError = '' }) => lastError),
    ].filter((text) => text !== '');
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await exited;
  }

  private async series(path: string, parameters: Record<string, string>): Promise<Series[]> {
    return (await this.get<{ result: Series[] }>(path, parameters)).result;
  }

  private async get<T>(path: string, parameters: Record<string, string>): Promise<T> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const body = (await answer.json()) as { data: T; error?: string };
    if (body.error !== undefined) throw new Error(`${body.error} in ${JSON.stringify(parameters)}`);
    return body.data;
  }
}

function hurriedCopy(path: string, folder: string): string {
  const file = parse(readFileSync(path, 'utf8')) as Rules;
  for (const group of file.groups) {
    group.interval = '1s';
    for (const rule of group.rules) {
      rule.for = '1s';
      delete rule.keep_firing_for;
    }
  }
  const copy = join(folder, basename(path));
  writeFileSync(copy, stringify(file));
  return copy;
}
