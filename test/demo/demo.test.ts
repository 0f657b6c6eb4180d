import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { testBrokers, until } from '../support/broker';
import { query } from '../support/ledger';

const CLI = join(__dirname, '../../dist/cli/main.js');
const children = new Set<ChildProcess>();

/** A demo on the run's broker and a free port. */
function demo(args: string[]) {
  const child = spawn(process.execPath, [CLI, 'demo', '--listen', '127.0.0.1:0', ...args], {
    env: { ...process.env, KAFKA_BROKERS: testBrokers().join(',') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  return { child, ended, output: text(child.stdout), errors: text(child.stderr) };
}

afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

const FAULTS = [
  'SIGKILL in mid-batch',
  'rebalance by a joining member',
  'handler throws once',
  'handler slower than the session',
  'seek back',
  "operator's reset while empty",
];

test('a round of faults: everything that was injected is found, and nothing else', async () => {
  const { ended, output, errors } = demo(['--once', '--seed', '7', '--json', '--keep']);
  const code = await ended;
  const [document, shown] = await Promise.all([output, errors]);
  if (code !== 0) throw new Error(`exit code ${code}\n${shown}\n${document}`);

  const rows = shown.slice(shown.indexOf('Injected against found')).split('\n');
  for (const group of ['billing', 'shipping']) {
    for (const fault of FAULTS) {
      const row = rows.find((line) => line.startsWith(group) && line.includes(fault));
      expect(row).toMatch(/ {2}[1-9]\d* +\d+(\.\.\d+)? +yes /);
    }
    // Records, six counts (one of them may be a range), and 0 wrong answers.
    const totals = rows.find((line) => new RegExp(`^${group} +\\d+ +\\d+ +\\d+ `).test(line));
    expect(totals).toMatch(/^\w+( +\d+(\.\.\d+)?){7} +0$/);
  }
  expect(shown).toContain('They agree: 0 certain answers wrong');
  expect(shown).not.toMatch(/^dupescope: |Could not be ended/m);

  // With --json the verdict alone is on stdout, and all that is for people on stderr.
  const verdict = JSON.parse(document) as { seed: number; agrees: boolean; faults: { fault: string }[] };
  expect(verdict).toMatchObject({ seed: 7, agrees: true });
  expect(new Set(verdict.faults.map(({ fault }) => fault))).toEqual(new Set(FAULTS));

  // With --keep the folder stays, and what was started does not.
  const folder = /^Kept (.*)$/m.exec(shown)?.[1] ?? '';
  try {
    expect(query(join(folder, 'dupescope.db'), 'SELECT count(*) > 0 AS has FROM redelivery')).toEqual([
      { has: 1 },
    ]);
    expect(readdirSync(join(folder, 'truth')).length).toBeGreaterThan(0);
  } finally {
    if (folder !== '') rmSync(folder, { recursive: true });
  }
}, 180_000);

test('an endless demo ends by Ctrl-C, with exit code 0 and its service gone', async () => {
  const { child, ended, errors } = demo([]);
  let shown = '';
  child.stdout?.on('data', (data: Buffer) => {
    shown += data.toString();
  });
  await until('the demo injects', () => shown.includes('injecting:'), 60_000);
  const url = /answers at (http:\S+)\./.exec(shown)?.[1] ?? '';
  expect((await fetch(`${url}/v1/groups`)).status).toBe(200);
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  await expect(fetch(`${url}/healthz`)).rejects.toThrow('fetch failed');
  expect(await errors).toBe('');
}, 120_000);

test('a wrong address is refused in one line before anything starts', async () => {
  const child = spawn(process.execPath, [CLI, 'demo', '--listen', '0.0.0.0:7475']);
  const errors = text(child.stderr);
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(2);
  expect(await errors).toMatch(/^dupescope: --listen must be 127\.0\.0\.1:<port>[^\n]*\n$/);
});
