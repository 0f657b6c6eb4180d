import type { Group, GroupDetail, ObservedTopic, Page } from '../../src/service/schemas';
import { Tool } from '../kafka/watch/groups';
import { json } from '../service/running';
import { temporaryFolder } from '../service/seed';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { run, start } from './command';

jest.setTimeout(200_000);
/** A busy machine takes long to start. */
const PATIENCE_MS = 90_000;
const folder = temporaryFolder();
afterAll(() => folder.remove());

test('serve attaches to topics that exist, is ready when it has caught up, and doctor tells of them', async () => {
  const topic = await createTopic(uniqueName('attached'), 2);
  const producer = testKafka().producer();
  await producer.connect();
  const ids = Array.from({ length: 200 }, (_, i) => `order-${i}`);
  const messages = [...ids, ...ids.slice(0, 20)].map((id) => ({
    key: id,
    value: id,
    headers: { 'message-id': id },
  }));
  await producer.send({ topic, messages: [...messages, { key: 'x', value: 'no identity' }] });
  await producer.disconnect();
  const store = `${folder.path}/attach.db`;
  const flags = ['--store', store, '--brokers', testBrokers().join(','), '--topics', topic];
  const serving = start(['serve', ...flags, '--listen', '127.0.0.1:0', '--groups', 'none-of-them']);
  const port = Number(/:(\d+) /.exec(await serving.firstLine)?.[1]);
  await until('it is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200);
  expect(await json(port, '/readyz')).toEqual({ status: 'ok', problems: [] });
  const { stdout } = await run(['doctor', ...flags]);
  expect(stdout).toMatch(/^ok +topics +1 are observed, all may be read$/m);
  expect(stdout).toMatch(new RegExp(`^ok +identities +${topic}: message-id on 99.5% of records$`, 'm'));
  serving.process.kill('SIGTERM');
  expect((await serving.ended).code).toBe(0);
  const missing = await run(['doctor', ...flags.slice(0, 4), '--topics', 'no-such-topic-at-all']);
  expect(missing.stdout).toMatch(/^FAIL +topics +none of the cluster's \d+ topics/m);
  expect(missing.code).toBe(1);
});

test('topics without brokers, and rules that cannot be followed, end the command', async () => {
  const none = await run(['serve', '--topics', 'orders', '--store', `${folder.path}/none.db`]);
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('topics need brokers')]);
  const trace = await run([
    ...['serve', '--brokers', '127.0.0.1:1', '--topics', 'orders', '--identity', 'header:traceparent'],
    ...['--store', `${folder.path}/none.db`, '--listen', '127.0.0.1:0'],
  ]);
  expect([trace.code, trace.stderr]).toEqual([
    2,
    expect.stringContaining('traceparent does not name one message'),
  ]);
});

test('lag in seconds is that of the records where the topic is observed, older than the service', async () => {
  const topic = await createTopic(uniqueName('old'), 1);
  const group = uniqueName('old');
  const producer = testKafka().producer();
  await producer.connect();
  const hourAgo = Date.now() - 3_600_000;
  const messages = Array.from({ length: 10 }, (_, i) => ({
    value: String(i),
    timestamp: String(hourAgo + i * 60_000),
  }));
  await producer.send({ topic, messages });
  await producer.disconnect();
  const tool = new Tool();
  await tool.commit(group, topic, { 0: 4 });
  await tool.close();
  const serving = start(
    [
      ...[
        'serve',
        '--store',
        `${folder.path}/old.db`,
        '--brokers',
        testBrokers().join(','),
        '--topics',
        topic,
      ],
      ...['--listen', '127.0.0.1:0', '--groups', group, '--lag-interval-ms', '500'],
    ],
    {},
    2 * PATIENCE_MS,
  );
  const port = Number(/:(\d+) /.exec(await serving.firstLine)?.[1]);
  const lag = async () => {
    const told = (await json(port, `/v1/groups/${group}`)) as GroupDetail;
    return told.partitions_detail[0] ?? { lag_records: null, lag_seconds: null };
  };
  const groups = async () => ((await json(port, '/v1/groups')) as Page<Group>).items;
  await until('the group is known', async () => (await groups()).length > 0, PATIENCE_MS);
  await until('its lag is', async () => (await lag()).lag_seconds !== null, PATIENCE_MS);
  const { lag_records, lag_seconds } = await lag();
  expect(lag_records).toBe(6);
  // Of the first and the last of a stretch the times are known, those between by proportion.
  const age = (Date.now() - hourAgo) / 1_000 - 4 * 60;
  expect(Math.abs((lag_seconds ?? 0) - age)).toBeLessThan(10);
  serving.process.kill('SIGTERM');
  await serving.ended;
});

test.each([['end'], ['a time']])('serve with exclusions, from %s', async (where) => {
  const name = uniqueName('chosen');
  const [wanted, unwanted] = await Promise.all(['a', 'b'].map((end) => createTopic(`${name}-${end}`, 1)));
  const producer = testKafka().producer();
  await producer.connect();
  const send = async (count: number, timestamp: number) => {
    const messages = Array.from({ length: count }, (_, i) => ({
      value: String(i),
      timestamp: String(timestamp),
      headers: { 'message-id': `${timestamp}-${i}` },
    }));
    for (const topic of [wanted, unwanted]) await producer.send({ topic: topic as string, messages });
  };
  const hourAgo = Date.now() - 3_600_000;
  await send(7, hourAgo);
  const tool = new Tool();
  for (const end of ['a', 'b']) await tool.commit(`${name}-${end}`, wanted as string, { 0: 3 });
  await tool.close();
  const from = where === 'end' ? 'end' : new Date(hourAgo + 1_800_000).toISOString();
  const serving = start(
    [
      ...['serve', '--store', `${folder.path}/${name}.db`, '--brokers', testBrokers().join(',')],
      ...['--topics', `${name}-*`, '--exclude-topics', `/-b$/`, '--from', from, '--listen', '127.0.0.1:0'],
      ...['--groups', `${name}-*`, '--exclude-groups', `${name}-b`],
    ],
    {},
    2 * PATIENCE_MS,
  );
  const port = Number(/:(\d+) /.exec(await serving.firstLine)?.[1]);
  await until(
    'it is ready',
    async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200,
    PATIENCE_MS,
  );
  await send(5, Date.now());
  await producer.disconnect();
  const topics = async () => ((await json(port, '/v1/topics')) as Page<ObservedTopic>).items;
  await until('what came later is observed', async () => (await topics())[0]?.records === 5, PATIENCE_MS);
  expect((await topics()).map(({ topic, records }) => [topic, records])).toEqual([[wanted, 5]]);
  const groups = async () =>
    ((await json(port, '/v1/groups')) as Page<Group>).items.map(({ group }) => group);
  await until('the group is watched', async () => (await groups()).length > 0, PATIENCE_MS);
  expect(await groups()).toEqual([`${name}-a`]);
  serving.process.kill('SIGTERM');
  expect((await serving.ended).code).toBe(0);
});
