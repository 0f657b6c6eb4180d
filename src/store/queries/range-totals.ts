/** What each group got within a time, out of the rollups, and which groups got most of it again. */
import type { Store } from '../open';
import { statement } from './statement';
import { rollupUnit } from './timeseries';

export interface RangeQuery {
  /** Minutes since 1970, the first and the one behind the last. */
  fromMinute: number;
  toMinute: number;
  stepMinutes: number;
}

export interface GroupSum {
  /** Row of the group. */
  grp: number;
  deliveries: number;
  redeliveries: number;
  failed: number;
  hits: number;
}

/**
 * One row a group, the most redeliveries first: however many groups there are, no name is looked up, and no point a
 * step is made.
 */
export function groupSums(db: Store, query: RangeQuery): GroupSum[] {
  const unit = rollupUnit(query);
  const name = unit === 1 ? 'minute' : 'hour';
  const within = `${name} >= @from AND ${name} < @to GROUP BY grp`;
  // Hours lie by group in an index of their own; minutes, of which few are asked for, by time.
  const delivered =
    unit === 1
      ? `rollup_minute WHERE ${within}`
      : `consumer_group g CROSS JOIN rollup_hour r INDEXED BY rollup_hour_by_group
           ON r.grp = g.id AND r.hour >= @from AND r.hour < @to GROUP BY g.id`;
  const sql = `
    SELECT grp, sum(deliveries) AS deliveries, sum(redeliveries) AS redeliveries, sum(failed) AS failed,
           sum(hits) AS hits
    FROM (SELECT grp, sum(deliveries) AS deliveries, sum(redeliveries) AS redeliveries, sum(failed) AS failed, 0 AS hits
          FROM ${delivered}
          UNION ALL
          SELECT grp, 0, 0, 0, sum(hits) FROM hit_${name} WHERE ${within})
    GROUP BY grp ORDER BY 3 DESC, 2 DESC, grp`;
  return statement<GroupSum>(db, sql).all(bounds(query, unit));
}

/** Of all topics. */
export function writtenSums(db: Store, query: RangeQuery): { duplicates: number; idReuses: number } {
  const unit = rollupUnit(query);
  const name = unit === 1 ? 'minute' : 'hour';
  const sql = `
    SELECT coalesce(sum(duplicates), 0) AS duplicates, coalesce(sum(id_reuses), 0) AS idReuses
    FROM duplicate_${name} WHERE ${name} >= @from AND ${name} < @to`;
  return statement<{ duplicates: number; idReuses: number }>(db, sql).get(bounds(query, unit)) as {
    duplicates: number;
    idReuses: number;
  };
}

function bounds({ fromMinute, toMinute }: RangeQuery, unit: number): { from: number; to: number } {
  return { from: fromMinute / unit, to: toMinute / unit };
}

export function groupName(db: Store, grp: number): { cluster: string; group: string } {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group"
    FROM consumer_group g JOIN cluster c ON c.id = g.cluster WHERE g.id = @grp`;
  return statement<{ cluster: string; group: string }>(db, sql).get({ grp }) as {
    cluster: string;
    group: string;
  };
}
