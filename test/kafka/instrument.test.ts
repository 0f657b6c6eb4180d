import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Consumer,
  type ConsumerConfig,
  type ConsumerRunConfig,
  type EachMessagePayload,
  type Kafka,
  KafkaJSError,
  type KafkaMessage,
  type ProducerRecord,
} from 'kafkajs';
import { type Delivery, deliveryOf, type InstrumentOptions, instrument } from '../../src';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { ledgerOf, query, truthOf, wrongAnswers } from '../support/ledger';

const folder = testFolder('instrument');
const QUICK = { sessionTimeout: 6_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 };
const running: Consumer[] = [];

afterEach(async () => {
  for (const consumer of running.splice(0)) await consumer.disconnect();
});

/** A topic, a store, a group, and the truth that handlers write down. */
class Stage {
  readonly store = join(folder, `${uniqueName('store')}.db`);
  readonly group = uniqueName('group');
  readonly seen: string[] = [];
  readonly kafka: Kafka;

  constructor(
    readonly topic: string,
    options: InstrumentOptions = {},
  ) {
    this.kafka = instrument(testKafka(), { store: this.store, ...options });
  }

  static async of(partitions: number, options: InstrumentOptions = {}): Promise<Stage> {
    return new Stage(await createTopic(uniqueName('orders'), partitions), options);
  }

  note(topic: string, partition: number, message: Pick<KafkaMessage, 'offset'>): void {
    this.seen.push(`${topic} ${partition} ${message.offset}\n`);
  }

  async consumer(
    config: Partial<ConsumerConfig> = {},
    topics: (string | RegExp)[] = [this.topic],
  ): Promise<Consumer> {
    const consumer = this.kafka.consumer({ groupId: this.group, ...QUICK, ...config });
    running.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    return consumer;
  }

  async ended(...consumers: Consumer[]): Promise<void> {
    for (const consumer of consumers) {
      running.splice(running.indexOf(consumer), 1);
      await consumer.disconnect();
    }
  }

  wrong(): string[] {
    return wrongAnswers(ledgerOf(this.store, this.group), truthOf(this.seen));
  }
}

async function produce(
  topic: string,
  count: number,
  from = 0,
  more: Partial<ProducerRecord> = {},
): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  const messages = Array.from({ length: count }, (_, i) => ({ key: `k${from + i}`, value: `v${from + i}` }));
  await producer.send({ topic, messages, ...more });
  await producer.disconnect();
}

describe('eachMessage', () => {
  test('counts every delivery, and the handler knows its attempt', async () => {
    const stage = await Stage.of(2);
    await produce(stage.topic, 200);
    const consumer = await stage.consumer();
    const failing = new Error('not this one');
    const attempts: Delivery[] = [];
    let thrown = false;
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => {
        stage.note(topic, partition, message);
        const delivery = deliveryOf(message) as Delivery;
        if (delivery.attempt > 1) attempts.push(delivery);
        if (!thrown && message.offset === '30') {
          thrown = true;
          throw failing;
        }
        await Promise.resolve();
        expect(deliveryOf(message)).toMatchObject({
          attempt: delivery.attempt,
          offset: Number(message.offset),
        });
      },
    });
    await until('all are seen', () => stage.seen.length >= 201);
    await stage.ended(consumer);
    expect(stage.wrong()).toEqual([]);
    expect(attempts).toHaveLength(1);
    expect(attempts[0]).toMatchObject({
      group: stage.group,
      topic: stage.topic,
      offset: 30,
      attempt: 2,
      known: true,
      previous: { pid: process.pid, outcome: 'failed' },
    });
    expect(query(stage.store, 'SELECT error FROM delivery_run WHERE outcome = ?', 'failed')).toEqual([
      { error: 'Error: not this one' },
    ]);
    expect(query(stage.store, 'SELECT first, last, attempt, doubt FROM redelivery')).toEqual([
      { first: 30, last: 30, attempt: 2, doubt: 0 },
    ]);
  });

  test('a seek back is seen as redeliveries of the right attempts', async () => {
    const stage = await Stage.of(1);
    await produce(stage.topic, 100);
    const consumer = await stage.consumer();
    const attempts = new Map<number, number>();
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => {
        stage.note(topic, partition, message);
        attempts.set(Number(message.offset), deliveryOf(message)?.attempt ?? 0);
      },
    });
    await until('all are seen', () => stage.seen.length === 100);
    for (const again of [60, 80]) {
      const before = stage.seen.length;
      consumer.seek({ topic: stage.topic, partition: 0, offset: String(again) });
      await until('the rest is seen again', () => stage.seen.length === before + 100 - again);
    }
    await stage.ended(consumer);
    expect(stage.wrong()).toEqual([]);
    expect([
      attempts.get(59),
      attempts.get(60),
      attempts.get(79),
      attempts.get(80),
      attempts.get(99),
    ]).toEqual([1, 2, 2, 3, 3]);
    expect(query(stage.store, 'SELECT target FROM seek')).toEqual([{ target: '60' }, { target: '80' }]);
  });

  test('what a new owner redelivers, it knows to be redelivered, by whom and in which generation', async () => {
    const stage = await Stage.of(2);
    await produce(stage.topic, 100);
    const first = await stage.consumer();
    await first.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
    });
    await until('all are seen', () => stage.seen.length === 100);
    await until(
      'its generation is known',
      () => query<{ n: number }>(stage.store, 'SELECT count(generation) AS n FROM member')[0]?.n === 1,
    );
    await stage.ended(first);
    const deliveries: Delivery[] = [];
    const second = await stage.consumer();
    await second.run({
      eachMessage: async ({ topic, partition, message }) => {
        stage.note(topic, partition, message);
        deliveries.push(deliveryOf(message) as Delivery);
      },
    });
    await until('all are seen again', () => stage.seen.length === 200);
    await until(
      'the commit is in the store',
      () => query<{ n: number }>(stage.store, 'SELECT count(*) AS n FROM commit_point')[0]?.n === 2,
    );
    await stage.ended(second);
    expect(stage.wrong()).toEqual([]);
    expect(deliveries.map(({ attempt, known }) => ({ attempt, known }))).toEqual(
      Array.from({ length: 100 }, () => ({ attempt: 2, known: true })),
    );
    expect(deliveries[0]?.previous).toMatchObject({
      outcome: 'handled',
      clientId: 'dupescope-test',
      generation: 1,
    });
    expect(query(stage.store, 'SELECT DISTINCT generation FROM member ORDER BY 1')).toHaveLength(2);
    const committed = query(stage.store, 'SELECT committed, exposed_since FROM position WHERE session = 2');
    expect(committed.reduce((sum: number, row) => sum + (row as { committed: number }).committed, 0)).toBe(
      100,
    );
    expect(committed).toEqual([
      expect.objectContaining({ exposed_since: 0 }),
      expect.objectContaining({ exposed_since: 0 }),
    ]);
  });

  test('several members, concurrent partitions, a member that joins late', async () => {
    const stage = await Stage.of(6);
    await produce(stage.topic, 300);
    const run = async (consumer: Consumer) =>
      consumer.run({
        partitionsConsumedConcurrently: 3,
        eachMessage: async ({ topic, partition, message }) => {
          stage.note(topic, partition, message);
          await new Promise((resolve) => setTimeout(resolve, 1));
        },
      });
    const one = await stage.consumer();
    await run(one);
    await until('some are seen', () => stage.seen.length > 50);
    const two = await stage.consumer();
    await run(two);
    await produce(stage.topic, 300, 300);
    await until('all are seen', () => truthOf(stage.seen).size === 600);
    await stage.ended(one, two);
    expect(stage.wrong()).toEqual([]);
  });

  test('handlers of every kind: throwing before any promise, returning nothing, returning a lazy thenable', async () => {
    const stage = await Stage.of(1);
    await produce(stage.topic, 6);
    const consumer = await stage.consumer();
    let thenCalls = 0;
    let thrown = false;
    const handler = ({ topic, partition, message }: EachMessagePayload): unknown => {
      stage.note(topic, partition, message);
      if (message.offset === '2' && !thrown) {
        thrown = true;
        throw new Error('at once');
      }
      if (message.offset !== '4') return undefined;
      return {
        // biome-ignore lint/suspicious/noThenProperty: query builders are thenables that work when asked
        then(resolve: (value: undefined) => void) {
          thenCalls++;
          resolve(undefined);
        },
      };
    };
    await consumer.run({ eachMessage: handler as (payload: EachMessagePayload) => Promise<void> });
    await until('all are seen', () => stage.seen.length === 7);
    await stage.ended(consumer);
    expect(thenCalls).toBe(1);
    expect(stage.wrong()).toEqual([]);
    expect(query(stage.store, 'SELECT first, last, attempt FROM redelivery')).toEqual([
      { first: 2, last: 2, attempt: 2 },
    ]);
  });

  test.each([
    ['an error of its own', new Error('deep in a reserve'), ['Error: deep in a reserve']],
    // kafkajs does not log errors of its own classes: that the handler threw follows from the record coming again. Where
    // the machine stood still so that a reserve ended right there, the handler's promise was watched and tells it.
    [
      'an error of kafkajs',
      new KafkaJSError('a nested send failed'),
      [null, 'KafkaJSError: a nested send failed'],
    ],
  ])(
    'a handler that does nothing and throws %s in the middle of a large batch',
    async (_what, error, texts) => {
      const stage = await Stage.of(1);
      await produce(stage.topic, 3_000);
      const consumer = await stage.consumer();
      const attempts: number[] = [];
      let thrown = false;
      await consumer.run({
        eachMessage: async ({ topic, partition, message }) => {
          stage.note(topic, partition, message);
          if (message.offset !== '2345') return;
          attempts.push(deliveryOf(message)?.attempt ?? 0);
          if (thrown) return;
          thrown = true;
          throw error;
        },
      });
      await until('all are seen', () => stage.seen.length === 3_001);
      await stage.ended(consumer);
      expect(stage.wrong()).toEqual([]);
      expect(attempts).toEqual([1, 2]);
      expect(query(stage.store, 'SELECT first, last, attempt FROM redelivery')).toEqual([
        { first: 2_345, last: 2_345, attempt: 2 },
      ]);
      const failed = query<{ error: string | null }>(
        stage.store,
        "SELECT last, handled, outcome, error FROM delivery_run WHERE outcome <> 'handled'",
      );
      expect(failed).toEqual([
        { last: 2_345, handled: 2_345, outcome: 'failed', error: failed[0]?.error ?? null },
      ]);
      expect(texts).toContain(failed[0]?.error ?? null);
    },
  );

  test('a handler that does nothing, and a member that joins in the middle', async () => {
    const stage = await Stage.of(4);
    const run: ConsumerRunConfig = {
      eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
    };
    const one = await stage.consumer();
    await one.run(run);
    await produce(stage.topic, 4_000);
    const two = await stage.consumer();
    await two.run(run);
    await produce(stage.topic, 4_000, 4_000);
    await until('all are seen', () => truthOf(stage.seen).size === 8_000);
    await stage.ended(one, two);
    expect(stage.wrong()).toEqual([]);
    expect(
      query(
        stage.store,
        "SELECT DISTINCT outcome FROM delivery_run WHERE outcome NOT IN ('handled', 'unresolved')",
      ),
    ).toEqual([]);
  });

  test('a crash that kafkajs restarts is one session with two members', async () => {
    const stage = await Stage.of(1);
    await produce(stage.topic, 20);
    const consumer = await stage.consumer({ retry: { retries: 1, initialRetryTime: 50 } });
    const crashes: unknown[] = [];
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error));
    const error = new Error('thrice');
    let failures = 0;
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => {
        stage.note(topic, partition, message);
        if (message.offset === '10' && failures++ < 3) throw error;
      },
    });
    await until('all are seen', () => stage.seen.length === 23, 30_000);
    await stage.ended(consumer);
    expect(stage.wrong()).toEqual([]);
    expect(crashes).toHaveLength(1);
    expect(query(stage.store, 'SELECT count(*) AS n FROM session')).toEqual([{ n: 1 }]);
    expect(query(stage.store, 'SELECT count(*) AS n FROM member')).toEqual([{ n: 2 }]);
    expect(query(stage.store, 'SELECT max(attempt) AS n FROM redelivery')).toEqual([{ n: 4 }]);
  });
});

describe('eachBatch', () => {
  test('counts what was handed over, handled as far as it was resolved', async () => {
    const stage = await Stage.of(1);
    await produce(stage.topic, 50);
    const consumer = await stage.consumer();
    let thrown = false;
    const attempts: number[] = [];
    await consumer.run({
      eachBatch: async ({
        batch,
        resolveOffset,
        heartbeat,
        isRunning,
        isStale,
        pause,
        uncommittedOffsets,
      }) => {
        for (const kept of [heartbeat, isRunning, isStale, pause, uncommittedOffsets])
          expect(typeof kept).toBe('function');
        for (const message of batch.messages) stage.note(batch.topic, batch.partition, message);
        for (const message of batch.messages) {
          attempts.push(deliveryOf(message)?.attempt ?? 0);
          if (!thrown && message.offset === '20') {
            thrown = true;
            throw new Error('in the middle');
          }
          resolveOffset(message.offset);
          await heartbeat();
        }
      },
    });
    await until('the rest is handled', () => attempts.length === 51);
    await stage.ended(consumer);
    expect(stage.wrong()).toEqual([]);
    expect(query(stage.store, 'SELECT first, last, handled, outcome FROM delivery_run ORDER BY id')).toEqual([
      { first: 0, last: 49, handled: 20, outcome: 'failed' },
      { first: 20, last: 49, handled: 50, outcome: 'handled' },
    ]);
    expect(attempts.slice(20)).toEqual([1, ...Array.from({ length: 30 }, () => 2)]);
  });

  test.each([10, 0])(
    'without auto-resolve, what was left behind %i resolved is delivered again and told so',
    async (resolved) => {
      const stage = await Stage.of(1);
      await produce(stage.topic, 30);
      const consumer = await stage.consumer();
      let calls = 0;
      await consumer.run({
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset }) => {
          calls++;
          for (const message of batch.messages) stage.note(batch.topic, batch.partition, message);
          const upTo = calls === 1 ? resolved : batch.messages.length;
          for (const message of batch.messages.slice(0, upTo)) resolveOffset(message.offset);
        },
      });
      await until('the rest came again', () => stage.seen.length === 60 - resolved);
      await stage.ended(consumer);
      expect(stage.wrong()).toEqual([]);
      expect(
        query(stage.store, 'SELECT first, last, handled, outcome FROM delivery_run ORDER BY id'),
      ).toEqual([
        { first: 0, last: 29, handled: resolved, outcome: 'unresolved' },
        { first: resolved, last: 29, handled: 30, outcome: 'handled' },
      ]);
    },
  );
});

describe('the log as it is', () => {
  test.each(['eachMessage', 'eachBatch'] as const)(
    'gaps of control and aborted records are no deliveries: %s',
    async (kind) => {
      const stage = await Stage.of(1);
      const producer = testKafka().producer({
        transactionalId: uniqueName('tx'),
        idempotent: true,
        maxInFlightRequests: 1,
      });
      await producer.connect();
      for (let i = 0; i < 8; i++) {
        const transaction = await producer.transaction();
        await transaction.send({ topic: stage.topic, messages: [{ value: `a${i}` }, { value: `b${i}` }] });
        await (i % 4 === 3 ? transaction.abort() : transaction.commit());
      }
      await producer.disconnect();
      const consumer = await stage.consumer();
      const note = (partition: number, message: KafkaMessage) => stage.note(stage.topic, partition, message);
      let failed = false;
      await consumer.run(
        kind === 'eachMessage'
          ? { eachMessage: async ({ partition, message }) => note(partition, message) }
          : {
              eachBatch: async ({ batch, resolveOffset }) => {
                for (const message of batch.messages) note(batch.partition, message);
                for (const message of batch.messages.slice(0, 5)) resolveOffset(message.offset);
                if (failed) return;
                failed = true;
                throw new Error('once');
              },
            },
      );
      await until('all committed ones are seen', () => truthOf(stage.seen).size === 12);
      await until('what failed came again', () => kind === 'eachMessage' || stage.seen.length > 12);
      await stage.ended(consumer);
      expect(stage.wrong()).toEqual([]);
      expect(query(stage.store, 'SELECT sum(deliveries) AS n FROM group_partition')).toEqual([
        { n: stage.seen.length },
      ]);
    },
  );

  test('a topic that was made anew under its name is another topic', async () => {
    const stage = await Stage.of(1);
    const admin = testKafka().admin();
    await admin.connect();
    for (let life = 0; life < 2; life++) {
      await produce(stage.topic, 10);
      const before = stage.seen.length;
      const consumer = await stage.consumer({ groupId: life === 0 ? stage.group : `${stage.group}-b` });
      await consumer.run({
        eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
      });
      await until('all are seen', () => stage.seen.length === before + 10);
      await stage.ended(consumer);
      if (life === 1) break;
      await admin.deleteTopics({ topics: [stage.topic] });
      await until('it is gone', async () => !(await admin.listTopics()).includes(stage.topic));
      await createTopic(stage.topic, 1);
    }
    await admin.disconnect();
    const topics = query<{ topic_id: string }>(stage.store, 'SELECT topic_id FROM topic ORDER BY id');
    expect(topics).toHaveLength(2);
    expect(topics[0]?.topic_id).toMatch(/^[0-9a-f]{32}$/);
    expect(topics[1]?.topic_id).not.toBe(topics[0]?.topic_id);
  });

  test('topics by regular expression, two of them', async () => {
    const stage = await Stage.of(1);
    const other = await createTopic(`${stage.topic}-more`, 2);
    await produce(stage.topic, 10);
    await produce(other, 10);
    const consumer = await stage.consumer({}, [new RegExp(`^${stage.topic}`)]);
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
    });
    await until('both are seen', () => stage.seen.length === 20);
    await stage.ended(consumer);
    expect(stage.wrong()).toEqual([]);
    expect(query(stage.store, 'SELECT name FROM topic ORDER BY name')).toEqual([
      { name: stage.topic },
      { name: other },
    ]);
  });
});

describe('the observed application', () => {
  test('gets the very same messages and its errors as they are', async () => {
    const stage = await Stage.of(1);
    await produce(stage.topic, 1, 0, {});
    const consumer = await stage.consumer({ retry: { retries: 0, restartOnFailure: async () => false } });
    const error = Object.assign(new TypeError('mine'), { detail: { deep: 1 } });
    const crashed = new Promise<Error>((resolve) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error));
    });
    const got: KafkaMessage[] = [];
    await consumer.run({
      eachMessage: async ({ message }) => {
        got.push(message);
        throw error;
      },
    });
    const crash = (await crashed) as Error & { cause?: unknown };
    expect(crash === error || crash.cause === error).toBe(true);
    expect(got[0]?.value?.toString()).toBe('v0');
  });

  test('runs on when the store cannot be written, and is told once', async () => {
    const blocked = join(folder, 'a-file');
    writeFileSync(blocked, 'not a folder');
    const problems: string[] = [];
    const stage = await Stage.of(1, {
      store: join(blocked, 'store.db'),
      onProblem: (problem) => problems.push(`${problem.code}: ${problem.message}`),
    });
    await produce(stage.topic, 20);
    const consumer = await stage.consumer();
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
    });
    await until('all are seen', () => stage.seen.length === 20);
    await stage.ended(consumer);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^store-unwritable: The store .*store\.db cannot be opened.*is not a folder/);
  });

  test('is not held back by a consumer that is made and never run', async () => {
    const stage = await Stage.of(1);
    await produce(stage.topic, 10);
    stage.kafka.consumer({ groupId: uniqueName('never-run') });
    const consumer = await stage.consumer();
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
    });
    await until('all are seen', () => stage.seen.length === 10);
    await stage.ended(consumer);
    expect(stage.wrong()).toEqual([]);
    expect(query(stage.store, 'SELECT sum(deliveries) AS n FROM group_partition')).toEqual([{ n: 10 }]);
  });

  test('runs on when a listener for problems throws', async () => {
    const garbage = join(folder, 'garbage.db');
    writeFileSync(garbage, 'this is no database, whatever its name says'.repeat(50));
    let calls = 0;
    const stage = await Stage.of(1, {
      store: garbage,
      onProblem: () => {
        calls++;
        throw new Error('a bad listener');
      },
    });
    await produce(stage.topic, 20);
    const consumer = await stage.consumer();
    await consumer.run({
      eachMessage: async ({ topic, partition, message }) => stage.note(topic, partition, message),
    });
    await until('all are seen', () => stage.seen.length === 20);
    await until('the problem was told', () => calls === 1);
    await stage.ended(consumer);
  });

  test.each([
    [{ stroe: './x.db' }, /no option "stroe"/],
    [{ store: '' }, /"store" must be/],
    [{ retentionDays: 0 }, /"retentionDays" must be a number/],
  ])('refuses options it does not know: %j', (options, message) => {
    expect(() => instrument(testKafka(), options as InstrumentOptions)).toThrow(message);
  });

  test('refuses what is no kafkajs client, and instruments a client once', () => {
    expect(() => instrument({} as Kafka)).toThrow(/takes a kafkajs client/);
    const kafka = testKafka();
    const once = instrument(kafka, { store: join(folder, 'once.db') });
    const { consumer } = once;
    expect(instrument(kafka, { store: join(folder, 'once.db') })).toBe(kafka);
    expect(kafka.consumer).toBe(consumer);
  });
});
