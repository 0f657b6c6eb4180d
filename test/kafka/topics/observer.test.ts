import { randomUUID } from 'node:crypto';
import type { Producer } from 'kafkajs';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { found, type Observing, observe, rangesOf, recordsOf, storeIn, untilRecords } from './observing';

const folder = testFolder('observer');
const kafka = testKafka();
let producer: Producer;
const running: Observing[] = [];

beforeAll(async () => {
  producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
});
afterAll(() => producer.disconnect());

const begin = async (options: Parameters<typeof observe>[0]) => {
  const one = await observe(options);
  running.push(one);
  return one;
};
const withId = (id: string, value = `of ${id}`) => ({
  key: id,
  value,
  headers: { 'message-id': id },
});
const send = (topic: string, messages: { value: string | null; key?: string | null; partition?: number }[]) =>
  producer.send({ topic, messages: messages as never });

test('sent again by the application: found once each, with the first copy, over partitions', async () => {
  const topic = await createTopic(uniqueName('orders'), 3);
  const store = storeIn(folder, topic);
  const ids = Array.from({ length: 500 }, () => randomUUID());
  await send(
    topic,
    ids.map((id, i) => ({ ...withId(id), partition: i % 3 })),
  );
  const again = ids.slice(100, 150);
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
