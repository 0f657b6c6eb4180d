import { join } from 'node:path';
import type { KafkaMessage } from 'kafkajs';
import { deliveryOf, idempotent, instrument, recordHit } from '../../src';
import type { Hit } from '../../src/check';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';

const folder = testFolder('check-ledger');

async function topicOf(ids: readonly string[]): Promise<string> {
  const topic = await createTopic(uniqueName('checked'), 1);
  const producer = testKafka().producer();
  await producer.connect();
  const messages = ids.map((id) => ({ value: id, headers: { 'message-id': id } }));
  await producer.send({ topic, messages });
  await producer.disconnect();
  return topic;
}

interface Consuming {
  group: string;
  /** Of the ledger; undefined: a consumer that nobody observes. */
  store?: string;
  topic: string;
}

/** Consumes the topic twice, by a seek to its start when all of it was delivered. */
async function consumeTwice(
  { group, store, topic }: Consuming,
  length: number,
  run: (delivered: (count: number) => void) => object,
) {
  const kafka = store === undefined ? testKafka() : instrument(testKafka(), { store });
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 50 });
  let delivered = 0;
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run(run((count) => (delivered += count)));
  try {
    await until('all is delivered', () => delivered === length);
    consumer.seek({ topic, partition: 0, offset: '0' });
    await until('all is delivered again', () => delivered === 2 * length);
  } finally {
    await consumer.disconnect();
  }
}

/** What `run` takes to consume by one of the two handlers, and to tell how many it was given. */
function telling(
  form: 'eachMessage' | 'eachBatch',
  one: (payload: never) => Promise<void>,
  many: (payload: never) => Promise<void>,
  delivered: (count: number) => void,
): object {
  if (form === 'eachMessage')
    return { eachMessage: (payload: never) => one(payload).then(() => delivered(1)) };
  return {
    eachBatch: (payload: { batch: { messages: unknown[] } }) =>
      many(payload as never).then(() => delivered(payload.batch.messages.length)),
  };
}

function accountIn(store: string) {
  return query(
    store,
    'SELECT redeliveries, duplicates_delivered, hits, applied_again, failed_again FROM group_partition',
  );
}

const IDS = ['a', 'b', 'c', 'a', 'b', 'd', 'e', 'e'];

describe('hits in the ledger of an observed consumer', () => {
  test.each(['eachMessage', 'eachBatch'] as const)('of idempotent, %s', async (form) => {
    const [topic, group] = [await topicOf(IDS), uniqueName('checked')];
    const store = join(folder, `${group}.db`);
    const applied: string[] = [];
    const options = { name: group, store: { sqlite: join(folder, `${group}.check.db`) }, windowMs: 60_000 };
    const apply = (messages: KafkaMessage[]) =>
      void applied.push(...messages.map(({ value }) => String(value)));
    const one = idempotent(async ({ message }) => apply([message]), options);
    const many = idempotent.eachBatch(async ({ batch }) => apply(batch.messages), options);
    await consumeTwice({ group, store, topic }, IDS.length, (delivered) =>
      telling(form, one, many, delivered),
    );
    await one.close();
    await many.close();
    expect(applied).toEqual(['a', 'b', 'c', 'd', 'e']);
    // Offsets 3, 4 and 7 are duplicates; all of it was delivered twice.
    expect(accountIn(store)).toEqual([
      { redeliveries: 8, duplicates_delivered: 3, hits: 11, applied_again: 0, failed_again: 0 },
    ]);
    const stretches = 'SELECT first, last, window_ms FROM idempotency_hit ORDER BY at, first';
    const rows = query<{ first: number; last: number; window_ms: number }>(store, stretches);
    expect(rows.map(({ first, last }) => [first, last])).toEqual([
      [3, 4],
      [7, 7],
      [0, 7],
    ]);
    expect(rows.every(({ window_ms }) => window_ms === 60_000)).toBe(true);
  });

  test('of a check of its own, with what was applied again in spite of it', async () => {
    const [topic, group] = [await topicOf(['a', 'b', 'c', 'd']), uniqueName('checked')];
    const store = join(folder, `${group}.db`);
    await consumeTwice({ group, store, topic }, 4, (delivered) => ({
      eachMessage: async ({ message }: { message: KafkaMessage }) => {
        const isCopy = deliveryOf(message)?.previous !== null;
        // Its check knows only two of them.
        if (isCopy && Number(message.offset) < 2) expect(recordHit(message)).toBe(true);
        delivered(1);
      },
    }));
    expect(accountIn(store)).toEqual([
      { redeliveries: 4, duplicates_delivered: 0, hits: 2, applied_again: 2, failed_again: 0 },
    ]);
  });

  test.each([
    ['SQLite', 'eachMessage'],
    ['memory', 'eachBatch'],
  ] as const)(
    'are not needed: of a plain kafkajs consumer copies are skipped too, in %s, %s',
    async (kind, form) => {
      const [topic, group] = [await topicOf(IDS), uniqueName('plain')];
      const applied: string[] = [];
      const hits: string[] = [];
      const options = {
        name: group,
        store: kind === 'memory' ? { memory: 100 } : { sqlite: join(folder, `${group}.check.db`) },
        onHit: ({ message: { offset } }: Hit) => void hits.push(offset),
      };
      const one = idempotent(async ({ message }) => void applied.push(String(message.value)), options);
      const many = idempotent.eachBatch(
        async ({ batch }) => void applied.push(...batch.messages.map(({ value }) => String(value))),
        options,
      );
      await consumeTwice({ group, topic }, IDS.length, (delivered) => telling(form, one, many, delivered));
      await one.close();
      await many.close();
      expect(applied).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(hits.map(Number)).toEqual([3, 4, 7, 0, 1, 2, 3, 4, 5, 6, 7]);
    },
  );

  test('are not recorded of a message that no observed handler has', () => {
    expect(recordHit({ offset: '0' })).toBe(false);
  });
});
