/** What may be lost or is at risk: premature commits, skipped records, stalled commits. Pages, the latest first. */
import type { Certainty, SkipCause } from '../../ledger';
import { RUN_RECORDS_MAX } from '../../ledger';
import type { Store } from '../open';
import type { PagePlace } from './redelivery-pages';
import { type Bound, statement, where } from './statement';

export interface LossFilter {
  cluster?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
  partition?: number | undefined;
  incident?: number | undefined;
  since?: number | undefined;
  until?: number | undefined;
  after?: PagePlace | undefined;
  limit: number;
}

interface LossPlace {
  id: number;
  version: number;
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  incident: number | null;
}

export interface PrematureRow extends LossPlace {
  first: number;
  last: number;
  at: number;
  outcome: 'failed' | 'unresolved' | 'in_flight';
  session: string;
  host: string;
  pid: number;
  clientId: string | null;
  /** 1: every one of the records was delivered to the group again after the commit. */
  deliveredLater: number;
}

export interface SkipRow extends LossPlace {
  first: number;
  last: number;
  at: number;
  cause: SkipCause;
  certainty: Certainty;
  because: string;
  advice: string | null;
}

export interface StalledRow extends LossPlace {
  since: number;
  seenAt: number;
  endedAt: number | null;
  records: number;
  /** Of the instrumented consumer; null: seen from outside, `host` and `clientId` as the coordinator has them. */
  session: string | null;
  /** JSON, of the session; null: seen from outside. */
  settings: string | null;
  sessionEndedAt: number | null;
  host: string;
  pid: number | null;
  clientId: string | null;
}

const PLACE_COLUMNS = `f.id, f.version, c.cluster_id AS cluster, g.name AS "group", t.name AS topic,
  t.topic_id AS topicId, gp.partition, f.incident`;
const PLACE_JOINS = `JOIN group_partition gp ON gp.id = f.gp JOIN consumer_group g ON g.id = gp.grp
  JOIN topic t ON t.id = gp.topic JOIN cluster c ON c.id = t.cluster`;
type Joined = 'JOIN' | 'LEFT JOIN' | null;
const SESSION_COLUMNS = 's.key AS session, s.host, s.pid, s.client_id AS clientId';

/** A record that was delivered again stands in a run that began after the commit. */
const DELIVERED_LATER = `NOT EXISTS (SELECT 1 FROM (SELECT f.first AS o UNION SELECT f.last) WHERE NOT EXISTS (
  SELECT 1 FROM delivery_run d INDEXED BY delivery_run_by_first WHERE d.gp = f.gp
    AND d.first BETWEEN o - ${RUN_RECORDS_MAX} AND o AND d.last >= o AND d.first_at >= f.at))`;

const PREMATURE_COLUMNS = `f.first, f.last, f.at, f.outcome, ${SESSION_COLUMNS}, ${DELIVERED_LATER} AS deliveredLater`;
const SKIP_COLUMNS = 'f.first, f.last, f.at, f.cause, f.certainty, f.because, f.advice';

export function prematurePage(db: Store, filter: LossFilter): PrematureRow[] {
  return lossPage<PrematureRow>(db, filter, 'premature_commit', 'at', PREMATURE_COLUMNS, 'JOIN');
}

export function skipPage(db: Store, filter: LossFilter): SkipRow[] {
  return lossPage<SkipRow>(db, filter, 'skip', 'at', SKIP_COLUMNS, null);
}

const STALLED_COLUMNS = `f.since, f.seen_at AS seenAt, f.ended_at AS endedAt, f.records, s.key AS session, s.settings,
  s.ended_at AS sessionEndedAt, coalesce(s.host, f.host) AS host, s.pid, coalesce(s.client_id, f.client_id) AS clientId`;
/** Began before the time and reach into it: few, as a partition stalls once at a time. */
const REACHING = `f.since < @since AND f.id IN (
  SELECT id FROM stalled_commit INDEXED BY stalled_by_end WHERE ended_at >= @since AND since < @since
  UNION ALL SELECT id FROM stalled_commit INDEXED BY stalled_by_end
    WHERE ended_at IS NULL AND since < @since AND seen_at >= @since)`;

/** By their beginning, the latest first: those of which any part lies within the time, up to when they were seen last. */
export function stalledPage(db: Store, filter: LossFilter): StalledRow[] {
  const page = (limit: number, time?: string) =>
    lossPage<StalledRow>(
      db,
      { ...filter, limit },
      'stalled_commit',
      'since',
      STALLED_COLUMNS,
      'LEFT JOIN',
      time,
    );
  const within = page(filter.limit);
  const left = filter.limit - within.length;
  return filter.since === undefined || left === 0 ? within : [...within, ...page(left, REACHING)];
}

/** Undefined when it is past its retention. */
export function prematureById(db: Store, id: number): PrematureRow | undefined {
  return lossById<PrematureRow>(db, 'premature_commit', PREMATURE_COLUMNS, id, true);
}

/** Undefined when it is past its retention, or was taken back. */
export function skipById(db: Store, id: number): SkipRow | undefined {
  return lossById<SkipRow>(db, 'skip', SKIP_COLUMNS, id, false);
}

function lossById<Row>(db: Store, table: string, columns: string, id: number, withSession: boolean) {
  const sql = `SELECT ${PLACE_COLUMNS}, ${columns} FROM ${table} f ${PLACE_JOINS}
    ${withSession ? 'JOIN session s ON s.id = f.session' : ''} WHERE f.id = @id`;
  return statement<Row>(db, sql).get({ id });
}

function lossPage<Row>(
  db: Store,
  filter: LossFilter,
  table: string,
  time: string,
  columns: string,
  session: Joined,
  from = `f.${time} >= @since`,
): Row[] {
  const sql = `SELECT ${PLACE_COLUMNS}, ${columns} FROM ${table} f ${PLACE_JOINS}
    ${session === null ? '' : `${session} session s ON s.id = f.session`}${where(
      filter.cluster !== undefined && 'c.cluster_id = @cluster',
      filter.group !== undefined && 'g.name = @group',
      filter.topic !== undefined && 't.name = @topic',
      filter.partition !== undefined && 'gp.partition = @partition',
      filter.incident !== undefined && 'f.incident = @incident',
      filter.since !== undefined && from,
      filter.until !== undefined && `f.${time} < @until`,
      filter.after !== undefined && `(f.${time}, f.id) < (@afterAt, @afterId)`,
    )} ORDER BY f.${time} DESC, f.id DESC LIMIT @limit`;
  const { after, limit, ...given } = filter;
  const bound: Record<string, Bound> = { limit, afterAt: after?.at ?? null, afterId: after?.id ?? null };
  for (const [name, value] of Object.entries(given)) bound[name] = value ?? null;
  return statement<Row>(db, sql).all(bound);
}

export interface StalledNowRow {
  cluster: string;
  group: string;
  partitions: number;
}

/** Partitions whose commits stall now, by group. */
export function stalledNow(db: Store): StalledNowRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", count(DISTINCT f.gp) AS partitions
    FROM stalled_commit f INDEXED BY stalled_open
    LEFT JOIN session s ON s.id = f.session
    JOIN group_partition gp ON gp.id = f.gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN cluster c ON c.id = g.cluster
    WHERE f.ended_at IS NULL AND s.ended_at IS NULL GROUP BY g.id ORDER BY g.id`;
  return statement<StalledNowRow>(db, sql).all({});
}
