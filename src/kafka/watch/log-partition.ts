/** How far a partition of the offsets log was applied, and the commits that wait for their transaction's marker. */
import type { CommitValue } from '../offsets/commit-value';
import { METADATA_MAX, type Place } from './place';

export interface Waiting {
  place: Place;
  offset: number;
  leaderEpoch: number;
  metadata: string;
  topicId: Buffer | null;
  at: number;
  sourceOffset: number;
}

interface Transaction {
  first: number;
  commits: Waiting[];
}

export interface PartitionState {
  partition: number;
  /** The next record to apply, and what stands in the store of it. */
  next: number;
  stored: number | null;
  /** Open transactions by producer id. */
  open: Map<number, Transaction>;
  /** Read anew after the log was cut: nothing below counts as a rewind. */
  quietBelow: number;
}

export function newPartition(partition: number): PartitionState {
  return { partition, next: 0, stored: null, open: new Map(), quietBelow: 0 };
}

/** Where to read on after a restart: what waits for its marker is read again. */
export function resumeOf(state: PartitionState): number {
  let resume = state.next;
  for (const { first } of state.open.values()) resume = Math.min(resume, first);
  return resume;
}

/** A commit within a transaction counts from its marker on. */
export function wait(
  state: PartitionState,
  producerId: number,
  place: Place,
  bytes: Buffer,
  value: CommitValue,
  sourceOffset: number,
): void {
  let transaction = state.open.get(producerId);
  if (transaction === undefined) {
    transaction = { first: sourceOffset, commits: [] };
    state.open.set(producerId, transaction);
  }
  const { offset, leaderEpoch, at, metadataStart, metadataEnd, topicIdAt } = value;
  transaction.commits.push({
    place,
    offset,
    leaderEpoch,
    at,
    metadata: bytes.toString('utf8', metadataStart, metadataEnd).slice(0, METADATA_MAX),
    topicId: topicIdAt < 0 ? null : Buffer.from(bytes.subarray(topicIdAt, topicIdAt + 16)),
    sourceOffset,
  });
}

/** The place's offset was taken away: no commit that waits brings it back. */
export function forgetWaiting(state: PartitionState, place: Place): void {
  for (const transaction of state.open.values()) {
    transaction.commits = transaction.commits.filter((waiting) => waiting.place !== place);
  }
}
