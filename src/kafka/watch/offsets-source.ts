/**
 * The partitions of `__consumer_offsets`, read by their leaders' connections. One session: found -> read until
 * something fails -> closed; the watcher begins another one.
 */
import { fail } from '../../errors';
import type { Kafka } from '../client-shape';
import { edgeRequest, type FetchedPartition, fetchRequest } from '../offsets/fetch';
import { type RawCluster, type RawRequest, rawCluster, sendRaw } from '../raw-cluster';

export const OFFSETS_TOPIC = '__consumer_offsets';

const FETCH = { maxWaitMs: 500, maxBytes: 8 * 1024 ** 2, maxPartitionBytes: 1024 ** 2 } as const;

export class OffsetsSource {
  /** Partitions by the node that leads them. */
  readonly leaders = new Map<number, number[]>();

  private constructor(
    private readonly cluster: RawCluster,
    private readonly topic: string,
  ) {}

  /** Throws kafkajs's errors; its UNKNOWN_TOPIC_OR_PARTITION where no group has ever committed. */
  static async open(kafka: Kafka, topic: string): Promise<OffsetsSource> {
    const cluster = rawCluster(kafka);
    if (cluster === null) fail('internal', 'This kafkajs is not 2.2.4: it sends no raw requests.');
    const source = new OffsetsSource(cluster, topic);
    try {
      await cluster.connect();
      await cluster.addTargetTopic(topic);
      for (const { partitionId, leader } of cluster.findTopicPartitionMetadata(topic)) {
        if (leader < 0) throw new Error(`partition ${partitionId} of ${topic} has no leader`);
        source.leaders.set(leader, [...(source.leaders.get(leader) ?? []), partitionId]);
      }
      return source;
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  fetch(
    node: number,
    positions: readonly { partition: number; offset: number }[],
  ): Promise<FetchedPartition[]> {
    return this.ask(node, fetchRequest({ topic: this.topic, ...FETCH }, positions));
  }

  /** Where the partition begins and ends; null where the broker does not say. */
  async bounds(node: number, partition: number): Promise<{ start: number; end: number } | null> {
    const start = await this.ask(node, edgeRequest(this.topic, partition, -2));
    const end = await this.ask(node, edgeRequest(this.topic, partition, -1));
    return start === null || end === null ? null : { start, end };
  }

  async close(): Promise<void> {
    await this.cluster.disconnect().catch(() => undefined);
  }

  private async ask<Answer>(node: number, request: RawRequest<Answer>): Promise<Answer> {
    const broker = await this.cluster.findBroker({ nodeId: String(node) });
    const answer = await sendRaw(broker, request);
    // A `null` of `bounds` means the same to its caller.
    return answer as Answer;
  }
}
