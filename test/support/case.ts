/** One topic, one group, one store: an instrumented consumer here or in a process of its own, and what the store says. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Consumer, ConsumerConfig, ConsumerRunConfig } from 'kafkajs';
import { instrument } from '../../src';
import { createTopic, testBrokers, testKafka, uniqueName, until } from './broker';
import { testFolder } from './folder';
import { query } from './ledger';
import { settle } from './settle';

const folder = testFolder('case');
const APP = join(__dirname, 'consumer-app.js');
const QUICK = {
  sessionTimeout: 2_000,
  heartbeatInterval: 300,
  rebalanceTimeout: 4_000,
  maxWaitTimeInMs: 100,
};
const running: Consumer[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  for (const consumer of running.splice(0)) await consumer.disconnect();
});

export interface Explained {
  first: number;
  last: number;
  attempt: number;
  doubt: number;
  cause: string;
  certainty: string;
  because: string;
  advice: string | null;
}

export class Case {
  readonly store = join(folder, `${uniqueName('store')}.db`);
  readonly group = uniqueName('group');
  readonly seen: string[] = [];

  private constructor(readonly topic: string) {}

  /** A topic with `records` records in each of its partitions. */
  static async of(records: number, partitions = 1): Promise<Case> {
    const made = new Case(await createTopic(uniqueName('causes'), partitions));
    await made.produce(records, partitions);
    return made;
  }

  static async empty(): Promise<Case> {
    return new Case(await createTopic(uniqueName('causes')));
  }

  async produce(records: number, partitions = 1): Promise<void> {
    await this.write(Array.from({ length: records * partitions }, (_, i) => i % partitions));
  }

  /** One record into each of these partitions, in one request. */
  async write(partitions: readonly number[]): Promise<void> {
    const producer = testKafka().producer();
    await producer.connect();
    const messages = partitions.map((partition, i) => ({ value: `v${i}`, partition }));
    await producer.send({ topic: this.topic, messages });
    await producer.disconnect();
  }

  async start(run: ConsumerRunConfig, config: Partial<ConsumerConfig> = {}): Promise<Consumer> {
    const kafka = instrument(testKafka(), { store: this.store });
    const consumer = kafka.consumer({ groupId: this.group, ...QUICK, ...config });
    running.push(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await consumer.run(run);
    return consumer;
  }

  async stop(consumer: Consumer): Promise<void> {
    running.splice(running.indexOf(consumer), 1);
    await consumer.disconnect();
  }

  /** A handler that only notes what it got. */
  noting = (): ConsumerRunConfig => ({
    eachMessage: async ({ partition, message }) => {
      this.seen.push(`${partition} ${message.offset}`);
    },
  });

  async until(count: number): Promise<void> {
    await until(`${count} are seen`, () => this.seen.length >= count, 30_000);
  }

  async child(
    workMs: number,
    handler = 'eachMessage',
    run: ConsumerRunConfig = {},
  ): Promise<{ process: ChildProcess; seen: () => number }> {
    const truth = join(folder, uniqueName('truth'));
    const task = {
      brokers: testBrokers(),
      group: this.group,
      topics: [this.topic],
      store: this.store,
      truth,
      handler,
      workMs,
      consumer: QUICK,
      run,
    };
    const process = fork(APP, [JSON.stringify(task)]);
    children.push(process);
    await once(process, 'message');
    return {
      process,
      seen: () => (existsSync(truth) ? readFileSync(truth, 'utf8').split('\n').length - 1 : 0),
    };
  }

  /** Takes in what is left in journals, and looks for findings as if it were that much later. */
  settled(laterMs = 5_000): void {
    settle(this.store, laterMs);
  }

  explained(): Explained[] {
    this.settled();
    return query<Explained>(
      this.store,
      'SELECT first, last, attempt, doubt, cause, certainty, because, advice FROM redelivery ORDER BY first, attempt',
    );
  }

  causes(): string[] {
    return [...new Set(this.explained().map((row) => `${row.cause} ${row.certainty}`))];
  }
}
