/** What is known of a redelivery's two copies, and what is told of why it happened. Types. */
import type { Outcome } from './evidence';

export type Cause =
  /** The handler threw, and kafkajs gave it the record again. */
  | 'handler_error'
  /** The application called `seek`. */
  | 'seek'
  /** An eachBatch handler returned and left records unresolved. */
  | 'left_unresolved'
  /** The process died before it had committed. */
  | 'killed_before_commit'
  /** The handler took longer than the session time-out: the group gave its partitions away. */
  | 'session_timeout'
  /** The partition moved, or the consumer stopped, before what was handled was committed. */
  | 'rebalance_before_commit'
  /** A member of an older generation delivered on. */
  | 'zombie'
  /** The committed offset was set back by someone else than the consumers. */
  | 'reset'
  /** The group had no committed offset any more. */
  | 'offsets_expired'
  /** The log had lost its end: another record stands at the offset now. */
  | 'truncated'
  /** The committed offset pointed outside of the log. */
  | 'out_of_range'
  /** `offset` was committed where `offset + 1` is due. */
  | 'off_by_one'
  /** A commit was refused, or its answer never came. */
  | 'commit_failed'
  | 'unknown';

export const CAUSES = [
  'handler_error',
  'seek',
  'left_unresolved',
  'killed_before_commit',
  'session_timeout',
  'rebalance_before_commit',
  'zombie',
  'reset',
  'offsets_expired',
  'truncated',
  'out_of_range',
  'off_by_one',
  'commit_failed',
  'unknown',
] as const satisfies readonly Cause[];

export const CERTAINTIES = ['proven', 'probable', 'unknown'] as const;

export type Certainty = (typeof CERTAINTIES)[number];

export interface Explanation {
  cause: Cause;
  certainty: Certainty;
  /** What was seen, in words. */
  because: string[];
  /** What to change, with measured values; null where nothing needs to change. */
  advice: string | null;
}

/** One of the two copies. */
export interface CopyEvidence {
  session: string;
  /** Who it was, for people: client, host and pid. */
  name: string;
  outcome: Outcome;
  first: number;
  last: number;
  handled: number;
  firstAt: number;
  lastAt: number;
  error: string | null;
  memberId: string | null;
  generation: number | null;
  joinedAt: number | null;
}

/** Everything the rules look at. Offsets are next offsets where Kafka's are; times unix ms. */
export interface RedeliveryEvidence {
  first: number;
  last: number;
  copy: CopyEvidence;
  previous: CopyEvidence;
  /**
   * What the copy's member found when it got the partition; null where that was not seen. `committed` below 0 is what
   * kafkajs commits when it finds the offset outside of the log.
   */
  start: { committed: number | null; logStart: number | null; logEnd: number | null; at: number } | null;
  /** The same of the previous copy's member. */
  previousStart: {
    committed: number | null;
    logStart: number | null;
    logEnd: number | null;
    at: number;
  } | null;
  /** How the previous copy's session ended, as the member it was then, before the copy began; null while it lives. */
  previousEnd: { how: string; at: number } | null;
  /** The last commit acknowledged to any session before `start` (else before the copy began); null: none seen. */
  committed: { offset: number; at: number } | null;
  /** The last seek of the copy's session on this partition between the two copies. */
  seek: { target: string; at: number } | null;
  /** A commit of these sessions that went down between the two copies. */
  lowered: { from: number; to: number; at: number } | null;
  /** The previous copy's member lost its membership: its session found itself unknown, with no rebalance announced. */
  evicted: { at: number; silentMs: number } | null;
  /**
   * The previous copy's member is known to be no more, in whatever way: its session joined anew, or ended. False: nothing
   * was heard of it since; it may live, hang, or have been killed on a host that has not told it yet.
   */
  movedOn: boolean;
  /** A commit of the previous session that named a handled record itself: the stretch's first, or else the latest. */
  shortCommit: { offset: number; at: number } | null;
  /** The last commit of the previous session that failed or was not answered, after its copy began and before this one's end. */
  failedCommit: { reason: string; at: number } | null;
  /** Of the previous copy's session. `handler` is null where it was not told. */
  settings: {
    sessionTimeoutMs: number;
    autoCommit: boolean;
    autoCommitIntervalMs: number | null;
    autoCommitThreshold: number | null;
    handler: 'eachMessage' | 'eachBatch' | null;
  };
  /** One of the two copies is not known to have reached a handler (`doubtOf`): what follows from it is not proven. */
  isDoubtful: boolean;
  /**
   * The clocks of the two sides differ and had put the copies in the wrong order: `copy` is the one that came later all
   * the same, and what rests on comparing times of both sides is left out.
   */
  clocksDiffer: boolean;
  /** There are three copies or more, and clocks that differ have put some of them in the wrong order. */
  isOrderInDoubt: boolean;
}
