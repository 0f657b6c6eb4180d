import { randomUUID } from 'node:crypto';
import { type RawCluster, rawCluster, sendRaw } from '../../../src/kafka/raw-cluster';
import { BY_ID, BY_NAME, type FetchedPart, fetchRequest } from '../../../src/kafka/topics/fetch';
import { nextOffset, readRecords } from '../../../src/kafka/topics/records';
import { TopicSource } from '../../../src/kafka/topics/topic-source';
import { createTopic, testKafka, uniqueName } from '../../support/broker';

jest.setTimeout(60_000);
const LIMITS = { maxWaitMs: 100, maxBytes: 4 * 1024 ** 2, maxPartitionBytes: 1024 ** 2, uncommitted: false };
const kafka = testKafka();
let source: TopicSource;
let cluster: RawCluster;

beforeAll(async () => {
  source = await TopicSource.open(kafka);
  cluster = rawCluster(kafka) as RawCluster;
  await cluster.connect();
  await cluster.refreshMetadata();
});
afterAll(async () => {
  await source.close();
  await cluster.disconnect();
});

test('by ids and by names, as an older broker is asked, the same comes', async () => {
  const name = await createTopic(uniqueName('fetched'), 2);
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: 100 }, () => ({
    key: randomUUID(),
    value: randomUUID(),
    headers: { a: ['1', '2'], b: randomUUID() },
  }));
  await producer.send({ topic: name, messages });
  await producer.disconnect();
  const { topics } = await source.list();
  const told = topics.find((topic) => topic.name === name);
  expect(told?.partitions.map(({ partition }) => partition).sort()).toEqual([0, 1]);
  const node = told?.partitions[0]?.leader as number;
  const topic = { name, id: told?.id ?? null };
  const positions = [0, 1].map((partition) => ({ topic, partition, offset: partition * 3 }));
  const broker = await cluster.findBroker({ nodeId: String(node) });
  // One after the other: at two first fetches at once kafkajs opens two connections and forgets one.
  const byId = (await sendRaw(broker, fetchRequest(BY_ID, LIMITS, positions))) as FetchedPart[];
  const byName = (await sendRaw(broker, fetchRequest(BY_NAME, LIMITS, positions))) as FetchedPart[];
  const facts = (parts: FetchedPart[]) =>
    parts
      .map((part) => {
        const from = part.partition * 3;
        const unread = { old: 0, unreadable: 0 };
        const records = [...readRecords(part, from, unread)].flatMap((stretch) => stretch.records);
        const { partition, error, end, aborted } = part;
        return { partition, error, end, aborted, unread, next: nextOffset(part, from), records };
      })
      .sort((a, b) => a.partition - b.partition);
  expect(facts(byId)).toEqual(facts(byName));
  expect(byId.map((part) => part.topic)).toEqual([topic.id, topic.id]);
  const read = facts(byId).flatMap(({ records }) => records);
  expect(read).toHaveLength(97);
  const sent = new Map<string, (typeof messages)[number]>(messages.map((message) => [message.key, message]));
  for (const { key, value, headers } of read) {
    const message = sent.get(String(key));
    expect(String(value)).toBe(message?.value);
    expect([headers?.a].flat().map(String)).toEqual(['1', '2']);
    expect(String(headers?.b)).toBe(message?.headers.b);
  }
});

test('a list without topic ids is the same but for them', async () => {
  const name = await createTopic(uniqueName('listed'), 3);
  const { cluster: id, topics } = await source.list();
  // biome-ignore lint/complexity/useLiteralKeys: private, and never taken with this broker
  const older = await source['listWithoutIds']();
  expect(older.cluster).toBe(id);
  const sorted = (told: typeof topics) =>
    told
      .filter((topic) => topic.name === name || topic.internal)
      .map(({ name, internal, partitions }) => ({
        name,
        internal,
        partitions: partitions.length,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(sorted(older.topics)).toEqual(sorted(topics));
});
