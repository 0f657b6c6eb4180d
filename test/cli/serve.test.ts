import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { json } from '../service/running';
import { seedStory, temporaryFolder } from '../service/seed';
import { run, start } from './command';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const portOf = (line: string) => Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]);

test.each<NodeJS.Signals>(['SIGINT', 'SIGTERM'])(
  'serves from an empty folder on, and ends at %s',
  async (signal) => {
    const store = join(folder.path, signal, 'below', 'new.db');
    const serving = start(['serve', '--store', store, '--listen', '127.0.0.1:0']);
    const line = await serving.firstLine;
    expect(line).toMatch(/^dupescope \S+ answers at http:\/\/127\.0\.0\.1:\d+ \(store .*new\.db\)$/);
    expect(existsSync(store)).toBe(true);
    expect(await json(portOf(line), '/readyz')).toEqual({ status: 'ok', problems: [] });
    // An open stream does not hold the end up.
    const stream = await fetch(`http://127.0.0.1:${portOf(line)}/v1/events`);
    serving.process.kill(signal);
    const ended = await serving.ended;
    expect(ended.code).toBe(0);
    expect(
      ended.stderr
        .trim()
        .split('\n')
        .every((entry) => JSON.parse(entry).level === 30),
    ).toBe(true);
    await stream.text().catch(() => undefined);
  },
);

test('unreachable brokers: it serves, is not ready, and says why', async () => {
  const store = join(folder.path, 'lag.db');
  const args = ['serve', '--store', store, '--listen', '127.0.0.1:0', '--brokers', '127.0.0.1:1'];
  const serving = start([...args, '--lag-interval-ms', '500']);
  const port = portOf(await serving.firstLine);
  let problems: string[] = [];
  const deadline = performance.now() + 20_000;
  while (!problems.some((line) => line.includes('No broker answered')) && performance.now() < deadline) {
    problems = (await json<{ problems: string[] }>(port, '/readyz', 503)).problems;
  }
  expect(problems).toEqual([expect.stringContaining('No broker answered at 127.0.0.1:1 (ECONNREFUSED)')]);
  expect(await json(port, '/v1/summary')).toMatchObject({ lag_records: null });
  serving.process.kill('SIGTERM');
  const ended = await serving.ended;
  expect(ended.code).toBe(0);
  expect(ended.stderr).toContain('"code":"kafka-unreachable"');
  expect(ended.stderr).not.toMatch(/"stack"|at .*\.js:\d+/);
});

test('doctor: each line ok, warn or fail; JSON the same', async () => {
  const store = join(folder.path, 'doctor.db');
  seedStory(store);
  const text = await run(['doctor', '--store', store]);
  expect(text.code).toBe(0);
  for (const line of text.stdout.trim().split('\n')) expect(line).toMatch(/^(ok {2}|warn|FAIL) {2}\S/);
  expect(text.stdout).toMatch(/^ok +store +.*doctor\.db, schema \d+/m);
  expect(text.stdout).toMatch(/^warn +lost detail +7 deliveries .*disk full/m);
  expect(text.stdout).toMatch(/^warn +topic ids +1 topics have none/m);
  const found = JSON.parse((await run(['doctor', '--store', store, '--json'])).stdout) as {
    ok: boolean;
    checks: { check: string; level: string }[];
  };
  expect(found.ok).toBe(true);
  expect(found.checks.map((check) => check.check)).toContain('journals');

  const none = await run(['doctor', '--store', '/dev/null/x.db', '--json']);
  expect(none.code).toBe(1);
  const unknown = await run(['doctor'], { DUPESCOPE_STROE: 'x' });
  expect([unknown.code, unknown.stderr]).toEqual([1, '']);
  expect(unknown.stdout).toMatch(/^FAIL +configuration +.*DUPESCOPE_STORE/m);
});
