/** What an observer of topics hands to the store, and where it stands in it. */
import type { RecordColumns } from './columns';

/** One partition's share of what was fetched. All of it becomes durable at once, or none of it. */
export interface ObservedBatch {
  /** Kafka's id of the cluster. */
  cluster: string;
  topic: string;
  /** Kafka's id of the topic, null where the broker tells none: then a recreated topic must come under another name. */
  topicId: string | null;
  partition: number;
  /** Where the fetch began. What lies between here and `nextOffset` and is not in the columns holds no record. */
  firstOffset: number;
  /** Where the next fetch begins. */
  nextOffset: number;
  /** The partition's end was reached. */
  live: boolean;
  /** The observer's clock, unix ms. */
  observedAt: number;
  /** In the order of their offsets. May be empty, to tell that the end was reached. */
  records: RecordColumns;
  /** Batches of the stretch that could not be read, and records that were gone before it. */
  unread?: { old: number; unreadable: number; missed: number };
}

export interface ObserverOffset {
  cluster: string;
  topic: string;
  topicId: string | null;
  partition: number;
  nextOffset: number;
  live: boolean;
  /** The newest record time seen, unix ms. */
  newestAt: number;
}

/** What an observer goes on from. */
export interface ObserverState {
  /** The store's 16 bytes: what a `RecordReader` is made with. */
  seed: Uint8Array;
  /** Of that cluster. */
  offsets: ObserverOffset[];
}

/** A topic that is going to be read, told before its first batch. */
export interface ExpectedTopic {
  cluster: string;
  topic: string;
  topicId: string | null;
  /** Those that are not live yet. */
  partitions: readonly number[];
  /** Its window: age in ms, and identities kept. */
  limits: { ageMs: number; records: number };
}
