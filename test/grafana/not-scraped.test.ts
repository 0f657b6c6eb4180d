/**
 * The one alert that no workload shows: of a service that is there, then not, then again, by a real Prometheus. All rules
 * are the committed ones with shorter times.
 */
import { join } from 'node:path';
import { freePorts } from '../../src/demo/broker/ports';
import { type Started, start } from '../cli/command';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';
import { Prometheus, type Rule } from './prometheus';

const folder = testFolder('not-scraped');
/** A busy machine takes long to start a process. */
const PATIENCE_MS = 120_000;

let listen: string;
let service: Started | null = null;
let prometheus: Prometheus;

beforeAll(async () => {
  const [port] = await freePorts(1);
  listen = `127.0.0.1:${port}`;
  await serve();
  prometheus = await Prometheus.start(listen, folder, { hurried: true });
}, PATIENCE_MS);

afterAll(async () => {
  await prometheus?.stop();
  await end();
}, PATIENCE_MS);

async function serve(): Promise<void> {
  const args = ['serve', '--store', join(folder, 'dupescope.db'), '--listen', listen, '--log-level', 'warn'];
  service = start(args, {}, 3 * PATIENCE_MS);
  await service.firstLine;
}

async function end(): Promise<void> {
  service?.process.kill('SIGTERM');
  await service?.ended;
  service = null;
}

async function notScraped(): Promise<Rule> {
  const rule = (await prometheus.rules()).find(({ name }) => name === 'DupescopeNotScraped');
  if (rule === undefined) throw new Error('the rule is loaded');
  return rule;
}

/** Evaluated since the service was first scraped. */
async function isQuiet(): Promise<boolean> {
  const { state, health } = await notScraped();
  const told = await prometheus.query('dupescope_build_info');
  return told.length === 1 && health === 'ok' && state === 'inactive';
}

test(
  'NotScraped fires while the service is away, and only then',
  async () => {
    await until('a service that is scraped is quiet', isQuiet, PATIENCE_MS);
    await end();
    await until('it fires', async () => (await notScraped()).state === 'firing', PATIENCE_MS);
    const { health, alerts } = await notScraped();
    expect(health).toBe('ok');
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toMatchObject({
      state: 'firing',
      labels: { alertname: 'DupescopeNotScraped', severity: 'critical', instance: listen },
      annotations: {
        summary: `Prometheus gets no metrics of Dupescope at ${listen}`,
        runbook_url: 'http://127.0.0.1:7475/docs/alerts/not-scraped.md',
      },
    });
    await serve();
    await until('it is quiet again', isQuiet, PATIENCE_MS);
  },
  4 * PATIENCE_MS,
);
