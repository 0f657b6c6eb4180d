/** Consumer lag as the service needs it; who asks Kafka is not its business. */

export interface PartitionLag {
  cluster: string;
  group: string;
  topic: string;
  partition: number;
  /** The group's committed offset; null: none. */
  committed: number | null;
  logEnd: number;
  /** logEnd - committed; null where nothing is committed. */
  records: number | null;
  /** Age of the oldest record that is not committed; null or missing: not known. */
  seconds?: number | null;
  /** When it was read, unix ms. */
  at: number;
}

/** Something that has to catch up before the service calls itself ready. */
export interface Watching {
  ready(): boolean;
  /** Why it is not ready, or cannot go on, one line; null: it is well. */
  problem(): string | null;
}

export interface LagSource {
  /** The last values, however old. */
  all(): readonly PartitionLag[];
  of(cluster: string, group: string, topic: string, partition: number): PartitionLag | null;
  /** It has answered once. */
  ready(): boolean;
  /** Why the last round failed, one line; null when it did not. Of that cluster, else of all of them. */
  problem(cluster?: string): string | null;
}
