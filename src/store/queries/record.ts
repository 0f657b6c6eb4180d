/** The history of one record as one group saw it. */
import type { Cause, Certainty, Outcome } from '../../ledger';
import { RUN_RECORDS_MAX } from '../../ledger';
import type { Store } from '../open';
import { statement } from './statement';

export interface RecordRunRow {
  id: number;
  sessionKey: string;
  run: number;
  first: number;
  last: number;
  handled: number;
  uncertainLast: number;
  firstAt: number;
  lastAt: number;
  outcome: Outcome;
  error: string | null;
  host: string;
  pid: number;
  clientId: string | null;
  memberId: string | null;
  generation: number | null;
}

/** Every run that covers the offset, or may: a run is RUN_RECORDS_MAX offsets long at most. */
export function runsOver(db: Store, gp: number, offset: number): RecordRunRow[] {
  const sql = `
    SELECT d.id, s.key AS sessionKey, d.run, d.first, d.last, d.handled, d.uncertain_last AS uncertainLast,
           d.first_at AS firstAt, d.last_at AS lastAt, d.outcome, d.error, s.host, s.pid, s.client_id AS clientId,
           m.member_id AS memberId, m.generation
    FROM delivery_run d INDEXED BY delivery_run_by_first
    JOIN session s ON s.id = d.session
    LEFT JOIN member m ON m.id = d.member
    WHERE d.gp = @gp AND d.first BETWEEN @lowest AND @offset AND d.uncertain_last >= @offset`;
  return statement<RecordRunRow>(db, sql).all({ gp, offset, lowest: offset - RUN_RECORDS_MAX });
}

export interface WhyRow {
  /** Of the redelivery. */
  id: number;
  incident: number | null;
  cause: Cause;
  certainty: Certainty;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
}

/** Why that run delivered the offset again; undefined: it did not. @param run its row */
export function whyAgain(db: Store, run: number, offset: number): WhyRow | undefined {
  const sql = `
    SELECT id, incident, cause, certainty, because, advice FROM redelivery INDEXED BY redelivery_by_run
    WHERE run = @run AND first <= @offset AND last >= @offset`;
  return statement<WhyRow>(db, sql).get({ run, offset });
}

/** Which runs had a hit on the offset, as session key and run. */
export function hitsOver(db: Store, gp: number, offset: number): { sessionKey: string; run: number }[] {
  const sql = `
    SELECT s.key AS sessionKey, h.run FROM idempotency_hit h INDEXED BY idempotency_hit_by_place
    JOIN session s ON s.id = h.session
    WHERE h.gp = @gp AND h.first BETWEEN @lowest AND @offset AND h.last >= @offset`;
  return statement<{ sessionKey: string; run: number }>(db, sql).all({
    gp,
    offset,
    lowest: offset - RUN_RECORDS_MAX,
  });
}

/** How often each group that is known got one record, as far as is certain. */
export function deliveriesOf(
  db: Store,
  place: { cluster: string; topic: string; topicId: string | null; partition: number; offset: number },
): { group: string; deliveries: number }[] {
  const { cluster, topic, topicId, partition, offset } = place;
  const sql = `
    SELECT g.name AS "group", v.deliveries
    FROM topic t JOIN cluster c ON c.id = t.cluster AND c.cluster_id = @cluster
    JOIN group_partition gp ON gp.topic = t.id AND gp.partition = @partition
    JOIN consumer_group g ON g.id = gp.grp
    JOIN coverage v ON v.gp = gp.id
      AND v.first = (SELECT max(first) FROM coverage WHERE gp = gp.id AND first <= @offset) AND v.last >= @offset
    WHERE t.name = @topic AND t.topic_id IS @topicId ORDER BY g.name`;
  return statement<{ group: string; deliveries: number }>(db, sql).all({
    cluster,
    topic,
    topicId,
    partition,
    offset,
  });
}

export interface CommitRow {
  at: number;
  committed: number;
  loweredFrom: number | null;
  host: string;
  pid: number;
  clientId: string | null;
}

const COMMIT_COLUMNS = `p.at, p.committed, p.lowered_from AS loweredFrom, s.host, s.pid, s.client_id AS clientId`;

/** The first kept commit behind the offset, from `from` (unix ms) on. Commits are kept every 10 s at most. */
export function commitPast(db: Store, gp: number, offset: number, from: number): CommitRow | undefined {
  const sql = `
    SELECT ${COMMIT_COLUMNS} FROM commit_point p JOIN session s ON s.id = p.session
    WHERE p.gp = @gp AND p.at >= @from AND p.committed > @offset ORDER BY p.at LIMIT 1`;
  return statement<CommitRow>(db, sql).get({ gp, offset, from });
}

/** Where no kept commit is behind the offset yet: the session whose own position says so. */
export function positionPast(db: Store, gp: number, offset: number, from: number): CommitRow | undefined {
  const sql = `
    SELECT p.updated_at AS at, p.committed, NULL AS loweredFrom, s.host, s.pid, s.client_id AS clientId
    FROM position p JOIN session s ON s.id = p.session
    WHERE p.gp = @gp AND p.committed > @offset AND p.updated_at >= @from ORDER BY p.updated_at LIMIT 1`;
  return statement<CommitRow>(db, sql).get({ gp, offset, from });
}

/** The last kept commit of any session before `at`. */
export function commitBefore(db: Store, gp: number, at: number): CommitRow | undefined {
  const sql = `
    SELECT ${COMMIT_COLUMNS} FROM commit_point p JOIN session s ON s.id = p.session
    WHERE p.gp = @gp AND p.at < @at ORDER BY p.at DESC LIMIT 1`;
  return statement<CommitRow>(db, sql).get({ gp, at });
}

/** What members found committed when they took the partition over, within [from..to]; -1: nothing. */
export function takeoversBetween(
  db: Store,
  gp: number,
  from: number,
  to: number,
  limit: number,
): CommitRow[] {
  const sql = `
    SELECT p.at, coalesce(p.committed, -1) AS committed, NULL AS loweredFrom, s.host, s.pid, s.client_id AS clientId
    FROM partition_start p JOIN session s ON s.id = p.session
    WHERE p.gp = @gp AND p.at BETWEEN @from AND @to ORDER BY p.at LIMIT @limit`;
  return statement<CommitRow>(db, sql).all({ gp, from, to, limit });
}

export interface SeekRow {
  at: number;
  /** As the application gave it; -2 is the earliest offset. */
  target: string;
  host: string;
  pid: number;
  clientId: string | null;
}

/** Seeks to the offset or before it, from `from` on: they went over the record again. */
export function seeksBefore(db: Store, gp: number, offset: number, from: number, limit: number): SeekRow[] {
  const sql = `
    SELECT k.at, k.target, s.host, s.pid, s.client_id AS clientId
    FROM seek k INDEXED BY seek_by_place JOIN session s ON s.id = k.session
    WHERE k.gp = @gp AND k.at >= @from AND k.target <> '-1' AND CAST(k.target AS INTEGER) <= @offset
    ORDER BY k.at LIMIT @limit`;
  return statement<SeekRow>(db, sql).all({ gp, offset, from, limit });
}
