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
  group: string | null;
  topic: string | null;
  deliveries: number;
  redeliveries: number;
  failed: number;
}

const NAMES = {
  all: 'NULL AS cluster, NULL AS "group", NULL AS topic',
  group: 'c.cluster_id AS cluster, g.name AS "group", NULL AS topic',
  topic: 'c.cluster_id AS cluster, g.name AS "group", t.name AS topic',
} as const;

/** Steps with deliveries, in the order of time; steps without any are left out. */
export function seriesOf(db: Store, query: SeriesQuery): SeriesRow[] {
  // better-sqlite3 binds every number as a REAL, and a REAL would not divide into whole steps.
  const sql = `
    SELECT r.minute / CAST(@step AS INTEGER) * CAST(@step AS INTEGER) AS minute, ${NAMES[query.by]},
           sum(r.deliveries) AS deliveries, sum(r.redeliveries) AS redeliveries, sum(r.failed) AS failed
    FROM rollup_minute r
    CROSS JOIN consumer_group g ON g.id = r.grp
    CROSS JOIN topic t ON t.id = r.topic
    CROSS JOIN cluster c ON c.id = g.cluster
    ${where(
      'r.minute >= @from AND r.minute < @to',
      query.cluster !== undefined && 'c.cluster_id = @cluster',
      query.group !== undefined && 'g.name = @group',
      query.topic !== undefined && 't.name = @topic',
    )}
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
