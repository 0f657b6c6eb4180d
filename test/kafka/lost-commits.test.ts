/** Commits that are refused, cannot be sent, or are never answered: on a broker of the test's own, behind its proxy. */
import { join } from 'node:path';
import type { Consumer, ConsumerConfig, ConsumerRunConfig, Kafka } from 'kafkajs';
import { instrument } from '../../src';
import { API, type Broker } from '../../src/demo/broker';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';

const folder = testFolder('lost-commits');
const RECORDS = 20;
let broker: Broker;

beforeAll(async () => {
  broker = await startOwnBroker({ proxy: true });
}, 90_000);

afterEach(() => broker.proxy?.heal());

afterAll(() => broker.stop());

class Scene {
  readonly store = join(folder, `${uniqueName('store')}.db`);
  readonly group = uniqueName('group');
  readonly seen: number[] = [];
  private topic = '';

  constructor(private readonly requestTimeout: number) {}

  async fill(): Promise<void> {
    const direct = testKafka({ brokers: broker.brokers });
    this.topic = await createTopic(uniqueName('lost'), 1, direct);
    const producer = direct.producer();
    await producer.connect();
    const messages = Array.from({ length: RECORDS }, (_, i) => ({ value: `v${i}` }));
    await producer.send({ topic: this.topic, messages });
    await producer.disconnect();
  }

  async start(run: ConsumerRunConfig, config: Partial<ConsumerConfig> = {}): Promise<Consumer> {
    const kafka: Kafka = testKafka({
      brokers: broker.proxied,
      requestTimeout: this.requestTimeout,
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 3 },
    });
    const consumer = instrument(kafka, { store: this.store }).consumer({
      ...{ groupId: this.group, sessionTimeout: 10_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 },
      ...config,
    });
    await consumer.connect();
    await consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await consumer.run(run);
    return consumer;
  }

  handing(more: (offset: number, partition: number) => Promise<unknown>): ConsumerRunConfig {
    return {
      eachMessage: async ({ message, partition }) => {
        this.seen.push(Number(message.offset));
        await more(Number(message.offset), partition);
      },
    };
  }

  async until(count: number): Promise<void> {
    await until(`${count} are seen`, () => this.seen.length >= count, 30_000);
  }

  commit(consumer: Consumer, offset: number, metadata?: string): Promise<void> {
    const target = { topic: this.topic, partition: 0, offset: String(offset) };
    return consumer.commitOffsets([metadata === undefined ? target : { ...target, metadata }]);
  }

  /** Cause and certainty of each redelivered record, by offset. */
  causes(): Map<number, string> {
    const writer = new Writer({ storePath: this.store, ownJournal: null, retention: DEFAULT_RETENTION });
    writer.sweep(true);
    writer.settle(Date.now() + 5_000);
    writer.close();
    const rows = query<{ first: number; last: number; cause: string; certainty: string }>(
      this.store,
      'SELECT first, last, cause, certainty FROM redelivery',
    );
    return new Map(
      rows.flatMap(({ first, last, cause, certainty }) =>
        Array.from({ length: last - first + 1 }, (_, i) => [first + i, `${cause} ${certainty}`] as const),
      ),
    );
  }

  problems(): string[] {
    return query<{ reason: string }>(
      this.store,
      "SELECT reason FROM commit_problem WHERE kind = 'failed'",
    ).map(({ reason }) => reason);
  }
}

const all = (words: string, from: number) =>
  new Map(Array.from({ length: RECORDS - from }, (_, i) => [from + i, words] as const));

test('commit_failed: the broker refuses the commits', async () => {
  const scene = new Scene(5_000);
  await scene.fill();
  const errors = new Set<string>();
  const run = { ...scene.handing(() => commit()), autoCommit: false };
  // Brokers take 4 KiB of metadata and refuse more.
  const commit = () => scene.commit(first, 20, 'x'.repeat(9_000)).catch((error) => errors.add(error.message));
  const first = await scene.start(run);
  await scene.until(RECORDS);
  await first.disconnect();
  const second = await scene.start(scene.handing(async () => undefined));
  await scene.until(2 * RECORDS);
  await second.disconnect();
  expect([...errors]).toEqual([expect.stringMatching(/metadata/)]);
  expect(scene.causes()).toEqual(all('commit_failed probable', 0));
});

test('commit_failed: the commits find no connection', async () => {
  const scene = new Scene(5_000);
  await scene.fill();
  let failed = 0;
  const run = {
    ...scene.handing(async (offset) => {
      if (offset < 5) return scene.commit(first, offset + 1);
      if (offset > 5) return;
      broker.proxy?.refuse(true);
      broker.proxy?.cut();
      await scene.commit(first, 6).catch(() => failed++);
      broker.proxy?.heal();
    }),
    autoCommit: false,
  };
  const first = await scene.start(run);
  await scene.until(RECORDS);
  await first.disconnect();
  const second = await scene.start(scene.handing(async () => undefined));
  await until('the last one came again', () => scene.seen.slice(RECORDS).includes(RECORDS - 1), 30_000);
  await second.disconnect();
  expect(failed).toBeGreaterThan(0);
  expect(scene.problems().length).toBeGreaterThan(0);
  expect(scene.causes()).toEqual(all('commit_failed probable', 5));
});

/** All are handled, their one automatic commit fails, and the consumer goes before it commits again. */
async function losingTheCommit(requestTimeout: number, then: () => void): Promise<Scene> {
  const scene = new Scene(requestTimeout);
  await scene.fill();
  const lost = () => broker.proxy?.counters.lost ?? 0;
  const before = lost();
  const consumer = await scene.start(
    scene.handing(async (offset) => {
      if (offset === 0) broker.proxy?.dropRequests(({ apiKey }) => apiKey === API.OffsetCommit);
    }),
  );
  await until('the commit is lost', () => lost() > before, 20_000);
  then();
  await until('kafkajs has given it up', () => scene.problems().length > 0, 20_000);
  await consumer.disconnect();
  broker.proxy?.heal();
  expect(scene.seen).toHaveLength(RECORDS);
  const second = await scene.start(scene.handing(async () => undefined));
  await scene.until(2 * RECORDS);
  await second.disconnect();
  return scene;
}

test('commit_failed: the automatic commit is never answered, and did not take place', async () => {
  const scene = await losingTheCommit(1_000, () => undefined);
  expect(scene.problems()[0]).toMatch(/^no answer within [1-9]\d{3,} ms$/);
  expect(scene.causes()).toEqual(all('commit_failed probable', 0));
});

test('commit_failed: the connection of the automatic commit ends before it is answered', async () => {
  const scene = await losingTheCommit(30_000, () => broker.proxy?.cut());
  expect(scene.problems()).toEqual([
    expect.stringMatching(/^no answer: (Kafka server has closed|Connection error)/),
  ]);
  expect(scene.causes()).toEqual(all('commit_failed probable', 0));
});

test('commits whose answers are dropped took place: the failure is known, and no redelivery is made of it', async () => {
  const scene = new Scene(1_000);
  await scene.fill();
  const consumer = await scene.start({
    ...scene.handing(async (offset) => {
      if (offset === 10) broker.proxy?.dropAnswers(({ apiKey }) => apiKey === API.OffsetCommit);
    }),
    autoCommitThreshold: 3,
  });
  const dropped = () => broker.proxy?.counters.dropped ?? 0;
  const before = dropped();
  await until('a commit is not answered', () => dropped() > before, 20_000);
  await until('kafkajs has given it up', () => scene.problems().length > 0, 20_000);
  broker.proxy?.heal();
  await until('everything is seen', () => scene.seen.includes(RECORDS - 1), 30_000);
  await consumer.disconnect();
  expect(scene.problems()[0]).toMatch(/^no answer within [1-9]\d{3,} ms$/);
  const again = scene.seen.length - new Set(scene.seen).size;
  expect(scene.causes().size).toBe(again);
  expect(again).toBe(0);
});
