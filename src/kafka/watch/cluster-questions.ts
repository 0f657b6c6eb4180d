/** What the group watcher asks of the cluster beside the offsets log, by kafkajs's admin: nothing that writes. */
import { type Admin, ConfigResourceTypes, type Kafka } from 'kafkajs';
import { limited } from '../limited';

export interface LogBounds {
  start: number;
  end: number;
}

export class ClusterQuestions {
  private admin: Admin | null = null;

  constructor(private readonly kafka: Kafka) {}

  async clusterId(): Promise<string> {
    return (await this.ask((admin) => admin.describeCluster())).clusterId;
  }

  /** offsets.retention.minutes in ms; null where it may not be read. */
  async retentionMs(): Promise<number | null> {
    try {
      const { brokers } = await this.ask((admin) => admin.describeCluster());
      const name = String(brokers[0]?.nodeId);
      const resources = [
        { type: ConfigResourceTypes.BROKER, name, configNames: ['offsets.retention.minutes'] },
      ];
      const { resources: told } = await this.ask((admin) =>
        admin.describeConfigs({ resources, includeSynonyms: false }),
      );
      const minutes = Number(told[0]?.configEntries[0]?.configValue);
      return minutes > 0 ? minutes * 60_000 : null;
    } catch {
      return null;
    }
  }

  /** Where the partitions of a topic begin and end. */
  async bounds(topic: string): Promise<Map<number, LogBounds>> {
    const told = await this.ask((admin) => admin.fetchTopicOffsets(topic));
    return new Map(
      told.map(({ partition, low, high }) => [partition, { start: Number(low), end: Number(high) }]),
    );
  }

  async groups(): Promise<string[]> {
    return (await this.ask((admin) => admin.listGroups())).groups.map(({ groupId }) => groupId);
  }

  /** All that a group has committed. Without `resolveOffsets`, which would write. */
  async committed(group: string): Promise<{ topic: string; partition: number; offset: number }[]> {
    const told = await this.ask((admin) => admin.fetchOffsets({ groupId: group }));
    return told.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
    );
  }

  async close(): Promise<void> {
    const { admin } = this;
    this.admin = null;
    if (admin !== null) await limited(admin.disconnect()).catch(() => undefined);
  }

  private async ask<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    if (this.admin === null) {
      const admin = this.kafka.admin();
      await limited(admin.connect());
      this.admin = admin;
    }
    return limited(question(this.admin));
  }
}
