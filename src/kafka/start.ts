/**
 * What the group's offsets are at a join, before anything is delivered: the one moment at which a reset, expired
 * offsets and offsets out of range can be told from one another. Reads only: `resolveOffsets` would write.
 */
import type { Kafka } from './client-shape';

export interface StartOffsets {
  /** Next offset to read; null: nothing is committed; -2: out of range, to be read from the earliest. */
  committed: number | null;
  /** First offset that the log still has. */
  logStart: number | null;
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
    for (const { topic, partitions } of committed) {
      const lows = new Map(
        (await admin.fetchTopicOffsets(topic)).map(({ partition, low }) => [partition, Number(low)] as const),
      );
      for (const { partition, offset } of partitions) {
        const next = Number(offset);
        // -1: nothing is committed. -2: kafkajs has just found the offset out of range, and commits that.
        const logStart = lows.get(partition) ?? null;
        starts.set(topic, partition, { committed: next === -1 ? null : next, logStart });
      }
    }
    return starts;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
