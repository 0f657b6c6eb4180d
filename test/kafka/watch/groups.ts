/** Groups for the watcher to see: consumers that stay where they are told, and an operator with a tool. */
import type { Consumer, Kafka } from 'kafkajs';
import { rawCluster } from '../../../src/kafka/raw-cluster';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';

interface Coordinator {
  offsetCommit(request: object): Promise<unknown>;
}

/** Commits as `kafka-consumer-groups --reset-offsets` does: no member, no generation, one request. */
export class Tool {
  private readonly cluster;

  constructor(kafka: Kafka = testKafka()) {
    const cluster = rawCluster(kafka);
    if (cluster === null) throw new Error('not kafkajs 2.2.4');
    this.cluster = cluster as typeof cluster & {
      findGroupCoordinator(group: { groupId: string }): Promise<Coordinator>;
    };
  }

  /** The group must have no member. Answers when the broker had taken it, by this machine's clock. */
  async commit(group: string, topic: string, offsets: Record<number, number>): Promise<number> {
    await this.cluster.connect();
    const partitions = Object.entries(offsets).map(([partition, offset]) => ({
      partition: Number(partition),
      offset: String(offset),
    }));
    await this.retried(async () => {
      const coordinator = await this.cluster.findGroupCoordinator({ groupId: group });
      await coordinator.offsetCommit({
        groupId: group,
        groupGenerationId: -1,
        memberId: '',
        topics: [{ topic, partitions }],
      });
    });
    return Date.now();
  }

  async close(): Promise<void> {
    await this.cluster.disconnect();
  }

  /** A coordinator may be loading, or the last member not gone yet. */
  private async retried(work: () => Promise<void>): Promise<void> {
    let last: unknown;
    await until('the coordinator takes the commit', async () => {
      try {
        await work();
        return true;
      } catch (error) {
        last = error;
        return false;
      }
    }).catch((error) => {
      throw new Error(`${error.message}: ${last}`);
    });
  }
}

/** A topic of 2 partitions with so many records in each. */
export async function filledTopic(prefix: string, records: number, kafka = testKafka()): Promise<string> {
  const topic = await createTopic(uniqueName(prefix), 2, kafka);
  await fill(topic, records, kafka);
  return topic;
}

export async function fill(topic: string, records: number, kafka = testKafka()): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: records * 2 }, (_, i) => ({ value: String(i), partition: i % 2 }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

export interface Reading {
  consumer: Consumer;
  /** How many records of each partition it has got, repeated ones too. */
  seen: number[];
  /** Waits until the group has committed these offsets. */
  committed(...offsets: number[]): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A member that reads from the start (where nothing is committed), commits each record, and stops reading a partition at
 * `stopAt`. With `commitsEveryMs` it commits no more often, as kafkajs does of itself.
 */
export async function reading(
  group: string,
  topic: string,
  stopAt = Number.POSITIVE_INFINITY,
  kafka = testKafka(),
  { fromBeginning = true, commitsEveryMs = 0 } = {},
): Promise<Reading> {
  const consumer = kafka.consumer({
    groupId: group,
    maxWaitTimeInMs: 100,
    rebalanceTimeout: 5_000,
    sessionTimeout: 6_000,
  });
  const admin = kafka.admin();
  await Promise.all([consumer.connect(), admin.connect()]);
  await consumer.subscribe({ topic, fromBeginning });
  const seen = [0, 0];
  await consumer.run({
    ...(commitsEveryMs > 0 ? { autoCommitInterval: commitsEveryMs } : { autoCommitThreshold: 1 }),
    eachMessage: async ({ partition, message }) => {
      seen[partition] = (seen[partition] ?? 0) + 1;
      if (Number(message.offset) + 1 >= stopAt) consumer.pause([{ topic, partitions: [partition] }]);
    },
  });
  return {
    consumer,
    seen,
    committed: (...offsets) =>
      until(`${group} has committed ${offsets}`, async () => {
        const [told] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        const at = (partition: number) => told?.partitions.find((p) => p.partition === partition)?.offset;
        return offsets.every((offset, partition) => at(partition) === String(offset));
      }),
    stop: async () => {
      await consumer.disconnect();
      await admin.disconnect();
    },
  };
}
