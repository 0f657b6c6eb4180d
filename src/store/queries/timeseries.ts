/** Rollups for charts. */
import type { Store } from '../open';
import { statement, where } from './statement';

export interface SeriesQuery {
  cluster?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
  /** Minutes since 1970, the first and the one behind the last. */
  fromMinute: number;
  toMinute: number;
  stepMinutes: number;
  /** What gets a series of its own. */
  by: 'all' | 'group' | 'topic';
  limit: number;
}

export interface SeriesRow {
  /** First minute of the step. */
  minute: number;
  cluster: string | null;
  /** Null for duplicates: they are of a topic, whoever reads it. */
  group: string | null;
  topic: string | null;
  deliveries: number;
  redeliveries: number;
  failed: number;
  hits: number;
  duplicates: number;
  idReuses: number;
}

/** A rollup table with what it counts; the other counts of its rows are 0. */
interface Source {
  table: string;
  hasGroup: boolean;
  counts: Readonly<Record<string, string>>;
}

const SOURCES: readonly Source[] = [
  {
    table: 'rollup_minute',
    hasGroup: true,
    counts: { deliveries: 'deliveries', redeliveries: 'redeliveries', failed: 'failed' },
  },
  { table: 'hit_minute', hasGroup: true, counts: { hits: 'hits' } },
  {
    table: 'duplicate_minute',
    hasGroup: false,
    counts: { duplicates: 'duplicates', idReuses: 'id_reuses' },
  },
];
const COUNTS = SOURCES.flatMap(({ counts }) => Object.keys(counts));

/** Steps with anything in them, in the order of time; steps without are left out. */
export function seriesOf(db: Store, query: SeriesQuery): SeriesRow[] {
  const sources = SOURCES.filter(({ hasGroup }) => hasGroup || query.group === undefined);
  const sums = COUNTS.map((count) => `sum(${count}) AS ${count}`).join(', ');
  const sql = `
    SELECT minute, cluster, "group", topic, ${sums}
    FROM (${sources.map((source) => sourceSql(source, query)).join(' UNION ALL ')})
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT @limit`;
  return statement<SeriesRow>(db, sql).all({
    step: query.stepMinutes,
    from: query.fromMinute,
    to: query.toMinute,
    cluster: query.cluster ?? null,
    group: query.group ?? null,
    topic: query.topic ?? null,
    limit: query.limit,
  });
}

/** Names are looked up where they are asked for alone: a month of all groups reads no other table. */
function sourceSql({ table, hasGroup, counts }: Source, { by, cluster, group, topic }: SeriesQuery): string {
  const isNamed = by !== 'all' || cluster !== undefined || group !== undefined || topic !== undefined;
  const sums = COUNTS.map((count) =>
    counts[count] === undefined ? `0 AS ${count}` : `sum(r.${counts[count]}) AS ${count}`,
  );
  // better-sqlite3 binds every number as a REAL, and a REAL would not divide into whole steps.
  return `
    SELECT r.minute / CAST(@step AS INTEGER) * CAST(@step AS INTEGER) AS minute,
           ${by === 'all' ? 'NULL' : 'c.cluster_id'} AS cluster,
           ${by === 'all' || !hasGroup ? 'NULL' : 'g.name'} AS "group",
           ${by === 'topic' ? 't.name' : 'NULL'} AS topic, ${sums.join(', ')}
    FROM ${table} r
    ${isNamed && hasGroup ? 'CROSS JOIN consumer_group g ON g.id = r.grp' : ''}
    ${isNamed ? 'CROSS JOIN topic t ON t.id = r.topic CROSS JOIN cluster c ON c.id = t.cluster' : ''}
    ${where(
      'r.minute >= @from AND r.minute < @to',
      cluster !== undefined && 'c.cluster_id = @cluster',
      group !== undefined && 'g.name = @group',
      topic !== undefined && 't.name = @topic',
    )} GROUP BY 1, 2, 3, 4`;
}
