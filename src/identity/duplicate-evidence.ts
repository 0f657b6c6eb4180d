/** What is known of the two copies of one message, and what is told of why the second was written. Types. */
import type { Certainty } from '../ledger';

export type DuplicateCause =
  /** Headers say that it was published again on purpose: a retry topic, a dead-letter queue. Not a duplicate. */
  | 'retry_topic'
  /** One producer, epoch and sequence at two offsets: the broker should have refused it. */
  | 'sequence_anomaly'
  /** A relay of an outbox, or a connector, read its source again. */
  | 'outbox_relay'
  /** A mirror or a replay wrote a stretch of the log again. */
  | 'replay'
  /** The application sent it again. */
  | 'resent'
  /** An idempotent producer's own retry after it had raised its epoch. */
  | 'epoch_bump'
  /** The producer's client repeated a request whose answer it had not got. */
  | 'producer_retry'
  /** A producer that had been started anew sent it again. */
  | 'producer_restart'
  | 'unknown';

export const DUPLICATE_CAUSES = [
  'retry_topic',
  'sequence_anomaly',
  'outbox_relay',
  'replay',
  'resent',
  'epoch_bump',
  'producer_retry',
  'producer_restart',
  'unknown',
] as const satisfies readonly DuplicateCause[];

export const DUPLICATE_KINDS = ['duplicate', 'id_reuse', 'intentional'] as const;

/**
 * - `duplicate`: the same identity and payload at another place of the topic.
 * - `id_reuse`: the same identity with another payload.
 * - `intentional`: its headers say that it was published again on purpose.
 */
export type DuplicateKind = (typeof DUPLICATE_KINDS)[number];

export interface DuplicateExplanation {
  cause: DuplicateCause;
  certainty: Certainty;
  /** What was seen, in words. */
  because: string[];
  /** What to change; null where nothing needs to change. */
  advice: string | null;
}

/** A producer's own numbering; null in a record of a producer that is not idempotent. */
export interface ProducerMark {
  id: number;
  epoch: number;
  /** Of this very record: the batch's first sequence plus its position. */
  sequence: number;
}

/** A record's place in its record batch, as bits. */
export const EDGE_FIRST = 1;
export const EDGE_LAST = 2;

/** One copy as it stands in the log. */
export interface WrittenCopy {
  partition: number;
  offset: number;
  /** The record's time, unix ms. */
  at: number;
  producer: ProducerMark | null;
  transactional: boolean;
  /** EDGE_FIRST, EDGE_LAST; null (or missing, in older findings) where that is not known. */
  edges?: number | null;
}

/** The copy that was met second; more is known of it, because it is at hand. */
export interface FoundCopy extends WrittenCopy {
  /** Its record batch: the producer's unit of sending. */
  batchFirst: number;
  batchRecords: number;
  /** `at` is what the producer stamped, not the broker. */
  createTime: boolean;
  keyed: boolean;
  /** The header that says it was published on purpose. */
  provenance: string | null;
  /** Where its identity stood. */
  source: string;
  /** When it came into the log, as nearly as is known: the newest record time in its partition by then, unix ms. */
  loggedAt: number;
}

/** Copies of one partition whose originals follow each other as they do; the copy at hand is one of them. */
export interface CopyRunEvidence {
  records: number;
  /** Of these, how many have the very record time of their original. */
  sameTimes: number;
  /**
   * Of how many the place in their batch is known, and is the same: where that is so of all, in whole batches, the
   * batches were cut alike and have equal content, record by record (identity, key and value).
   */
  knownEdges: number;
  sameEdges: number;
  /** Record batches that the copies lie in. */
  batches: number;
  /** No other record stands between the copies. */
  adjacent: boolean;
  /** The copies fill every record batch that they lie in. */
  wholeBatches: boolean;
  /** Records between the last original and the first copy; null: they are in two partitions. Below 0: by turns. */
  between: number | null;
  /** From the earliest to the latest original, by record time, in ms. */
  originalSpanMs: number;
}

/** Everything the rules look at. */
export interface DuplicateEvidence {
  /** Written earlier, as far as times and offsets tell. */
  first: WrittenCopy;
  copy: FoundCopy;
  run: CopyRunEvidence;
}
