/** A log that loses its end, on a broker of its own: cut while it is down, as a broker that lost its disk comes back. */
import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kafka } from 'kafkajs';
import { instrument } from '../../src';
import type { Broker } from '../../src/demo/broker';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { settle } from '../support/settle';

const folder = testFolder('truncation');
const data = join(folder, 'kafka');
let broker: Broker;
let kafka: Kafka;

beforeAll(async () => {
  broker = await startOwnBroker({ properties: { 'log.dirs': data } });
  kafka = testKafka({ brokers: broker.brokers });
}, 120_000);
afterAll(() => broker?.stop());

/** Bytes before the batch that begins at `offset`: a batch is its base offset (8), its length (4), and so many bytes. */
function bytesBefore(log: Buffer, offset: number): number {
  let at = 0;
  while (at + 12 <= log.length && Number(log.readBigInt64BE(at)) < offset) at += 12 + log.readInt32BE(at + 8);
  return at;
}

async function produce(topic: string, values: string[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  for (const value of values) await producer.send({ topic, messages: [{ value }] });
  await producer.disconnect();
}

test('what was delivered again is another record: the log had lost its end', async () => {
  const topic = await createTopic(uniqueName('cut'), 1, kafka);
  const store = join(folder, 'store.db');
  const group = uniqueName('group');
  await produce(
    topic,
    Array.from({ length: 20 }, (_, i) => `old ${i}`),
  );

  const consume = async (seen: string[]) => {
    const consumer = instrument(kafka, { store }).consumer({ groupId: group, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        seen.push(`${message.offset} ${message.value}`);
      },
    });
    return consumer;
  };
  const before: string[] = [];
  const first = await consume(before);
  await until('all are seen', () => before.length === 20);
  await first.disconnect();

  await broker.kill();
  const segment = join(data, `${topic}-0`, '00000000000000000000.log');
  const file = openSync(segment, 'r+');
  ftruncateSync(file, bytesBefore(readFileSync(segment), 10));
  closeSync(file);
  await broker.restart();

  const after: string[] = [];
  const second = await consume(after);
  await until('it has begun anew', () => after.length >= 10, 60_000);
  await produce(
    topic,
    Array.from({ length: 10 }, (_, i) => `new ${i}`),
  );
  await until('the new records are seen', () => after.at(-1) === '19 new 9', 60_000);
  await second.disconnect();
  settle(store);

  const rows = query<{ first: number; last: number; cause: string; certainty: string; because: string }>(
    store,
    'SELECT first, last, cause, certainty, because FROM redelivery ORDER BY first',
  );
  const records = rows.reduce((sum, { first: from, last }) => sum + last - from + 1, 0);
  expect(records).toBe(20);
  expect(rows.map(({ cause, certainty }) => `${cause} ${certainty}`)).toEqual(
    rows.map(() => 'truncated probable'),
  );
  expect(rows.at(-1)?.because).toContain('it is another record');
}, 180_000);
