/**
 * What the group's offsets are at a join, before anything is delivered: the one moment at which a reset, expired
 * offsets and offsets out of range can be told from one another. Reads only: `resolveOffsets` would write.
 */
import type { Kafka } from './client-shape';

/** Kafka's number of a topic as a resource with settings. */
const TOPIC_RESOURCE = 2;

export interface StartOffsets {
  /** Next offset to read; null: nothing is committed; -2: out of range, to be read from the earliest. */
  committed: number | null;
  /** First offset that the log still has. */
  logStart: number | null;
  /** Next offset to be written (the high watermark). */
  logEnd: number | null;
  /** The topic's log is compacted: its records may vanish from the middle. Null: not told. */
  compacted: boolean | null;
}

export class Starts {
  /** When the answers were true at the latest, unix ms: a stopped process may use them long after. */
  readonly at = Date.now();
  private readonly byPartition = new Map<string, StartOffsets>();

  set(topic: string, partition: number, start: StartOffsets): void {
    this.byPartition.set(`${partition} ${topic}`, start);
  }

  /** @param place partition and topic, parted by a space */
  forget(place: string): void {
    this.byPartition.delete(place);
  }

  get(topic: string, partition: number): StartOffsets | null {
    return this.byPartition.get(`${partition} ${topic}`) ?? null;
  }
}

/** Asks the coordinator and the leaders over the application's own client. Rejects with kafkajs's errors. */
export async function readStarts(kafka: Kafka, group: string, topics: readonly string[]): Promise<Starts> {
  const starts = new Starts();
  const admin = kafka.admin({ retry: { retries: 1 } });
  try {
    await admin.connect();
    const committed = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
    const compacted = await compactedOf(admin, topics);
    for (const { topic, partitions } of committed) {
      const logs = new Map(
        (await admin.fetchTopicOffsets(topic)).map(
          ({ partition, low, high }) => [partition, { low: Number(low), high: Number(high) }] as const,
        ),
      );
      for (const { partition, offset } of partitions) {
        const next = Number(offset);
        // -1: nothing is committed. -2: kafkajs has just found the offset out of range, and commits that.
        const log = logs.get(partition);
        starts.set(topic, partition, {
          committed: next === -1 ? null : next,
          logStart: log?.low ?? null,
          logEnd: log?.high ?? null,
          compacted: compacted.get(topic) ?? null,
        });
      }
    }
    return starts;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Needs DescribeConfigs on the topics; without it nothing is told. */
async function compactedOf(
  admin: ReturnType<Kafka['admin']>,
  topics: readonly string[],
): Promise<Map<string, boolean>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: ['cleanup.policy'] })),
    });
    return new Map(
      resources
        .filter(({ errorCode, configEntries }) => errorCode === 0 && configEntries.length > 0)
        .map(({ resourceName, configEntries }) => [
          resourceName,
          configEntries.some(({ configValue }) => configValue.includes('compact')),
        ]),
    );
  } catch {
    return new Map();
  }
}
