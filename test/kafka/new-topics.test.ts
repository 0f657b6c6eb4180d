import { join } from 'node:path';
import type {
  Admin,
  Consumer,
  ConsumerRunConfig,
  EachBatchPayload,
  EachMessagePayload,
  Kafka,
} from 'kafkajs';
import { deliveryOf, instrument } from '../../src';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { ledgerOf, query, truthOf, wrongAnswers } from '../support/ledger';

const folder = testFolder('new-topics');
const QUICK = { sessionTimeout: 6_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 };
const HANDLERS = ['eachMessage', 'eachBatch'] as const;
const running: Consumer[] = [];
let admin: Admin;

beforeAll(async () => {
  admin = testKafka().admin();
  await admin.connect();
});
afterEach(async () => {
  for (const consumer of running.splice(0)) await consumer.disconnect();
});
afterAll(async () => {
  await admin.disconnect();
});

/**
 * Writes `count` records into each of the partitions, by a client that knows of no earlier state of the topic. A send
 * for each: kafkajs repeats a whole one when a new partition's leader is not ready yet, with what was written already.
 */
async function produce(topic: string, count: number, partitions: readonly number[]): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  for (const partition of partitions) {
    const messages = Array.from({ length: count }, (_, i) => ({ partition, value: `v${i}` }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

/** One group's store and what its handlers saw, with the attempts that they were told. */
class Watched {
  readonly group = uniqueName('group');
  readonly seen: string[] = [];
  readonly attempts = new Map<number, number>();

  constructor(
    readonly kafka: Kafka,
    readonly store: string,
  ) {}

  static make(): Watched {
    const store = join(folder, `${uniqueName('store')}.db`);
    return new Watched(instrument(testKafka(), { store }), store);
  }

  async consumer(topics: (string | RegExp)[], metadataMaxAge = 300_000): Promise<Consumer> {
    const consumer = this.kafka.consumer({ groupId: this.group, metadataMaxAge, ...QUICK });
    running.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    return consumer;
  }

  handler(kind: (typeof HANDLERS)[number]): ConsumerRunConfig {
    const note = (topic: string, partition: number, message: EachMessagePayload['message']) => {
      this.seen.push(`${topic} ${partition} ${message.offset}\n`);
      const attempt = deliveryOf(message)?.attempt ?? 0;
      this.attempts.set(attempt, (this.attempts.get(attempt) ?? 0) + 1);
    };
    return kind === 'eachMessage'
      ? { eachMessage: async ({ topic, partition, message }) => note(topic, partition, message) }
      : {
          eachBatch: async ({ batch }: EachBatchPayload) => {
            for (const message of batch.messages) note(batch.topic, batch.partition, message);
          },
        };
  }

  async ended(consumer: Consumer): Promise<void> {
    running.splice(running.indexOf(consumer), 1);
    await consumer.disconnect();
  }

  /** Records of which the ledger says something else than the handlers. */
  wrong(): string[] {
    return wrongAnswers(ledgerOf(this.store, this.group), truthOf(this.seen));
  }

  /** What the store knows of each partition of the group, by topic. */
  totals(): { topic: string; partition: number; deliveries: number; redeliveries: number }[] {
    return query(
      this.store,
      `SELECT t.name AS topic, gp.partition, gp.deliveries, gp.redeliveries
       FROM group_partition gp JOIN topic t ON t.id = gp.topic JOIN consumer_group g ON g.id = gp.grp
       WHERE g.name = ? ORDER BY t.name, gp.partition`,
      this.group,
    );
  }

  /** Every topic of the store once, with the id that the broker gave it. */
  topicIds(): Map<string, string | null> {
    const rows = query<{ name: string; topic_id: string | null }>(
      this.store,
      'SELECT name, topic_id FROM topic',
    );
    const ids = new Map(rows.map(({ name, topic_id }) => [name, topic_id]));
    expect(ids.size).toBe(rows.length);
    return ids;
  }
}

/** Different ids, as the broker gives them. */
function expectIds(ids: Map<string, string | null>, topics: readonly string[]): void {
  expect([...ids.keys()].sort()).toEqual([...topics].sort());
  for (const id of ids.values()) expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(ids.values()).size).toBe(topics.length);
}

const counted = (topic: string, deliveries: readonly number[], redeliveries = 0) =>
  deliveries.map((count, partition) => ({ topic, partition, deliveries: count, redeliveries }));

describe.each(HANDLERS)('%s', (kind) => {
  test('a topic made after a subscription by regular expression is recorded from the next subscribe on', async () => {
    const watched = Watched.make();
    const prefix = uniqueName('orders');
    const old = await createTopic(`${prefix}-a`, 2);
    await produce(old, 50, [0, 1]);
    const pattern = new RegExp(`^${prefix}`);
    const consumer = await watched.consumer([pattern]);
    await consumer.run(watched.handler(kind));
    await until('the old topic is seen', () => watched.seen.length === 100);

    const young = await createTopic(`${prefix}-b`, 3);
    await produce(young, 30, [0, 1, 2]);
    await produce(old, 10, [0, 1]);
    await until('the old topic goes on', () => watched.seen.length === 120);
    expect(watched.seen.join('')).not.toContain(young);

    // kafkajs looks for matching topics in `subscribe` alone, and refuses that of a running consumer.
    await consumer.stop();
    await consumer.subscribe({ topics: [pattern], fromBeginning: true });
    await produce(old, 5, [0, 1]);
    await consumer.run(watched.handler(kind));
    await until('both are seen', () => watched.seen.length === 220);
    await watched.ended(consumer);

    expect(watched.wrong()).toEqual([]);
    expect([...watched.attempts]).toEqual([[1, 220]]);
    expect(watched.totals()).toEqual([...counted(old, [65, 65]), ...counted(young, [30, 30, 30])]);
    expect(query(watched.store, 'SELECT count(*) AS n FROM redelivery')).toEqual([{ n: 0 }]);
    expectIds(watched.topicIds(), [old, young]);
  });

  test('what another member delivered before the new subscription is known after it, of both topics', async () => {
    const watched = Watched.make();
    const prefix = uniqueName('orders');
    const old = await createTopic(`${prefix}-a`, 1);
    await produce(old, 40, [0]);
    const pattern = new RegExp(`^${prefix}`);
    const uncommitted = { autoCommit: false, ...watched.handler(kind) };
    const consumer = await watched.consumer([pattern]);
    await consumer.run(uncommitted);
    await until('the old topic is seen', () => watched.seen.length === 40);
    await consumer.stop();

    const young = await createTopic(`${prefix}-b`, 1);
    await produce(young, 20, [0]);
    const other = await watched.consumer([pattern]);
    await other.run(uncommitted);
    await until('another member has seen both', () => watched.seen.length === 100);
    await watched.ended(other);

    await consumer.subscribe({ topics: [pattern], fromBeginning: true });
    await consumer.run(uncommitted);
    await until('both are seen again', () => watched.seen.length === 160);
    await watched.ended(consumer);

    expect(watched.wrong()).toEqual([]);
    expect([...watched.attempts].sort()).toEqual([
      [1, 60],
      [2, 60],
      [3, 40],
    ]);
    expect(watched.totals()).toEqual([...counted(old, [120], 80), ...counted(young, [40], 20)]);
    expectIds(watched.topicIds(), [old, young]);
  });

  test('partitions that are added while it runs are recorded with those that were there', async () => {
    const watched = Watched.make();
    const topic = await createTopic(uniqueName('orders'), 2);
    await produce(topic, 40, [0, 1]);
    const consumer = await watched.consumer([topic], 500);
    const joins: number[] = [];
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      joins.push(payload.memberAssignment[topic]?.length ?? 0);
    });
    await consumer.run(watched.handler(kind));
    await until('all are seen', () => watched.seen.length === 80);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] });
    await until('the new ones have leaders', async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.filter(({ leader }) => leader >= 0).length === 4;
    });
    await produce(topic, 30, [0, 1, 2, 3]);
    await until('kafkajs has noticed', () => joins.at(-1) === 4);
    await until('those of the new ones are seen', () => watched.seen.length === 200);
    await watched.ended(consumer);

    expect(joins).toEqual([2, 4]);
    expect(watched.wrong()).toEqual([]);
    expect([...watched.attempts]).toEqual([[1, 200]]);
    expect(watched.totals()).toEqual(counted(topic, [70, 70, 30, 30]));
    expectIds(watched.topicIds(), [topic]);
  });

  test('a topic made while one consumer runs is read by a second one of the process, the first undisturbed', async () => {
    const first = Watched.make();
    const second = new Watched(first.kafka, first.store);
    const topic = await createTopic(uniqueName('orders'), 2);
    await produce(topic, 50, [0, 1]);
    const one = await first.consumer([topic]);
    await one.run(first.handler(kind));
    await until('the first is under way', () => first.seen.length === 100);

    const other = await createTopic(uniqueName('refunds'), 2);
    const two = await second.consumer([other]);
    await two.run(second.handler(kind));
    await produce(other, 25, [0, 1]);
    await produce(topic, 25, [0, 1]);
    await until('each sees its own', () => first.seen.length === 150 && second.seen.length === 50);
    await second.ended(two);
    await produce(topic, 5, [0, 1]);
    await until('the first goes on', () => first.seen.length === 160);
    await first.ended(one);

    expect([...first.wrong(), ...second.wrong()]).toEqual([]);
    expect([...first.attempts]).toEqual([[1, 160]]);
    expect([...second.attempts]).toEqual([[1, 50]]);
    expect(first.totals()).toEqual(counted(topic, [80, 80]));
    expect(second.totals()).toEqual(counted(other, [25, 25]));
    expectIds(first.topicIds(), [topic, other]);
  });
});
