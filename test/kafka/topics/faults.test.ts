/**
 * A workload whose producers lose answers, send again, restart, mirror and reuse ids, held against a bare consumer's
 * reading of the same log: what is found is what stands there twice, all of it, at every restart of the observer.
 */
import type { Kafka, Message, ProducerConfig } from 'kafkajs';
import { API, type Broker } from '../../../src/demo/broker';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { writeByJava } from './java-writer';
import { found, observe, recordsOf, storeIn } from './observing';

jest.setTimeout(420_000);
const folder = testFolder('observer-faults');
const PARTITIONS = 3;

let broker: Broker;
let direct: Kafka;
let proxied: Kafka;
beforeAll(async () => {
  broker = await startOwnBroker({ proxy: true });
  direct = testKafka({ brokers: broker.brokers });
  proxied = testKafka({ brokers: broker.proxied, requestTimeout: 1_000 });
});
afterAll(() => broker.stop());

interface Place {
  id: string;
  partition: number;
  offset: number;
  value: string;
}

/** All that stands in the topic, as a bare consumer reads it. */
async function logOf(topic: string): Promise<Place[]> {
  const admin = direct.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const total = ends.reduce((sum, { high }) => sum + Number(high), 0);
  const places: Place[] = [];
  const consumer = direct.consumer({ groupId: uniqueName('truth') });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      const id = String(message.headers?.['message-id']);
      places.push({ id, partition, offset: Number(message.offset), value: String(message.value) });
    },
  });
  await until('the truth is read', () => places.length >= total, 60_000);
  await consumer.disconnect();
  return places;
}

const message = (id: string, keyed = true, value = `value of ${id}`): Message => ({
  key: keyed ? id : null,
  value,
  headers: { 'message-id': id },
});
const named = (name: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `${name}#${from + i}`);

async function produce(
  kafka: Kafka,
  topic: string,
  batches: Message[][],
  config: ProducerConfig = {},
): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...config });
  await producer.connect();
  for (const messages of batches) await producer.send({ topic, messages, acks: -1 });
  await producer.disconnect();
}

const chunks = <T>(all: readonly T[], size: number) =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

/** Each so manyeth answer to a produce request is lost, while `work` runs. */
async function losing(every: number, work: () => Promise<void>): Promise<number> {
  const before = broker.proxy?.counters.dropped ?? 0;
  let seen = 0;
  broker.proxy?.dropAnswers(({ apiKey }) => apiKey === API.Produce && ++seen % every === 0);
  try {
    await work();
  } finally {
    broker.proxy?.heal();
  }
  return (broker.proxy?.counters.dropped ?? 0) - before;
}

/** What an id's second copy comes from, by the name of its step. */
const CAUSES: Record<string, string> = {
  'kafkajs-retry': 'producer_retry',
  'kafkajs-keyless': 'producer_retry',
  java: 'producer_retry',
  resent: 'resent',
  restart: 'producer_restart',
  mirror: 'replay',
};

test('precision and recall 1.0 at every restart, causes named right', async () => {
  const topic = await createTopic(uniqueName('faults'), PARTITIONS, direct);
  const store = storeIn(folder, topic);
  const idempotent = { idempotent: true, maxInFlightRequests: 1 };
  const steps: Record<string, () => Promise<void>> = {
    'unrelated traffic': () =>
      produce(
        direct,
        topic,
        chunks(
          named('other', 3_000).map((id) => message(id)),
          100,
        ),
        // On a busy machine any other producer may send again by itself.
        idempotent,
      ),
    'kafkajs, not idempotent, answers lost': async () => {
      const lost = await losing(7, () =>
        produce(
          proxied,
          topic,
          chunks(
            named('kafkajs-retry', 1_000).map((id) => message(id)),
            25,
          ),
        ),
      );
      expect(lost).toBeGreaterThan(3);
    },
    'kafkajs, answers lost: with idempotence the broker drops what is repeated, without a key it moves':
      async () => {
        const keyed = named('idempotent', 300).map((id) => message(id));
        await losing(6, () => produce(proxied, topic, chunks(keyed, 25), idempotent));
        const keyless = named('kafkajs-keyless', 300).map((id) => message(id, false));
        await losing(6, () => produce(proxied, topic, chunks(keyless, 20)));
      },
    'a Java producer, answers lost': async () => {
      const java = { brokers: broker.proxied, topic, requestTimeoutMs: 1_000 };
      await losing(8, () => writeByJava({ ...java, count: 600, idempotent: false, compression: 'gzip' }));
      await losing(8, () => writeByJava({ ...java, count: 400, first: 10_000, idempotent: true }));
    },
    'sent again by the application': async () => {
      const all = named('resent', 600).map((id) => message(id));
      await produce(direct, topic, [...chunks(all, 50), ...chunks(all.slice(100, 300), 3)], idempotent);
    },
    'a producer that restarts and repeats': async () => {
      const all = named('restart', 400).map((id) => message(id));
      await produce(direct, topic, chunks(all, 40), idempotent);
      await produce(direct, topic, chunks(all.slice(320), 40), idempotent);
    },
    'a mirror that ran over its own topic': async () => {
      const at = Date.now() - 3_600_000;
      const all = named('mirror', 600).map((id, i) => ({
        ...message(id),
        timestamp: String(at + i * 1_000),
      }));
      await produce(direct, topic, chunks(all, 60));
      await produce(direct, topic, chunks(all, 20));
    },
    'ids used for two messages': async () => {
      const all = named('reuse', 50);
      await produce(direct, topic, [
        all.map((id) => message(id)),
        all.map((id) => message(id, true, `another ${id}`)),
      ]);
    },
  };

  for (const [step, work] of Object.entries(steps)) {
    await work();
    const truth = await logOf(topic);
    const observing = await observe({ store, topics: [topic], brokers: broker.brokers });
    try {
      await until(`all is read after: ${step}`, () => recordsOf(store, topic) >= truth.length, 60_000);
    } finally {
      await observing.close();
    }
    expect([step, recordsOf(store, topic)]).toEqual([step, truth.length]);
    const copies = new Map<string, number>();
    for (const { id } of truth) copies.set(id, (copies.get(id) ?? 0) + 1);
    const expected = [...copies].flatMap(([id, count]) =>
      Array<[string, string]>(count - 1).fill([id, id.startsWith('reuse#') ? 'id_reuse' : 'duplicate']),
    );
    const rows = found(store);
    expect([step, rows.map(({ identity, kind }) => [identity, kind]).sort()]).toEqual([
      step,
      expected.sort(),
    ]);
  }

  const tally: Record<string, Record<string, number>> = {};
  let right = 0;
  let judged = 0;
  const provenWrong: unknown[] = [];
  for (const row of found(store).filter(({ kind }) => kind === 'duplicate')) {
    const name = row.identity?.startsWith('java-') ? 'java' : String(row.identity).split('#')[0];
    const isRight = CAUSES[name ?? ''] === row.cause;
    judged++;
    if (isRight) right++;
    else if (row.certainty === 'proven') provenWrong.push(row);
    tally[name ?? ''] ??= {};
    const causes = tally[name ?? ''] as Record<string, number>;
    const told = `${row.cause} (${row.certainty})`;
    causes[told] = (causes[told] ?? 0) + 1;
  }
  if (process.env.DUPESCOPE_TEST_TALLY) console.log(tally);
  expect(provenWrong).toEqual([]);
  // Each step made copies, but for the idempotent ones, which must not.
  expect(Object.keys(tally).sort()).toEqual(Object.keys(CAUSES).sort());
  expect(right / judged).toBeGreaterThanOrEqual(0.95);
});
