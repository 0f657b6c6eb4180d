/** Rewinds, whoever saw them, and what became of them. */
import type { Certainty, RewindCause } from '../../ledger';
import type { Store } from '../open';
import { redeliveredOf } from './rewind-redelivered';
import { statement, where } from './statement';

export interface RewindRow {
  id: number;
  version: number;
  gp: number;
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  at: number;
  /** What had been committed, and what was committed instead: `from - to` records are delivered again. */
  from: number;
  to: number;
  /** When the group committed there again, and when it had come back to `from`; null: not yet, or not watched. */
  nextAt: number | null;
  recoveredAt: number | null;
  cause: RewindCause;
  certainty: Certainty;
  incident: number | null;
  /** JSON array of texts. */
  because: string;
  advice: string | null;
  /** JSON, as `RewindFacts`; null: seen by the instrumented consumer alone. */
  facts: string | null;
  /** The instrumented consumer that committed it; null: seen from outside alone. */
  session: string | null;
  host: string | null;
  pid: number | null;
  clientId: string | null;
  /** Records of the stretch that were in fact delivered again; null: the group is not instrumented. */
  redelivered: number | null;
}

/** As the statement reads it. */
type ReadRow = Omit<RewindRow, 'redelivered'> & { instrumented: 0 | 1 };

export interface RewindFilter {
  /** Group partitions, of `placesOf`; null: all. */
  places: readonly number[] | null;
  cause?: RewindCause | undefined;
  certainty?: Certainty | undefined;
  incident?: number | undefined;
  since?: number | undefined;
  until?: number | undefined;
  after?: { at: number; id: number } | undefined;
  limit: number;
}

const SELECT = `
  SELECT r.id, r.version, r.gp, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, t.topic_id AS topicId,
         gp.partition, r.at, r.from_offset AS "from", r.to_offset AS "to", r.next_at AS nextAt,
         r.recovered_at AS recoveredAt, r.cause, r.certainty, r.because, r.advice, r.incident, r.facts,
         s.key AS session, s.host, s.pid, s.client_id AS clientId,
         EXISTS (SELECT 1 FROM session i WHERE i.grp = gp.grp) AS instrumented
  FROM rewind r`;
const JOINS = `
  JOIN group_partition gp ON gp.id = r.gp
  JOIN consumer_group g ON g.id = gp.grp
  JOIN topic t ON t.id = gp.topic
  JOIN cluster c ON c.id = t.cluster
  LEFT JOIN session s ON s.id = r.session`;

/** One page, the newest first. Of several places: a page of each, merged; an index walks each in its order. */
export function rewindPage(db: Store, filter: RewindFilter): RewindRow[] {
  const rows =
    filter.places === null
      ? pageOf(db, filter, null)
      : filter.places
          .flatMap((gp) => pageOf(db, filter, gp))
          .sort((a, b) => b.at - a.at || b.id - a.id)
          .slice(0, filter.limit);
  return rows.map((row) => joined(db, row));
}

/** With what came of it. Records of another topic of the same name are no copies. */
function joined(db: Store, { instrumented, ...row }: ReadRow): RewindRow {
  if (instrumented === 0) return { ...row, redelivered: null };
  return { ...row, redelivered: row.cause === 'topic_recreated' ? 0 : redeliveredOf(db, row) };
}

function pageOf(db: Store, filter: RewindFilter, gp: number | null): ReadRow[] {
  const sql = `${SELECT} INDEXED BY ${indexOf(filter, gp)} ${JOINS} ${where(
    gp !== null && 'r.gp = @gp',
    filter.cause !== undefined && 'r.cause = @cause',
    filter.certainty !== undefined && 'r.certainty = @certainty',
    filter.incident !== undefined && 'r.incident = @incident',
    filter.since !== undefined && 'r.at >= @since',
    filter.until !== undefined && 'r.at < @until',
    filter.after !== undefined && '(r.at, r.id) < (@afterAt, @afterId)',
  )} ORDER BY r.at DESC, r.id DESC LIMIT @limit`;
  return statement<ReadRow>(db, sql).all({
    gp,
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

function indexOf(filter: RewindFilter, gp: number | null): string {
  if (gp !== null) return 'rewind_by_gp_time';
  if (filter.incident !== undefined) return 'rewind_by_incident';
  return filter.cause !== undefined ? 'rewind_by_cause' : 'rewind_by_time';
}

/** Undefined when it is past its retention. */
export function rewindById(db: Store, id: number): RewindRow | undefined {
  return statement<RewindRow>(db, `${SELECT} ${JOINS} WHERE r.id = @id`).get({ id });
}

/** Rewinds over an offset, the newest first: part of a record's history. */
export function rewindsOver(db: Store, gp: number, offset: number, limit: number): RewindRow[] {
  const sql = `${SELECT} INDEXED BY rewind_by_gp_time ${JOINS}
    WHERE r.gp = @gp AND r.from_offset > @offset AND r.to_offset <= @offset
    ORDER BY r.at DESC, r.id DESC LIMIT @limit`;
  return statement<ReadRow>(db, sql)
    .all({ gp, offset, limit })
    .map((row) => joined(db, row));
}

export interface RewindTotalRow {
  cluster: string;
  group: string;
  topic: string;
  cause: RewindCause;
  rewinds: number;
}

/** Rewinds by cause, once the cause is settled: a counter of /metrics. */
export function rewindTotalsOf(db: Store): RewindTotalRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, rt.cause, sum(rt.rewinds) AS rewinds
    FROM rewind_total rt
    JOIN group_partition gp ON gp.id = rt.gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = t.cluster
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;
  return statement<RewindTotalRow>(db, sql).all({});
}
