/** Duplicates: messages that stand in the log more than once, and what is known of observed topics. */
import type { DuplicateCause, DuplicateKind } from '../../identity';
import type { Certainty } from '../../ledger';
import type { Store } from '../open';
import { mergedPage } from './merge';
import { topicRows } from './places';
import { isLater, type PagePlace } from './redelivery-pages';
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

/** The latest found first. Of a topic or a cluster: each of its topics' rows is followed by its own index. */
export function duplicatePage(db: Store, filter: DuplicateFilter): DuplicateRow[] {
  const { cluster, topic, limit } = filter;
  const lists = cluster === undefined && topic === undefined ? [null] : topicRows(db, { cluster, topic });
  // Places first, which the indexes hold: the rows themselves are read for those of the page alone.
  const places = mergedPage(
    lists,
    limit,
    (row: number | null, after: PagePlace | undefined, step) => stepOf(db, filter, row, after, step),
    isLater,
  );
  const one = statement<DuplicateRow>(db, `${SELECT} ${JOINS} WHERE d.id = @id`);
  return places.map(({ id }) => one.get({ id })).filter((row) => row !== undefined);
}

function stepOf(
  db: Store,
  filter: DuplicateFilter,
  topic: number | null,
  after: PagePlace | undefined = filter.after,
  limit: number,
): PagePlace[] {
  const sql = `SELECT found_at AS at, id FROM duplicate INDEXED BY ${indexOf(filter, topic !== null)}${where(
    topic !== null && 'topic = @topic',
    filter.partition !== undefined && 'partition = @partition',
    filter.kind !== undefined && 'kind = @kind',
    filter.cause !== undefined && 'cause = @cause',
    filter.certainty !== undefined && 'certainty = @certainty',
    filter.incident !== undefined && 'incident = @incident',
    filter.since !== undefined && 'found_at >= @since',
    filter.until !== undefined && 'found_at < @until',
    after !== undefined && '(found_at, id) < (@afterAt, @afterId)',
  )} ORDER BY found_at DESC, id DESC LIMIT @limit`;
  return statement<PagePlace>(db, sql).all({
    topic,
    partition: filter.partition ?? null,
    kind: filter.kind ?? null,
    cause: filter.cause ?? null,
    certainty: filter.certainty ?? null,
    incident: filter.incident ?? null,
    since: filter.since ?? null,
    until: filter.until ?? null,
    afterAt: after?.at ?? null,
    afterId: after?.id ?? null,
    limit,
  });
}

/** The filter that leaves most out has its index. */
function indexOf({ incident, partition, cause, kind }: DuplicateFilter, ofTopic: boolean): string {
  if (incident !== undefined) return 'duplicate_by_incident';
  if (ofTopic && partition !== undefined) return 'duplicate_by_topic_partition';
  const of = ofTopic ? 'duplicate_by_topic' : 'duplicate_by';
  if (cause !== undefined) return `${of}_cause`;
  return kind !== undefined ? `${of}_kind` : `${of}_time`;
}

/** Undefined when it is past its retention. */
export function duplicateById(db: Store, id: number): DuplicateRow | undefined {
  return statement<DuplicateRow>(db, `${SELECT} ${JOINS} WHERE d.id = @id`).get({ id });
}

/** Copies of which this record is one: written at this place, or at another one of the same message. */
export function duplicatesAt(
  db: Store,
  topic: number,
  partition: number,
  offset: number,
  limit: number,
): DuplicateRow[] {
  // All copies of a message have the same first place.
  const sql = `WITH own AS MATERIALIZED (
      SELECT id, first_partition AS partition, first_offset AS "offset" FROM duplicate
      WHERE topic = @topic AND partition = @partition AND record_offset = @offset),
    place AS MATERIALIZED (SELECT partition, "offset" FROM own UNION SELECT @partition, @offset)
    ${SELECT} ${JOINS} WHERE d.id IN (
      SELECT id FROM own
      UNION SELECT * FROM (
        SELECT c.id FROM place CROSS JOIN duplicate c INDEXED BY duplicate_by_first
          ON c.topic = @topic AND c.first_partition = place.partition AND c.first_offset = place."offset"
        LIMIT @limit - 1))
    ORDER BY d.id LIMIT @limit`;
  return statement<DuplicateRow>(db, sql).all({ topic, partition, offset, limit });
}

/**
 * Every copy that was found of one identity, in clear or by its hashes in hex, the oldest first.
 * @param since when it was found, unix ms
 */
export function duplicatesOfIdentity(
  db: Store,
  { texts, hashes }: { texts: readonly string[]; hashes: readonly string[] },
  since: number,
  limit: number,
): DuplicateRow[] {
  const sql = `${SELECT} ${JOINS} WHERE d.id IN (
      SELECT d.id FROM json_each(@texts) j CROSS JOIN duplicate d INDEXED BY duplicate_by_identity ON d.identity = j.value
      UNION SELECT d.id FROM json_each(@hashes) j CROSS JOIN duplicate d INDEXED BY duplicate_by_hash
        ON d.hash = unhex(j.value))
      AND d.found_at >= @since
    ORDER BY d.topic, d.id LIMIT @limit`;
  const bound = { texts: JSON.stringify(texts), hashes: JSON.stringify(hashes), since, limit };
  return statement<DuplicateRow>(db, sql).all(bound);
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

/** Topics that are observed, by name, or as they came to be observed. */
export function observedTopics(
  db: Store,
  filter: {
    cluster?: string | undefined;
    topic?: string | undefined;
    order?: 'name' | 'first-observed';
    limit: number;
  },
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
    LEFT JOIN identity_window w ON w.topic = t.id AND w.entries > 0
    LEFT JOIN first_observed f ON f.topic = t.id
    ${where(
      'EXISTS (SELECT 1 FROM observer_offset p WHERE p.topic = t.id)',
      filter.cluster !== undefined && 'c.cluster_id = @cluster',
      filter.topic !== undefined && 't.name = @topic',
    )} ORDER BY ${filter.order === 'first-observed' ? 'f.id' : 'c.cluster_id, t.name, t.id'} LIMIT @limit`;
  return statement<ObservedTopicRow>(db, sql).all({
    cluster: filter.cluster ?? null,
    topic: filter.topic ?? null,
    limit: filter.limit,
  });
}

/** Whose topic a row is. */
export function topicOf(db: Store, id: number): Pick<DuplicateRow, 'cluster' | 'topic' | 'topicId'> {
  const sql = `
    SELECT c.cluster_id AS cluster, t.name AS topic, t.topic_id AS topicId
    FROM topic t JOIN cluster c ON c.id = t.cluster WHERE t.id = @id`;
  return statement<Pick<DuplicateRow, 'cluster' | 'topic' | 'topicId'>>(db, sql).get({ id }) as never;
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
