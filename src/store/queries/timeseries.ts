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

/** Rows of minutes, and the same of hours for steps of whole hours: a month is read in a sixtieth. */
const HOUR_MINUTES = 60;

/** A rollup table with what it counts; the other counts of its rows are 0. */
interface Source {
  /** `<name>_minute` and `<name>_hour`. */
  name: string;
  hasGroup: boolean;
  counts: Readonly<Record<string, string>>;
}

const SOURCES: readonly Source[] = [
  {
    name: 'rollup',
    hasGroup: true,
    counts: { deliveries: 'deliveries', redeliveries: 'redeliveries', failed: 'failed' },
  },
  { name: 'hit', hasGroup: true, counts: { hits: 'hits' } },
  {
    name: 'duplicate',
    hasGroup: false,
    counts: { duplicates: 'duplicates', idReuses: 'id_reuses' },
  },
];
const COUNTS = SOURCES.flatMap(({ counts }) => Object.keys(counts));

/** Steps with anything in them, in the order of time; steps without are left out. */
export function seriesOf(db: Store, query: SeriesQuery): SeriesRow[] {
  const unit = rollupUnit(query);
  const sources = SOURCES.filter(({ hasGroup }) => hasGroup || query.group === undefined);
  const sums = COUNTS.map((count) => `sum(${count}) AS ${count}`).join(', ');
  const sql = `
    SELECT minute, cluster, "group", topic, ${sums}
    FROM (${sources.map((source) => sourceSql(source, query)).join(' UNION ALL ')})
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4 LIMIT @limit`;
  return statement<SeriesRow>(db, sql).all({
    unit,
    step: query.stepMinutes / unit,
    from: query.fromMinute / unit,
    to: query.toMinute / unit,
    cluster: query.cluster ?? null,
    group: query.group ?? null,
    topic: query.topic ?? null,
    limit: query.limit,
  });
}

/** Minutes a row of the tables that are read. */
export function rollupUnit({
  stepMinutes,
  fromMinute,
  toMinute,
}: Pick<SeriesQuery, 'stepMinutes' | 'fromMinute' | 'toMinute'>): number {
  const isWhole = [stepMinutes, fromMinute, toMinute].every((minutes) => minutes % HOUR_MINUTES === 0);
  return isWhole ? HOUR_MINUTES : 1;
}

/**
 * Names are looked up where they are asked for alone: a month of all groups reads no other table. It is added up in the
 * table's own order first, as sorting each of its rows into steps takes three times as long.
 */
function sourceSql({ name, hasGroup, counts }: Source, query: SeriesQuery): string {
  const { by, cluster, group, topic } = query;
  const unit = rollupUnit(query) === 1 ? 'minute' : 'hour';
  const isNamed = by !== 'all' || cluster !== undefined || group !== undefined || topic !== undefined;
  const sums = COUNTS.map((count) =>
    counts[count] === undefined ? `0 AS ${count}` : `sum(r.${counts[count]}) AS ${count}`,
  );
  const columns = Object.values(counts);
  const inOrder = `(SELECT ${unit}, ${columns.map((column) => `sum(${column}) AS ${column}`).join(', ')}
    FROM ${name}_${unit} WHERE ${unit} >= @from AND ${unit} < @to GROUP BY ${unit})`;
  // better-sqlite3 binds every number as a REAL, and a REAL would not divide into whole steps.
  return `
    SELECT r.${unit} / CAST(@step AS INTEGER) * CAST(@step AS INTEGER) * CAST(@unit AS INTEGER) AS minute,
           ${by === 'all' ? 'NULL' : 'c.cluster_id'} AS cluster,
           ${by === 'all' || !hasGroup ? 'NULL' : 'g.name'} AS "group",
           ${by === 'topic' ? 't.name' : 'NULL'} AS topic, ${sums.join(', ')}
    FROM ${isNamed ? `${name}_${unit}` : inOrder} r
    ${isNamed && hasGroup ? 'CROSS JOIN consumer_group g ON g.id = r.grp' : ''}
    ${isNamed ? 'CROSS JOIN topic t ON t.id = r.topic CROSS JOIN cluster c ON c.id = t.cluster' : ''}
    ${where(
      `r.${unit} >= @from AND r.${unit} < @to`,
      cluster !== undefined && 'c.cluster_id = @cluster',
      group !== undefined && 'g.name = @group',
      topic !== undefined && 't.name = @topic',
    )} GROUP BY 1, 2, 3, 4`;
}
