/**
 * The facts that travel from an instrumented process to the ledger: what stands in a journal, line by line,
 * and what a report over HTTP carries. Types, and the one bound that all share.
 *
 * Offsets are safe integers everywhere (Kafka's int64 up to 2^53 - 1: a partition at 1M records/s reaches it
 * after 285 years); a range is inclusive at both ends; `handled` and `committed` are, as in Kafka, the next
 * offset. Times are unix milliseconds of the observed process's clock, with fractions.
 *
 * Facts about a run are monotone: the same run told twice, or an older state told after a newer one, changes
 * nothing. Every other fact carries the journal's sequence number and is applied once.
 */

/** A small number that stands for a session, topic, member or track inside one journal. */
export type Ref = number;

export interface SessionStarted {
  t: 'session';
  session: Ref;
  /** Unique for ever: one consumer object's life in one process. */
  key: string;
  group: string;
  host: string;
  pid: number;
  bootId: string;
  at: number;
  version: string;
  settings: SessionSettings;
}

/** What the consumer was configured with, as far as it decides about redeliveries. */
export interface SessionSettings {
  sessionTimeoutMs?: number;
  rebalanceTimeoutMs?: number;
  heartbeatIntervalMs?: number;
  /** Records of aborted transactions are delivered too. */
  readUncommitted?: boolean;
  /**
   * The process's wall clock minus its machine's monotonic clock, in ms, when the session began: two sessions of one
   * boot whose values differ had clocks that differed, and the monotonic one tells their order.
   */
  clockMs?: number;
}

/** `expected`: not seen yet, nor anything else; `mixed`: the consumer commits by itself too. */
export type TransactionalState = 'expected' | 'seen' | 'mixed';

/** Whether transactions commit the session's offsets (`sendOffsets`). */
export interface TransactionsSeen {
  t: 'transactional';
  session: Ref;
  at: number;
  state: Exclude<TransactionalState, 'expected'>;
}

/** The commit of a transaction with this offset was not answered: it may have taken place. */
export interface CommitPromised {
  t: 'promise';
  track: Ref;
  at: number;
  /** What was known to be committed before. */
  from: number;
  next: number;
}

/**
 * Contiguous deliveries of one run, ended as unhandled, that a transaction has covered since: its commit was
 * acknowledged. They were handled.
 */
export interface TransactionCovered {
  t: 'covered';
  track: Ref;
  run: number;
  first: number;
  last: number;
  at: number;
}

/** How `run` was called; a consumer may be stopped and run again with other options. */
export interface RunStarted {
  t: 'running';
  session: Ref;
  at: number;
  handler: 'eachMessage' | 'eachBatch';
  autoCommit: boolean;
  autoCommitIntervalMs: number | null;
  autoCommitThreshold: number | null;
  eachBatchAutoResolve: boolean;
  partitionsConsumedConcurrently: number;
  /** Where a transaction may commit its offsets. */
  transactional?: TransactionalState;
}

export interface ClusterKnown {
  t: 'cluster';
  session: Ref;
  clusterId: string;
}

export interface TopicKnown {
  t: 'topic';
  topic: Ref;
  name: string;
  /** Kafka's id of the topic (UUID, 32 hex digits), null where the broker tells none. */
  topicId: string | null;
}

export interface MemberJoined {
  t: 'join';
  member: Ref;
  session: Ref;
  memberId: string;
  /** As the member id tells it; null where it does not. */
  clientId: string | null;
  leader: boolean;
  at: number;
  /** False: the session found itself thrown out of the group and joined anew, with no rebalance announced. */
  announced: boolean;
  /** How long the group had not answered this session before, in ms. */
  silentMs: number;
  assignment: Record<string, number[]>;
}

/** The generation comes late: kafkajs tells it with the first heartbeat or commit after a join. */
export interface GenerationKnown {
  t: 'generation';
  member: Ref;
  generation: number;
}

/** From here on that slot of the journal tells of this session's partition. */
export interface TrackOpened {
  t: 'track';
  track: Ref;
  session: Ref;
  topic: Ref;
  partition: number;
}

/** The longest run, in records, its uncertain tail included: the reach of every look-up by place. */
export const RUN_RECORDS_MAX = 65_536;

/** How a stretch of deliveries ended. What lies below `handled` was handled in every case. */
export type Outcome =
  /** still growing */
  | 'open'
  /** every record was handled */
  | 'handled'
  /** the handler threw: [handled..last] failed */
  | 'failed'
  /** an eachBatch handler returned without an error and left [handled..last] unresolved */
  | 'unresolved'
  /** the process died: [handled..last] were in flight, started and not known to have ended */
  | 'in_flight';

/** Contiguous deliveries of one session, member and partition; closed at an error, a gap, or after 10 s. */
export interface Run {
  /** Number of the run in its journal, growing with time. */
  run: number;
  track: Ref;
  /** -1: not known (a delivery before any join was seen). */
  member: Ref;
  first: number;
  last: number;
  handled: number;
  /** Highest offset that may have been handed over without the journal knowing; `last` when there is none. */
  uncertainLast: number;
  firstAt: number;
  lastAt: number;
  outcome: Outcome;
  /** Name and message of the handler's error, cut to 500 characters. */
  error?: string;
}

export interface RunClosed extends Run {
  t: 'run';
}

/**
 * A batch with gaps (compacted or control records) as eachBatch got it: a run each range, numbered from `run` on.
 * They are open until the `batch-end` of the same number.
 */
export interface BatchDelivered {
  t: 'batch';
  run: number;
  track: Ref;
  member: Ref;
  at: number;
  ranges: [first: number, last: number][];
}

export interface BatchEnded {
  t: 'batch-end';
  run: number;
  track: Ref;
  handled: number;
  outcome: Exclude<Outcome, 'open' | 'in_flight'>;
  at: number;
  error?: string;
}

/**
 * Contiguous deliveries of one run that the consumer's own check recognised as copies and did not apply. Monotone, as runs
 * are: told again with the same run and first offset, a stretch has grown or is the same. Told before its run is closed.
 */
export interface HitsFound {
  t: 'hit';
  track: Ref;
  run: number;
  first: number;
  last: number;
  at: number;
  /** How long after the first copy they came, at most, in ms; null: the check did not say. */
  ageMs: number | null;
  /** What the check remembers, in ms; null: it did not say. */
  windowMs: number | null;
}

/** What the group's offsets were when a member got the partition, before its first delivery. */
export interface PartitionStart {
  t: 'start';
  track: Ref;
  at: number;
  /** null: the group had no committed offset; -2: kafkajs found it out of range. */
  committed: number | null;
  /** First offset of the log. */
  logStart: number | null;
  /** Next offset to be written (the high watermark). */
  logEnd: number | null;
  /** Records may vanish from the middle of the log. Null: not told. */
  compacted: boolean | null;
}

/**
 * The application committed past records that its handler had in hand, and then they were not handled: it threw, or
 * returned without resolving them. A handler that commits last of all and then returns is none.
 */
export interface PrematureCommit {
  t: 'premature';
  track: Ref;
  /** When the commit was acknowledged. */
  at: number;
  first: number;
  last: number;
  outcome: 'failed' | 'unresolved';
}

/** The application committed the very offset that it had in hand or had handled last, instead of the next one. */
export interface ShortCommit {
  t: 'short-commit';
  track: Ref;
  at: number;
  offset: number;
}

/** A commit that was refused, or whose answer did not come. */
export interface CommitFailed {
  t: 'commit-failed';
  session: Ref;
  at: number;
  reason: string;
}

/** A commit below an earlier one of the same session. Ordinary commits are read from the slots. */
export interface CommitLowered {
  t: 'rewind';
  track: Ref;
  at: number;
  from: number;
  to: number;
}

export interface SeekCalled {
  t: 'seek';
  session: Ref;
  topic: string;
  partition: number;
  /** As the application gave it; -1 and -2 are kafkajs's latest and earliest. */
  offset: string;
  at: number;
  /** Records that it jumped over and that are known to exist: the rest of the fetched batch. */
  over?: [first: number, last: number];
}

/** A producer's configuration, as far as it decides about duplicates and loss. */
export interface ProducerSettings {
  idempotent: boolean;
  transactional: boolean;
  /** Of a send, by kafkajs itself. */
  retries: number;
  /** null: unlimited. */
  maxInFlightRequests: number | null;
}

/** One producer object of an instrumented process. */
export interface ProducerStarted {
  t: 'producer';
  producer: Ref;
  /** Unique for ever. */
  key: string;
  /** null: the broker did not tell it in time. */
  clusterId: string | null;
  host: string;
  pid: number;
  bootId: string;
  at: number;
  version: string;
  settings: ProducerSettings;
}

/** Since the producer was made. */
export interface ProducerCounts {
  sends: number;
  messages: number;
  /** Messages that were given an id. */
  stamped: number;
  /** Attempts of sends that failed, retried or not. */
  failedAttempts: number;
  /** Those of them that may have been written all the same: the answer was lost. */
  unanswered: number;
  failedSends: number;
  /** The values of acks that were used. */
  acks: number[];
}

export interface ProducerSent extends ProducerCounts {
  t: 'sends';
  producer: Ref;
  at: number;
}

export interface SessionEnded {
  t: 'end';
  session: Ref;
  at: number;
  how: 'stop' | 'disconnect' | 'crash' | 'exit' | 'died';
  /** kafkajs starts the consumer anew by itself. */
  restart?: boolean;
  error?: string;
}

/** Evidence that could not be kept, in numbers. */
export interface DetailDropped {
  t: 'dropped';
  at: number;
  events: number;
  deliveries: number;
  reason: string;
  /** Numbers of the runs that these deliveries are of. The store may know a part of one from its slot. */
  runs?: [first: number, last: number][];
}

export type Evidence =
  | SessionStarted
  | RunStarted
  | TransactionsSeen
  | CommitPromised
  | TransactionCovered
  | ClusterKnown
  | TopicKnown
  | MemberJoined
  | GenerationKnown
  | TrackOpened
  | RunClosed
  | BatchDelivered
  | BatchEnded
  | HitsFound
  | CommitLowered
  | PartitionStart
  | ShortCommit
  | CommitFailed
  | PrematureCommit
  | SeekCalled
  | ProducerStarted
  | ProducerSent
  | SessionEnded
  | DetailDropped;

/** Where a track stands now, read from its slot. */
export interface Position {
  track: Ref;
  /** Next offset after the last delivered one. */
  next: number;
  handled: number;
  /** -1: no commit of this session seen yet. */
  committed: number;
  /** When the oldest handled and uncommitted record was handled; 0: nothing is exposed. */
  exposedSince: number;
  /** Greatest exposure found at a commit within that hour (hours since 1970). */
  peakRecords: number;
  peakMs: number;
  peakHour: number;
  at: number;
}
