import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Producer } from 'kafkajs';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import {
  found,
  type Observing,
  observe,
  rangesOf,
  read,
  recordsOf,
  storeIn,
  untilRecords,
} from './observing';

jest.setTimeout(90_000);
const folder = testFolder('observer');
const kafka = testKafka();
const admin = kafka.admin();
let producer: Producer;
const running: Observing[] = [];

beforeAll(async () => {
  producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await admin.connect();
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
});
afterAll(async () => {
  await producer.disconnect();
  await admin.disconnect();
});

const begin = async (options: Parameters<typeof observe>[0]) => {
  const one = await observe(options);
  running.push(one);
  return one;
};
const withId = (id: string, value = `of ${id}`) => ({
  key: id as string | null,
  value: value as string | null,
  headers: { 'message-id': id },
});
type Sent = Parameters<Producer['send']>[0]['messages'][number];
const send = (topic: string, messages: Sent[]) => producer.send({ topic, messages });
const ids = (count: number) => Array.from({ length: count }, () => randomUUID());
const kinds = (store: string) => found(store).map(({ kind }) => kind);

test('sent again by the application: found once each, with the first copy, over partitions', async () => {
  const topic = await createTopic(uniqueName('orders'), 3);
  const store = storeIn(folder, topic);
  const all = ids(500);
  await send(
    topic,
    all.map((id, i) => ({ ...withId(id), partition: i % 3 })),
  );
  const again = all.slice(100, 150);
  const { observer } = await begin({ store, topics: [topic] });
  await untilRecords(store, topic, 500);
  await until('it has caught up', () => observer.ready());
  expect(found(store)).toEqual([]);
  await send(
    topic,
    again.map((id, i) => ({ ...withId(id), partition: (i + 1) % 3 })),
  );
  await untilRecords(store, topic, 550);
  const rows = found(store);
  expect(rows.map(({ kind, copies }) => ({ kind, copies }))).toEqual(
    again.map(() => ({ kind: 'duplicate', copies: 2 })),
  );
  expect(rows.map(({ identity }) => identity).sort()).toEqual([...again].sort());
  expect(observer.problem()).toBeNull();
});

test('tombstones, null keys, huge, odd and repeated headers', async () => {
  const topic = await createTopic(uniqueName('odd'));
  const store = storeIn(folder, topic);
  const [a, b, c, d, e] = ids(5) as [string, string, string, string, string];
  const odd: Sent[] = [
    { key: null, value: null, headers: { 'message-id': a } },
    { key: 'k', value: '', headers: { 'message-id': b, __proto__x: 'y' } },
    { key: null, value: 'v', headers: { 'message-id': [c, 'another'] } },
    { key: 'k', value: 'v', headers: { big: Buffer.alloc(600_000, 97), 'message-id': d } },
    {
      key: 'k',
      value: 'v',
      headers: Object.fromEntries([['__proto__', 'p'] as const, ['message-id', e] as const]),
    },
    { key: null, value: 'no identity' },
  ];
  for (const message of [...odd, ...odd]) await send(topic, [message]);
  // A tombstone and an empty value are not the same payload.
  await send(topic, [{ key: null, value: '', headers: { 'message-id': a } }]);
  const { observer } = await begin({ store, topics: [topic] });
  await untilRecords(store, topic, 13);
  expect(found(store).map(({ kind, identity }) => [kind, identity])).toEqual([
    ...[a, b, c, d, e].map((id) => ['duplicate', id]),
    ['id_reuse', a],
  ]);
  expect(observer.unread()).toEqual({ old: 0, unreadable: 0 });
});

test('names, globs, regular expressions and exclusions; topics that are made while it runs', async () => {
  const prefix = uniqueName('many');
  const [plain, glob, regex] = [`${prefix}.orders`, `${prefix}.payments.a`, `${prefix}-r7`];
  for (const topic of [plain, glob]) await createTopic(topic);
  const store = storeIn(folder, prefix);
  const patterns = [plain, `${prefix}.payments.*`, `/^${prefix}-r\\d$/`];
  // From the end: what is new while it runs is read whole all the same.
  await send(glob, [withId('before'), withId('before')]);
  const { observer } = await begin({ store, topics: patterns, exclude: ['*.secret'], from: 'end' });
  await until('it has caught up', () => observer.ready());
  const late = `${prefix}.payments.late`;
  for (const topic of [regex, late, `${prefix}.payments.secret`, `${prefix}-rx`]) {
    await createTopic(topic);
    await send(topic, [withId('x'), withId('x')]);
  }
  for (const topic of [plain, glob]) await send(topic, [withId('y'), withId('y')]);
  for (const topic of [plain, glob, regex, late]) await untilRecords(store, topic, 2);
  expect(found(store).map(({ topic }) => topic)).toEqual([plain, glob, regex, late].sort());
  expect(recordsOf(store, glob)).toBe(2);
  expect(read(store, (db) => db.prepare('SELECT count(DISTINCT name) FROM topic').pluck().get())).toBe(4);
});

test('partitions that are added, and a topic that is deleted and made again', async () => {
  const topic = await createTopic(uniqueName('grows'), 1);
  const store = storeIn(folder, topic);
  const first = ids(200);
  await send(
    topic,
    first.map((id) => withId(id)),
  );
  await begin({ store, topics: [topic], from: 'beginning' });
  await untilRecords(store, topic, 200);
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  await until('the new partition has a leader', async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length === 3 && topics[0].partitions.every(({ leader }) => leader >= 0);
  });
  // A producer that knows the topic from before would send nothing to its new partition, and say nothing.
  const fresh = kafka.producer({ allowAutoTopicCreation: false });
  await fresh.connect();
  await fresh.send({ topic, messages: first.slice(0, 20).map((id) => ({ ...withId(id), partition: 2 })) });
  await fresh.disconnect();
  await untilRecords(store, topic, 220);
  expect(kinds(store)).toEqual(Array(20).fill('duplicate'));
  await admin.deleteTopics({ topics: [topic] });
  await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic));
  await until('it is made again', async () => {
    try {
      await createTopic(topic, 1);
      return true;
    } catch {
      return false;
    }
  });
  // Longer than the one before: by offsets alone it would look like its continuation.
  const again = [...first, ...ids(300)];
  await send(
    topic,
    again.map((id) => ({ ...withId(id), partition: 0 })),
  );
  await untilRecords(store, topic, 220 + 500);
  // Another life of the topic: nothing of the first is remembered for it.
  expect(found(store)).toHaveLength(20);
  expect(read(store, (db) => db.prepare('SELECT count(*) FROM topic').pluck().get())).toBe(2);
});

test('from a time, and from where it stopped', async () => {
  const topic = await createTopic(uniqueName('times'), 2);
  const at = Date.now() - 3_600_000;
  const old = ids(100);
  const timed = (id: string, timestamp: number, partition: number) => ({
    ...withId(id),
    timestamp: String(timestamp),
    partition,
  });
  for (const partition of [0, 1]) {
    await send(
      topic,
      old.map((id) => timed(`${id}-${partition}`, at - 60_000, partition)),
    );
    await send(
      topic,
      old.map((id) => timed(`${id}-${partition}`, at + 60_000, partition)),
    );
  }
  const store = storeIn(folder, topic);
  const one = await begin({ store, topics: [topic], from: at });
  await untilRecords(store, topic, 200);
  await until('it has caught up', () => one.observer.ready());
  expect(rangesOf(store, topic)).toEqual({ 0: [[100, 199]], 1: [[100, 199]] });
  expect(found(store)).toEqual([]);
  await one.close();
  await send(
    topic,
    old.map((id) => timed(`${id}-0`, at + 120_000, 0)),
  );
  // What is stored counts, whatever the configuration says.
  await begin({ store, topics: [topic], from: 'end' });
  await untilRecords(store, topic, 300);
  expect(found(store)).toHaveLength(100);
  expect(rangesOf(store, topic)[0]).toEqual([[100, 299]]);
});

test('retention outran it: it goes on at what is left, and says what it missed', async () => {
  const topic = await createTopic(uniqueName('short'));
  const store = storeIn(folder, topic);
  await send(
    topic,
    ids(50).map((id) => withId(id)),
  );
  const one = await begin({ store, topics: [topic] });
  await untilRecords(store, topic, 50);
  await one.close();
  await send(
    topic,
    ids(100).map((id) => withId(id)),
  );
  // kafkajs looks up the leader only of topics that it was asked about before.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '120' }] });
  const two = await begin({ store, topics: [topic] });
  await untilRecords(store, topic, 80);
  expect(two.missed).toEqual([[topic, 0, 50, 120]]);
  expect(rangesOf(store, topic)).toEqual({
    0: [
      [0, 49],
      [120, 149],
    ],
  });
  // Also while it runs.
  await until('it has caught up', () => two.observer.ready());
  await send(topic, [withId('last')]);
  await untilRecords(store, topic, 81);
});

test('identities that are not kept in clear, and by other rules', async () => {
  const topic = await createTopic(uniqueName('rules'));
  const store = storeIn(folder, topic);
  const value = (n: number) => JSON.stringify({ order: { id: `o-${n}` } });
  await send(
    topic,
    [1, 2, 1].map((n) => ({ key: null, value: value(n) })),
  );
  await begin({
    store,
    topics: [topic],
    identity: [{ from: 'json', path: '$.order.id' }],
    clearTexts: false,
  });
  await untilRecords(store, topic, 3);
  expect(found(store)).toMatchObject([{ identity: null, kind: 'duplicate', offset: 2, first: '0/0' }]);
});

test('the store is replaced while it runs: it begins anew, and is whole again', async () => {
  const topic = await createTopic(uniqueName('replaced'), 2);
  const store = storeIn(folder, topic);
  const all = ids(300);
  await send(
    topic,
    [...all, ...all.slice(0, 30)].map((id) => withId(id)),
  );
  const { problems } = await begin({ store, topics: [topic] });
  await untilRecords(store, topic, 330);
  for (const file of [store, `${store}-wal`, `${store}-shm`]) rmSync(file, { force: true });
  await send(topic, [withId('new'), withId('new')]);
  await until('all of it is in the new store', () => {
    try {
      return recordsOf(store, topic) === 332;
    } catch {
      return false;
    }
  });
  expect(kinds(store)).toEqual(Array(31).fill('duplicate'));
  expect(problems.map((problem) => problem?.code ?? null)).toContain('observe-gap');
});
