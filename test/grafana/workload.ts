/**
 * What fills every panel: the demo's groups with its faults, reporting to a service as in docker-compose.yml, and beside
 * it what the demo has not: copies written twice, a check that catches and one that is not asked, commits before the
 * handling, records passed over, an operator's reset, a group that never commits.
 *
 * First all groups read in peace until Prometheus has seen them; what happens then is growth.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Consumer, ConsumerRunConfig } from 'kafkajs';
import { idempotent, instrument } from '../../src';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';

const MAIN = join(__dirname, '../../dist/cli/main.js');
/** Of a step, on a machine that has much else to do. */
const PATIENCE_MS = 180_000;
const RECORDS = 40;
const COPIES = 10;
const QUICK = {
  sessionTimeout: 6_000,
  heartbeatInterval: 300,
  rebalanceTimeout: 8_000,
  maxWaitTimeInMs: 100,
};
const ROLES = ['checked', 'early', 'skipping', 'silent', 'moved'] as const;
type Role = (typeof ROLES)[number];

export class Workload {
  readonly topic: string;
  private readonly consumers = new Set<Consumer>();
  private readonly delivered = new Map<Role, number>();
  private readonly kafka;
  private demo: ChildProcess | null = null;
  private demoSaid = '';
  private readonly id: string;

  /** @param service its URL */
  constructor(
    private readonly service: string,
    folder: string,
    id = uniqueName('grafana'),
  ) {
    this.id = id;
    this.topic = `${id}-orders`;
    this.kafka = instrument(testKafka(), { service, journal: join(folder, 'journal'), reportEveryMs: 200 });
  }

  group(role: Role): string {
    return `${this.id}-${role}`;
  }

  groups(): string[] {
    return ROLES.map((role) => this.group(role));
  }

  /** The demo in a process of its own: two groups, a producer, faults one after the other until `stop`. */
  startDemo(): void {
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('DUPESCOPE_'));
    const env = { ...Object.fromEntries(clean), KAFKA_BROKERS: testBrokers().join(',') };
    const args = [MAIN, 'demo', '--service', this.service, '--seed', '5'];
    this.demo = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.demo.stdout, this.demo.stderr]) {
      stream?.on('data', (text) => (this.demoSaid += String(text)));
    }
  }

  /** Everybody reads the same records once; the one that never commits goes on living. */
  async readInPeace(): Promise<void> {
    await createTopic(this.topic);
    await this.produce(Array.from({ length: RECORDS }, (_, i) => `m${i}`));
    await this.consumer('silent', { autoCommit: false, eachMessage: async () => this.count('silent') });
    await this.pass('checked', this.checked());
    for (const role of ['early', 'skipping', 'moved'] as const) {
      await this.pass(role, { autoCommitThreshold: 1, eachMessage: async () => this.count(role) });
    }
    await until('the silent one has read too', () => this.seen('silent') >= RECORDS, PATIENCE_MS);
  }

  /** One fault after the other. */
  async misbehave(): Promise<void> {
    await this.resetBack();
    await this.produce(Array.from({ length: COPIES }, (_, i) => `m${i}`));
    await this.catchCopies();
    await this.askNoCheck();
    await this.commitFirst();
    await this.seekForward();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.consumers].map((consumer) => consumer.disconnect()));
    this.consumers.clear();
    if (this.demo === null || this.demo.exitCode !== null) return;
    const exited = once(this.demo, 'exit');
    this.demo.kill('SIGTERM');
    const late = setTimeout(() => this.demo?.kill('SIGKILL'), 30_000);
    await exited;
    clearTimeout(late);
  }

  /** What the demo wrote, where it ended by itself. */
  lost(): string | null {
    return this.demo === null || this.demo.exitCode === null ? null : this.demoSaid;
  }

  /** Each message under its id. */
  private async produce(ids: readonly string[]): Promise<void> {
    const producer = testKafka().producer();
    await producer.connect();
    const messages = ids.map((id) => ({ value: id, headers: { 'message-id': id } }));
    await producer.send({ topic: this.topic, messages });
    await producer.disconnect();
  }

  /** An operator sets the group back while nobody is there. */
  private async resetBack(): Promise<void> {
    const admin = testKafka().admin();
    await admin.connect();
    const partitions = [{ partition: 0, offset: '10' }];
    await admin.setOffsets({ groupId: this.group('moved'), topic: this.topic, partitions });
    await admin.disconnect();
    const consumer = await this.consumer('moved', {
      autoCommitThreshold: 1,
      eachMessage: async () => this.count('moved'),
    });
    await until(
      'what lay above is delivered again',
      () => this.seen('moved') >= 2 * RECORDS - 10,
      PATIENCE_MS,
    );
    await this.end(consumer);
  }

  /** Copies in the log, and deliveries repeated by a seek: its check knows all of them. */
  private async catchCopies(): Promise<void> {
    const before = this.seen('checked');
    const consumer = await this.consumer('checked', this.checked());
    await until('the copies came', () => this.seen('checked') >= before + COPIES, PATIENCE_MS);
    const again = this.seen('checked') + RECORDS + COPIES;
    consumer.seek({ topic: this.topic, partition: 0, offset: '0' });
    await until('all came again', () => this.seen('checked') >= again, PATIENCE_MS);
    await this.end(consumer);
  }

  /** Another program of the same group that does not ask the check. */
  private async askNoCheck(): Promise<void> {
    let again = 0;
    const consumer = await this.consumer('checked', {
      eachMessage: async () => {
        again++;
      },
    });
    consumer.seek({ topic: this.topic, partition: 0, offset: '20' });
    await until('it handles what was handled', () => again >= RECORDS + COPIES - 20, PATIENCE_MS);
    await this.end(consumer);
  }

  /** Committed before it was handled, and then the handler throws. */
  private async commitFirst(): Promise<void> {
    let thrown = false;
    const consumer = await this.consumer('early', {
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const offset = String(Number(message.offset) + 1);
        await consumer.commitOffsets([{ topic, partition, offset }]);
        this.count('early');
        if (thrown) return;
        thrown = true;
        throw new Error('no such account');
      },
    });
    await this.committed('early', RECORDS + COPIES);
    await this.end(consumer);
  }

  /** Over records that are there, in the middle of what it has fetched. */
  private async seekForward(): Promise<void> {
    await this.produce(Array.from({ length: 20 }, (_, i) => `late${i}`));
    let sought = false;
    const consumer = await this.consumer('skipping', {
      autoCommitThreshold: 1,
      eachMessage: async ({ topic, partition, message }) => {
        this.count('skipping');
        if (sought) return;
        sought = true;
        consumer.seek({ topic, partition, offset: String(Number(message.offset) + 6) });
      },
    });
    await this.committed('skipping', RECORDS + COPIES + 20);
    await this.end(consumer);
  }

  private readonly check: NonNullable<ConsumerRunConfig['eachMessage']> = idempotent(async () => undefined, {
    name: 'grafana',
    store: { memory: 10_000 },
  });

  private checked(): ConsumerRunConfig {
    return {
      eachMessage: async (payload) => {
        await this.check(payload);
        this.count('checked');
      },
    };
  }

  /** Reads all there is, commits it and leaves. */
  private async pass(role: Role, run: ConsumerRunConfig): Promise<void> {
    const consumer = await this.consumer(role, run);
    await until(`${role} has read`, () => this.seen(role) >= RECORDS, PATIENCE_MS);
    await this.end(consumer);
  }

  private async consumer(role: Role, run: ConsumerRunConfig): Promise<Consumer> {
    const consumer = this.kafka.consumer({ groupId: this.group(role), ...QUICK });
    this.consumers.add(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await consumer.run(run);
    return consumer;
  }

  private async end(consumer: Consumer): Promise<void> {
    this.consumers.delete(consumer);
    await consumer.disconnect();
  }

  private async committed(role: Role, offset: number): Promise<void> {
    const admin = testKafka().admin();
    await admin.connect();
    try {
      await until(
        `${role} has committed ${offset}`,
        async () => {
          const [found] = await admin.fetchOffsets({ groupId: this.group(role), topics: [this.topic] });
          return Number(found?.partitions[0]?.offset) >= offset;
        },
        PATIENCE_MS,
      );
    } finally {
      await admin.disconnect();
    }
  }

  private count(role: Role): void {
    this.delivered.set(role, this.seen(role) + 1);
  }

  private seen(role: Role): number {
    return this.delivered.get(role) ?? 0;
  }
}
