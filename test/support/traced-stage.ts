/** A topic, a group and instrumented consumers in this process, whose spans a test looks at. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Consumer, ConsumerRunConfig, IHeaders, Kafka } from 'kafkajs';
import { type InstrumentOptions, instrument } from '../../src';
import { PlaceIds } from '../../src/telemetry/place-ids';
import { createTopic, testKafka, uniqueName, until } from './broker';
import { testFolder } from './folder';
import { query } from './ledger';

const folder = testFolder('traces');
const QUICK = { sessionTimeout: 6_000, heartbeatInterval: 300, maxWaitTimeInMs: 100 };
/** What a record carries whose producer was traced. */
export const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const running: Consumer[] = [];

export async function stopAll(): Promise<void> {
  for (const consumer of running.splice(0)) await consumer.disconnect();
}

export class Stage {
  readonly store = join(folder, `${uniqueName('store')}.db`);
  readonly group = uniqueName('group');
  readonly topic = uniqueName('traced');
  readonly seen: number[] = [];

  static async of(records: { headers?: IHeaders; key?: string; value?: string | null }[]): Promise<Stage> {
    const stage = new Stage();
    await createTopic(stage.topic);
    await stage.produce(records);
    return stage;
  }

  async produce(records: { headers?: IHeaders; key?: string; value?: string | null }[]): Promise<void> {
    const producer = testKafka().producer();
    await producer.connect();
    await producer.send({ topic: this.topic, messages: records.map((one) => ({ value: 'v', ...one })) });
    await producer.disconnect();
  }

  kafka(options: InstrumentOptions): Kafka {
    return instrument(testKafka({ clientId: 'traced-app' }), {
      store: this.store,
      pastLimitMs: 10_000,
      ...options,
    });
  }

  async start(run: ConsumerRunConfig, options: InstrumentOptions = {}): Promise<Consumer> {
    const consumer = this.kafka(options).consumer({ groupId: this.group, ...QUICK });
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

  async until(count: number): Promise<void> {
    await until(`${count} deliveries`, () => this.seen.length >= count);
  }

  noting(): ConsumerRunConfig {
    return {
      autoCommit: false,
      eachMessage: async ({ message }) => void this.seen.push(Number(message.offset)),
    };
  }

  async ids(): Promise<PlaceIds> {
    await until('the store knows the session', () => existsSync(this.store) && this.sessions().length > 0);
    const place = query<{ clusterId: string; topicId: string }>(
      this.store,
      'SELECT c.cluster_id AS clusterId, t.topic_id AS topicId FROM topic t JOIN cluster c ON c.id = t.cluster WHERE t.name = ?',
      this.topic,
    )[0] as { clusterId: string; topicId: string };
    return new PlaceIds({ ...place, topic: this.topic, partition: 0 }, this.group);
  }

  sessions(): string[] {
    try {
      return query<{ key: string }>(this.store, 'SELECT key FROM session ORDER BY id').map(({ key }) => key);
    } catch {
      return []; // its tables are not made yet
    }
  }
}

/** So many records that carry nothing. */
export const plain = (count: number) => Array.from({ length: count }, (_, i) => ({ key: `k${i}` }));
