/** Duplicates: messages that stand in the log more than once, and what is known of observed topics. */
import type { DuplicateCause, DuplicateKind } from '../../identity';
import type { Certainty } from '../../ledger';
import type { Store } from '../open';
import type { PagePlace } from './redelivery-pages';
import { statement, where } from './statement';

export interface DuplicateRow {
  id: number;
  version: number;
  kind: DuplicateKind;
  cluster: string;
  topic: string;
  topicId: string | null;
  partition: number;
  offset: number;
  /** Record time, unix ms. */
  at: number;
  previousPartition: number;
  previousOffset: number;
  previousAt: number;
  firstPartition: number;
  firstOffset: number;
  firstAt: number;
  copies: number;
  delayMs: number;
  foundAt: number;
  /** Null where identities are kept as hashes alone. */
  identity: string | null;
  hash: string;
  source: string;
  cause: DuplicateCause;
  certainty: Certainty;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
  incident: number | null;
  /** JSON: both copies, as `DuplicateEvidence` without its run. */
  evidence: string;
}

export interface DuplicateFilter {
  cluster?: string | undefined;
  topic?: string | undefined;
  partition?: number | undefined;
  kind?: DuplicateKind | undefined;
  cause?: DuplicateCause | undefined;
  certainty?: Certainty | undefined;
  incident?: number | undefined;
  /** When it was found, unix ms. */
  since?: number | undefined;
  until?: number | undefined;
  after?: PagePlace | undefined;
  limit: number;
}

const SELECT = `
  SELECT d.id, d.version, d.kind, c.cluster_id AS cluster, t.name AS topic, t.topic_id AS topicId, d.partition,
         d.record_offset AS "offset", d.at, d.previous_partition AS previousPartition,
         d.previous_offset AS previousOffset, d.previous_at AS previousAt, d.first_partition AS firstPartition,
         d.first_offset AS firstOffset, d.first_at AS firstAt, d.copies, d.delay_ms AS delayMs, d.found_at AS foundAt,
         d.identity, lower(hex(d.hash)) AS hash, d.source, d.cause, d.certainty, d.because, d.advice, d.incident,
         d.evidence
  FROM duplicate d`;
const JOINS = 'JOIN topic t ON t.id = d.topic JOIN cluster c ON c.id = t.cluster';

/** The latest found first. */
export function duplicatePage(db: Store, filter: DuplicateFilter): DuplicateRow[] {
  const ofTopic = filter.topic !== undefined || filter.cluster !== undefined;
  const sql = `${SELECT} INDEXED BY ${indexOf(filter)} ${JOINS}${where(
    ofTopic &&
      `d.topic IN (SELECT t.id FROM topic t JOIN cluster c ON c.id = t.cluster ${where(
        filter.topic !== undefined && 't.name = @topic',
        filter.cluster !== undefined && 'c.cluster_id = @cluster',
      )})`,
    filter.partition !== undefined && 'd.partition = @partition',
    filter.kind !== undefined && 'd.kind = @kind',
    filter.cause !== undefined && 'd.cause = @cause',
    filter.certainty !== undefined && 'd.certainty = @certainty',
    filter.incident !== undefined && 'd.incident = @incident',
    filter.since !== undefined && 'd.found_at >= @since',
    filter.until !== undefined && 'd.found_at < @until',
    filter.after !== undefined && '(d.found_at, d.id) < (@afterAt, @afterId)',
  )} ORDER BY d.found_at DESC, d.id DESC LIMIT @limit`;
  return statement<DuplicateRow>(db, sql).all({
    cluster: filter.cluster ?? null,
    topic: filter.topic ?? null,
    partition: filter.partition ?? null,
    kind: filter.kind ?? null,
    cause: filter.cause ?? null,
    certainty: filter.certainty ?? null,
    incident: filter.incident ?? null,
    since: filter.since ?? null,
    until: filter.until ?? null,
    afterAt: filter.after?.at ?? null,
    afterId: filter.after?.id ?? null,
    limit: filter.limit,
  });
}

function indexOf(filter: DuplicateFilter): string {
  if (filter.incident !== undefined) return 'duplicate_by_incident';
  if (filter.topic !== undefined) return 'duplicate_by_topic_time';
  return filter.cause !== undefined ? 'duplicate_by_cause' : 'duplicate_by_time';
}

/** Copies of which this record is one: written at this place, or at another one of the same message. */
export function duplicatesAt(
  db: Store,
  topic: number,
  partition: number,
  offset: number,
  limit: number,
): DuplicateRow[] {
  const sql = `${SELECT} ${JOINS} WHERE d.id IN (
      SELECT id FROM duplicate WHERE topic = @topic AND partition = @partition AND record_offset = @offset
      UNION SELECT id FROM duplicate WHERE topic = @topic AND previous_partition = @partition AND previous_offset = @offset)
    ORDER BY d.id LIMIT @limit`;
  return statement<DuplicateRow>(db, sql).all({ topic, partition, offset, limit });
}

/** Every copy that was found of one identity, in clear or as its hash in hex, the oldest first. */
export function duplicatesOfIdentity(db: Store, identity: string, limit: number): DuplicateRow[] {
  const isHash = /^[0-9a-f]{32}$/i.test(identity);
  const sql = `${SELECT} ${JOINS} WHERE d.id IN (
      SELECT id FROM duplicate INDEXED BY duplicate_by_identity WHERE identity = @identity
      ${isHash ? 'UNION SELECT id FROM duplicate INDEXED BY duplicate_by_hash WHERE hash = unhex(@identity)' : ''})
    ORDER BY d.topic, d.id LIMIT @limit`;
  return statement<DuplicateRow>(db, sql).all({ identity, limit });
}

export interface ObservedTopicRow {
  id: number;
  cluster: string;
  topic: string;
  topicId: string | null;
  records: number;
  duplicates: number;
  idReuses: number;
  intentional: number;
  longestDelayMs: number;
  sequenceAnomalies: number;
  /** Identities remembered now; null: none was ever found. */
  entries: number | null;
  oldestAt: number | null;
  horizonAt: number | null;
  ageMs: number | null;
  endedBy: 'age' | 'records' | 'memory' | null;
}

/** Topics that are observed, by name. */
export function observedTopics(
  db: Store,
  filter: { cluster?: string | undefined; topic?: string | undefined; limit: number },
): ObservedTopicRow[] {
  const sql = `
    SELECT t.id, c.cluster_id AS cluster, t.name AS topic, t.topic_id AS topicId,
           coalesce(o.records, 0) AS records, coalesce(o.duplicates, 0) AS duplicates,
           coalesce(o.id_reuses, 0) AS idReuses, coalesce(o.intentional, 0) AS intentional,
           coalesce(o.longest_delay_ms, 0) AS longestDelayMs,
           coalesce(o.sequence_anomalies, 0) AS sequenceAnomalies, w.entries, w.oldest_at AS oldestAt,
           w.horizon_at AS horizonAt, w.age_ms AS ageMs, w.ended_by AS endedBy
    FROM topic t JOIN cluster c ON c.id = t.cluster
    LEFT JOIN observed_topic o ON o.topic = t.id
    LEFT JOIN identity_window w ON w.topic = t.id
    ${where(
      'EXISTS (SELECT 1 FROM observer_offset p WHERE p.topic = t.id)',
      filter.cluster !== undefined && 'c.cluster_id = @cluster',
      filter.topic !== undefined && 't.name = @topic',
    )} ORDER BY c.cluster_id, t.name, t.id LIMIT @limit`;
  return statement<ObservedTopicRow>(db, sql).all({
    cluster: filter.cluster ?? null,
    topic: filter.topic ?? null,
    limit: filter.limit,
  });
}

/** Where the identities of a topic's records stood, the most first; '': records without one. */
export function identitySources(db: Store, topic: number): { source: string; records: number }[] {
  const sql = 'SELECT source, records FROM identity_found WHERE topic = @topic ORDER BY records DESC, source';
  return statement<{ source: string; records: number }>(db, sql).all({ topic });
}

export function delayBuckets(db: Store, topic: number): { bucket: number; records: number }[] {
  const sql = 'SELECT bucket, records FROM duplicate_delay WHERE topic = @topic ORDER BY bucket';
  return statement<{ bucket: number; records: number }>(db, sql).all({ topic });
}

export interface DuplicateTotalRow {
  kind: DuplicateKind;
  cause: string;
  records: number;
}

/** By kind and cause, once the cause is settled. */
export function duplicateTotals(db: Store, topic: number): DuplicateTotalRow[] {
  const sql =
    'SELECT kind, cause, records FROM duplicate_total WHERE topic = @topic ORDER BY records DESC, kind, cause';
  return statement<DuplicateTotalRow>(db, sql).all({ topic });
}

export interface ObserverPlaceRow {
  partition: number;
  nextOffset: number;
  state: 'catching_up' | 'live';
  newestAt: number;
  observedAt: number;
}

export interface SequenceAnomalyRow {
  partition: number;
  offset: number;
  records: number;
  producer: number;
  epoch: number;
  sequence: number;
  /** Where the producer stood before. */
  lastSequence: number;
  lastOffset: number;
  at: number;
}

/** Record batches whose sequences their producer had used, the latest found first. */
export function sequenceAnomalies(db: Store, topic: number, limit: number): SequenceAnomalyRow[] {
  const sql = `
    SELECT partition, first_offset AS "offset", records, producer_id AS producer, epoch, sequence,
           last_sequence AS lastSequence, last_offset AS lastOffset, at
    FROM sequence_anomaly WHERE topic = @topic ORDER BY id DESC LIMIT @limit`;
  return statement<SequenceAnomalyRow>(db, sql).all({ topic, limit });
}

/** Where the observer stands. */
export function observerPlaces(db: Store, topic: number): ObserverPlaceRow[] {
  const sql = `
    SELECT partition, next_offset AS nextOffset, state, newest_at AS newestAt, observed_at AS observedAt
    FROM observer_offset WHERE topic = @topic ORDER BY partition`;
  return statement<ObserverPlaceRow>(db, sql).all({ topic });
}

export interface TopicTotalsRow {
  cluster: string;
  topic: string;
  kind: DuplicateKind;
  cause: string;
  records: number;
}

/** Counters of /metrics: by cause, once that is settled. */
export function duplicateTotalsOf(db: Store): TopicTotalsRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, t.name AS topic, d.kind, d.cause, sum(d.records) AS records
    FROM duplicate_total d JOIN topic t ON t.id = d.topic JOIN cluster c ON c.id = t.cluster
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;
  return statement<TopicTotalsRow>(db, sql).all({});
}

export interface DuplicateSumRow {
  observed: number;
  duplicates: number;
  idReuses: number;
}

/** Of the whole store. */
export function duplicateSum(db: Store): DuplicateSumRow {
  const sql = `
    SELECT coalesce(sum(records), 0) AS observed, coalesce(sum(duplicates), 0) AS duplicates,
           coalesce(sum(id_reuses), 0) AS idReuses FROM observed_topic`;
  return statement<DuplicateSumRow>(db, sql).get({}) as DuplicateSumRow;
}
