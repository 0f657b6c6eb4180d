import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { plain, table, WIDTH_MAX } from '../../src/cli/table';
import type { GroupDetail, Identity, Page, RecordHistory, Redelivery } from '../../src/service/schemas';
import { type Running, startService } from '../service/running';
import { BEGIN, seedStory, temporaryFolder } from '../service/seed';
import { MAIN, run } from './command';

const TOKEN = 'a-token-of-the-test';
const folder = temporaryFolder();
const store = join(folder.path, 'story.db');
let running: Running;

beforeAll(async () => {
  seedStory(store);
  running = await startService({ storePath: store, token: TOKEN });
});
afterAll(async () => {
  await running.service.close();
  folder.remove();
});

async function stdoutOf(args: string[], env: Record<string, string> = {}): Promise<string> {
  const ended = await run(args, env);
  expect([ended.code, ended.stderr]).toEqual([0, '']);
  return ended.stdout;
}

test.each(
  [
    ['redeliveries', '--limit', '3'],
    ['redeliveries', '--topic', 'orders', '--partition', '0', '--first-offset', '150'],
    ['record', 'orders/0/150', '--group', 'billing'],
    ['incidents', '2'],
    ['premature-commits', '--group', 'billing', '--topic', 'orders', '--partition', '0'],
    ['skips', '--since', '1h'],
    ['stalled-commits'],
    ['rewinds', '--group', 'billing'],
    ['duplicates', '--topic', 'orders', '--cause', 'resent'],
    ['topics'],
    ['sequence-anomalies', '--topic', 'orders'],
    ['hits', '--group', 'billing'],
    ['producers'],
    ['identity', 'order-20'],
    ['identity', 'order-20', '--since', '1m'],
  ].map((question) => [question.join(' '), question] as const),
)('a store file and a service say the same: %s', async (_name, question) => {
  const embedded = await stdoutOf(['report', ...question, '--store', store, '--json']);
  const remote = await stdoutOf(['report', ...question, '--service', running.url, '--json'], {
    DUPESCOPE_TOKEN: TOKEN,
  });
  expect(JSON.parse(remote)).toEqual(JSON.parse(embedded));
});

test('redeliveries: all pages, as table, JSON and CSV', async () => {
  const args = ['report', 'redeliveries', '--store', store];
  const page = JSON.parse(await stdoutOf([...args, '--json'])) as Page<Redelivery>;
  expect(page.items).toHaveLength(4);
  const csv = await stdoutOf([...args, '--format', 'csv']);
  expect(csv.trim().split('\r\n')).toHaveLength(5);
  const lines = (await stdoutOf(args)).split('\n');
  expect(lines[0]).toMatch(/^TIME \(UTC\) +GROUP +PARTITION +OFFSETS +TRY/);
  expect(lines.filter((line) => line.includes('orders/0'))).toHaveLength(4);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(WIDTH_MAX);
  expect(await stdoutOf([...args, '--group', 'audit'])).toBe('No redeliveries.\n');
  expect(await stdoutOf([...args, '--limit', '2'])).toContain('There are more');
});

test('incidents and what may be lost, as text and CSV', async () => {
  const all = await stdoutOf(['report', 'incidents', '--store', store]);
  expect(all).toMatch(/^ +1 .* closed +50 +billing got 50 records again on 1 partition of orders: seek/m);
  const open = await stdoutOf(['report', 'incidents', '--state', 'open', '--store', store]);
  expect(open.trim().split('\n')).toHaveLength(3);
  const one = await stdoutOf(['report', 'incidents', '3', '--store', store]);
  expect(one).toContain('billing never got 10 records on 1 partition of orders');
  expect(one).toContain('Advice: advice 3');
  const early = await stdoutOf(['report', 'premature-commits', '--store', store]);
  expect(early).toMatch(/orders\/0\/300 +failed +NO/);
  expect(await stdoutOf(['report', 'skips', '--store', store])).toMatch(/orders\/1\/5-14 +reset/);
  expect(await stdoutOf(['report', 'skips', '--group', 'audit', '--store', store])).toBe(
    'No skipped records.\n',
  );
  expect(await stdoutOf(['report', 'stalled-commits', '--store', store])).toContain('orders/0');
  const csv = await stdoutOf(['report', 'incidents', '--store', store, '--format', 'csv']);
  expect(csv.trim().split('\r\n')).toHaveLength(6);
  const missing = await run(['report', 'incidents', '77', '--store', store]);
  expect([missing.code, missing.stderr.trim().split('\n').length]).toEqual([4, 1]);
});

test('rewinds, duplicates, topics and an identity, as text', async () => {
  const text = (...args: string[]) => stdoutOf(['report', ...args, '--store', store]);
  expect(await text('rewinds')).toMatch(/billing +orders\/0 +200 +150 +50 +50 +seek/);
  expect(await text('duplicates')).toMatch(/orders\/0\/120 +0\/20 +90s +order-20 +duplicate +resent/);
  expect(await text('topics')).toMatch(/orders +205 +97.6% +message-id +1 +0 .*catching up/);
  expect(await text('topics')).toContain('orders: Remember identities for 1.5 min');
  expect(await text('identity', 'order-20')).toContain('order-20 stands at 2 places');
  expect(await text('record', 'orders/0/120')).toContain('has the identity of 0/20');
  expect(await text('hits')).toMatch(/orders\/0\/150-179 +redelivery +unknown +5.0s/);
  expect(await text('producers')).toMatch(/host-a:7 +NO +1 +20 +3 +2 +duplicates, loss/);
  expect(await text('producers')).toContain(
    'a lost answer writes twice. It happened 2 times: 3 attempts failed.',
  );
  const missing = await run(['report', 'identity', 'order-21', '--store', store]);
  expect([missing.code, missing.stderr.trim().split('\n').length]).toEqual([4, 1]);
});

test.each([
  ['rewinds', '2h', /^id,version,at,.*,from_offset,to_offset,records,redelivered,/, 1],
  ['duplicates', '2h', /^id,version,kind,found_at,/, 1],
  ['topics', null, /^cluster,topic,/, 1],
  ['sequence-anomalies', '2h', /^id,found_at,cluster,topic,/, 1],
  ['hits', '2h', /^at,cluster,group,topic,/, 1],
] as const)('%s as CSV, and since a time', async (what, since, header, rows) => {
  const args = ['report', what, '--store', store, '--format', 'csv'];
  const csv = (await stdoutOf(args)).trim().split('\r\n');
  expect(csv[0]).toMatch(header);
  expect(csv).toHaveLength(1 + rows);
  if (since === null) return;
  const lately = await stdoutOf([...args, '--since', '1m']);
  expect(lately.trim().split('\r\n')).toHaveLength(1);
  const all = await stdoutOf([...args, '--since', '3h']);
  expect(all.trim().split('\r\n')).toEqual(csv);
});

test('an identity since a time: places written and copies found from then on; none is no error', async () => {
  const args = ['report', 'identity', 'order-20', '--store', store, '--since'];
  const between = new Date(BEGIN + 45_000).toISOString();
  const answers = [];
  for (const since of ['3h', between, '1m']) {
    const { places, copies } = JSON.parse(await stdoutOf([...args, since, '--json'])) as Identity;
    answers.push([places.map(({ offset }) => offset), copies.map(({ offset }) => offset)]);
  }
  expect(answers).toEqual([
    [[20, 120], [120]],
    [[120], [120]],
    [[], []],
  ]);
  expect(await stdoutOf([...args, '3h'])).toMatch(/^order-20 stands at 2 places written from 3h on:\n/);
  expect(await stdoutOf([...args, '1m'])).toMatch(
    /^order-20 stands at 0 places written from 1m on\.\n\nNo copy of it was found since 1m\.\n/,
  );
  const csv = await stdoutOf([...args, between, '--format', 'csv']);
  expect(csv.trim().split('\r\n')).toHaveLength(2);
  const wrong = await run([...args, 'yesterday']);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('since must be a time as')]);
});

test('a sequence that was used twice: in a report of its own, among the topics, and by doctor', async () => {
  expect(await stdoutOf(['report', 'sequence-anomalies', '--since', '3h', '--store', store])).toMatch(
    /orders\/0\/121 +3 +9 +0 +30 +120 +120$/m,
  );
  const words =
    'orders: 1 record batch bears sequences that their producer had used before (the latest at orders/0/121)';
  expect(await stdoutOf(['report', 'topics', '--store', store])).toContain(words);
  const { stdout } = await run(['doctor', '--store', store]);
  expect(stdout).toMatch(/^warn +sequences +orders: 1 record batch bears /m);
});

test('a window that reaches less far back than configured', async () => {
  const text = await stdoutOf(['report', 'topics', '--store', store]);
  expect(text).toMatch(/LOOKS BACK/);
  expect(text).toMatch(/orders .* 60m of 2h! /);
  expect(text).toContain(
    'orders: copies are found 1 h back, not the configured 2 h: the topic has more identities',
  );
  const { stdout } = await run(['doctor', '--store', store]);
  expect(stdout).toMatch(/^warn +window +orders: copies are found 1 h back, not the configured 2 h/m);
});

test('groups and one group', async () => {
  expect(await stdoutOf(['report', 'groups', '--store', store])).toMatch(/^billing +c1 +1 +315 +104 /m);
  const one = await stdoutOf(['report', 'groups', 'billing', '--cluster', 'c1', '--store', store]);
  expect(one).toContain('Consumers that live now: 1, of 2 seen');
  const detail = await stdoutOf([
    'report',
    'groups',
    'billing',
    '--cluster',
    'c1',
    '--store',
    store,
    '--json',
  ]);
  expect((JSON.parse(detail) as GroupDetail).partitions_detail).toHaveLength(3);
});

test('one record', async () => {
  const args = [
    'report',
    'record',
    'orders/0/185',
    '--group',
    'billing',
    '--cluster',
    'c1',
    '--store',
    store,
  ];
  const text = await stdoutOf(args);
  expect(text).toContain('in billing: delivered 2 times');
  expect(text).toMatch(/commit lowered from 200 to 150 by host-bb/);
  expect(text).toContain('Error: no such account');
  const answer = JSON.parse(await stdoutOf([...args, '--json'])) as RecordHistory;
  expect(answer.history).toHaveLength(2);
  expect((await stdoutOf([...args, '--format', 'csv'])).trim().split('\r\n')).toHaveLength(3);
});

test('without the token the service refuses, and says how to give it', async () => {
  const ended = await run(['report', 'groups', '--service', running.url]);
  expect([ended.code, ended.stdout]).toEqual([5, '']);
  expect(ended.stderr).toMatch(/^dupescope: .*DUPESCOPE_TOKEN or --token\.\n$/);
  const other = await run(['report', 'groups', '--service', running.url, '--token', 'wrong-token']);
  expect(other.code).toBe(5);
  expect(other.stderr).not.toContain('wrong-token');
});

test('a reader that closes early is no error', async () => {
  const child = spawn(process.execPath, [MAIN, 'report', 'redeliveries', '--store', store, '--json'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect([code, stderr]).toEqual([0, '']);
});

test('tables fit, and hold nothing that a terminal would obey', () => {
  const rows = [{ name: `\u001b[31m${'long-name-'.repeat(20)}end`, count: 7 }];
  const text = table(
    [
      { title: 'NAME', cell: (row) => row.name },
      { title: 'COUNT', cell: (row) => row.count, right: true },
    ],
    rows,
  );
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(WIDTH_MAX);
  expect(text).not.toContain('\u001b');
  expect(text).toContain('end  ');
  expect(plain('a\u0007b\u202ec')).toBe('a?b?c');
});
