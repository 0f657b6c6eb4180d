/** The connections of one session of the topic observer: what is there, and what stands in it. Reads alone. */
import { fail } from '../../errors';
import type { Kafka } from '../client-shape';
import { METADATA, metadataRequest, type ToldTopic } from '../metadata';
import { edgeRequest } from '../offsets/fetch';
import { type RawBroker, type RawCluster, type RawRequest, rawCluster, sendRaw } from '../raw-cluster';
import {
  BY_ID,
  BY_NAME,
  type FetchedPart,
  type FetchLimits,
  type FetchPosition,
  fetchRequest,
} from './fetch';

/** Kafka's number of the Fetch request. */
const FETCH = 1;

export interface Listed {
  cluster: string;
  topics: ToldTopic[];
}

export class TopicSource {
  private constructor(
    private readonly kafka: Kafka,
    private readonly cluster: RawCluster,
    /** Topics are fetched by their ids. */
    readonly byId: boolean,
  ) {}

  /** Throws kafkajs's errors. */
  static async open(kafka: Kafka): Promise<TopicSource> {
    const cluster = rawCluster(kafka);
    if (cluster === null) fail('internal', 'This kafkajs is not 2.2.4: it sends no raw requests.');
    try {
      await cluster.connect();
      await cluster.refreshMetadata();
      const broker = await cluster.findControllerBroker();
      return new TopicSource(kafka, cluster, speaks(broker, FETCH, BY_ID));
    } catch (error) {
      await cluster.disconnect().catch(() => undefined);
      throw error;
    }
  }

  /** Every topic that may be described. */
  async list(): Promise<Listed> {
    // Knows the nodes that came in the meantime.
    await this.cluster.refreshMetadata();
    const broker = await this.cluster.findControllerBroker();
    if (!speaks(broker, METADATA.apiKey, METADATA.apiVersion)) return this.listWithoutIds();
    const told = await sendRaw(broker, metadataRequest(null));
    if (told === null) return this.listWithoutIds();
    return { cluster: told.clusterId ?? '', topics: told.topics };
  }

  /** One answer of that leader. */
  async fetch(
    node: number,
    limits: FetchLimits,
    positions: readonly FetchPosition[],
  ): Promise<FetchedPart[]> {
    return this.ask(node, fetchRequest(this.byId ? BY_ID : BY_NAME, limits, positions));
  }

  /** Where a partition begins (-2), ends (-1), or has its first record of that time or later; null: not told, or none. */
  async edge(node: number, topic: string, partition: number, at: number): Promise<number | null> {
    const offset = await this.ask(node, edgeRequest(topic, partition, at));
    return offset === null || offset < 0 ? null : offset;
  }

  async close(): Promise<void> {
    await this.cluster.disconnect().catch(() => undefined);
  }

  private async ask<Answer>(node: number, request: RawRequest<Answer>): Promise<Answer> {
    const broker = await this.cluster.findBroker({ nodeId: String(node) });
    return (await sendRaw(broker, request)) as Answer;
  }

  /** Brokers before Kafka 2.8 know no topic ids. */
  private async listWithoutIds(): Promise<Listed> {
    const admin = this.kafka.admin();
    try {
      await admin.connect();
      const { clusterId } = await admin.describeCluster();
      const { topics } = await admin.fetchTopicMetadata({ topics: await admin.listTopics() });
      return {
        cluster: clusterId,
        topics: topics.map(({ name, partitions }) => ({
          name,
          id: null,
          internal: name.startsWith('__'),
          partitions: partitions.map(({ partitionId, leader }) => ({ partition: partitionId, leader })),
        })),
      };
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}

function speaks(broker: RawBroker, api: number, version: number): boolean {
  return (broker.versions?.[api]?.maxVersion ?? 0) >= version;
}
