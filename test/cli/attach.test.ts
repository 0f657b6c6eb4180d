import { json } from '../service/running';
import { temporaryFolder } from '../service/seed';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { run, start } from './command';

jest.setTimeout(90_000);
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
