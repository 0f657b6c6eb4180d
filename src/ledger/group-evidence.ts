/**
 * What the group watcher tells of a cluster's groups: states (the latest wins) and findings (each told once). Types.
 *
 * A batch belongs to a stretch of the offsets log: it is stored in one transaction with the place where that stretch
 * ends, and refused where it does not begin at the place that is stored. So nothing is lost or counted twice,
 * whenever the watcher is killed. Offsets and times as in `evidence`.
 */

export type GroupState =
  /** No record of the group itself was seen: nobody ever joined it, or it was deleted. */
  'unknown' | 'empty' | 'live';

/** kafkajs commits -1 (latest) or -2 (earliest) where it finds the offset outside of the log, and at such a seek. */
export interface StoredReset {
  to: number;
  /** The offset that was committed before. */
  from: number;
  at: number;
  /** The record of the offsets log. */
  sourceOffset: number;
  /** Something was committed since, not below `from`. */
  passed: boolean;
  /** No reset of kafkajs's: the offsets had been taken away, and the first commit after that was not lower. */
  startedOver?: StartedOver;
  /** The latest commit below `from` since: told once it is known where the reset led to, which says why. */
  lower?: { to: number; at: number; topicIdBefore: string | null };
}

/** A partition whose offset had been taken away was committed again, at or above the old offset: was all read again? */
export interface StartedOver {
  /** The first commit. */
  committed: number;
  /** Since when the group had members again. */
  joinedAt: number;
  /** Its clients commit what they were given alone, never a place that they began at (kafkajs). */
  handledAlone: boolean;
  committedAt: number;
  goneAt: number;
  idleMs: number;
}

/** The last rewind of a partition, until the group has come back to where it was. */
export interface OpenRewind {
  /** The record that lowered it. */
  source: SourcePlace;
  from: number;
  /** Something was committed since. */
  followed: boolean;
}

/** What became of a rewind: each is told when it is first known. */
export interface RewindFollowed {
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  source: SourcePlace;
  /** When the group committed again. */
  nextAt: number;
  /** When it had come back to where it was; null: not yet. */
  recoveredAt: number | null;
}

/** One partition as one group has committed it. */
export interface WatchedOffset {
  group: string;
  topic: string;
  /** Null where the cluster tells none (before Kafka 4). */
  topicId: string | null;
  partition: number;
  /** The last offset that was committed; kept when it is taken away, null when there never was one. */
  committed: number | null;
  /** What kafkajs committed instead of an offset, and where it led to is not known yet. */
  reset: StoredReset | null;
  metadata: string;
  leaderEpoch: number | null;
  /** When it was committed. */
  at: number;
  /** When it was taken away (deleted, or expired); null while it stands. */
  goneAt: number | null;
  /** How long the group had had no member then, or the offset had not been committed; null while it stands. */
  idleMs: number | null;
  /** Commits seen since the last batch. */
  commits: number;
  lowered: OpenRewind | null;
  /** The record of it, for what comes in a transaction later; -1 where it was asked for and not read. */
  source: SourcePlace;
}

/** A record of the offsets log. */
export interface SourcePlace {
  partition: number;
  offset: number;
}

export interface WatchedMember {
  memberId: string;
  instanceId: string | null;
  clientId: string;
  host: string;
  sessionTimeoutMs: number | null;
  rebalanceTimeoutMs: number | null;
  /** Partitions by topic name (classic groups) or topic id (the new consumer protocol); null: not known. */
  assignment: Readonly<Record<string, readonly number[]>> | null;
}

export interface WatchedGroup {
  group: string;
  protocol: 'classic' | 'consumer' | null;
  state: GroupState;
  stateBefore: GroupState;
  /** The epoch, for groups of the new consumer protocol. */
  generation: number | null;
  /** Since when, unix ms. */
  since: number;
  members: readonly WatchedMember[];
  /** When the group itself was deleted; null while it is there. */
  goneAt: number | null;
  /** Since the last batch. */
  rebalances: number;
}

/** A generation that began. */
export interface WatchedGeneration {
  group: string;
  generation: number;
  at: number;
  members: readonly WatchedMember[];
}

/** What was known when a committed offset went down: what the rules of `rewind-cause` look at. */
export interface RewindFacts {
  /** What kafkajs committed instead of an offset: -1, -2. */
  resetTo: number | null;
  /** Where the log began and ended when it was asked for the rewind's sake. */
  bounds: { start: number; end: number } | null;
  /** The commit that stood before. */
  committedAt: number | null;
  /** When that had been taken away. */
  goneAt: number | null;
  /** How long the group had had no member then, or the offset had not been committed. */
  idleMs: number | null;
  groupGoneAt: number | null;
  topicIdBefore: string | null;
  topicId: string | null;
  state: GroupState;
  /** Since when the group is in this state. */
  since: number | null;
  stateBefore: GroupState;
  generation: number | null;
  members: number;
  /** Who has the partition. */
  owner: { memberId: string; clientId: string; host: string } | null;
  /** The broker's offsets.retention.minutes; null where it may not be asked for. */
  retentionMs: number | null;
  /** The first commit after the offset was taken away, and a log end that had been reached before its members came. */
  startedOver?: { committed: number; logEnd: number };
  /** 'log': every commit is read. 'poll': offsets are asked for, and what recovers in between is not seen. */
  seenBy: 'log' | 'poll';
}

/** A committed offset that went down. */
export interface RewindFound {
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  at: number;
  from: number;
  to: number;
  /** The record that lowered it; null where it was polled. */
  source: SourcePlace | null;
  facts: RewindFacts;
}

/** Where one partition of the offsets log is read up to. */
export interface WatchPosition {
  partition: number;
  /** Where this batch's stretch begins; null: nothing was read of it before. */
  from: number | null;
  /** The next record to apply. */
  next: number;
  /** Where reading begins anew: before `next` while transactions are open whose commits wait for their end. */
  resume: number;
}

export interface WatchedLag {
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  at: number;
  committed: number;
  logEnd: number;
}

/** Where the log of a partition ended at which time, thinned: lag in seconds is told from it after a restart, too. */
export interface WatchedEnds {
  topic: string;
  partition: number;
  /** Offset and unix ms, the oldest first; neither ever goes down. */
  ends: [offset: number, at: number][];
}

/** A partition that a member has, with records to read, in which nothing was committed for long. */
export interface WatchedStall {
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  /** Since when there was something to commit; of one that goes on it stays the same. */
  since: number;
  /** When it was looked at. */
  at: number;
  committed: number;
  /** Log end minus `committed`. */
  records: number;
  /** How long nothing may be committed. */
  limitMs: number;
  owner: { clientId: string; host: string };
  /** Null: it goes on. */
  endedAt: number | null;
}

export interface WatchBatch {
  cluster: string;
  positions: WatchPosition[];
  offsets: WatchedOffset[];
  groups: WatchedGroup[];
  generations: WatchedGeneration[];
  rewinds: RewindFound[];
  followed: RewindFollowed[];
  lag: WatchedLag[];
  ends: WatchedEnds[];
  stalls: WatchedStall[];
  /** Records of the stretch that were not used: kinds and versions not looked at, and bytes that are not what they say. */
  skipped: { unknown: number; unreadable: number };
}

/** What the store has of a cluster: where a watcher begins. */
export interface WatchedState {
  positions: { partition: number; next: number; resume: number }[];
  offsets: WatchedOffset[];
  groups: WatchedGroup[];
  ends: WatchedEnds[];
}
