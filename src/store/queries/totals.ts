/**
 * Counters for /metrics. They only grow: the writer adds to `group_partition`, retention leaves it alone. Rows
 * come in the order in which the store came to know them.
 */
import type { Store } from '../open';
import { statement } from './statement';

export interface TotalsRow {
  cluster: string;
  group: string;
  topic: string;
  deliveries: number;
  redeliveries: number;
  failed: number;
  uncertain: number;
  premature: number;
  skipped: number;
  hits: number;
  /** The most that was ever told of each: late facts may take some back (see migration 015). */
  appliedAgain: number;
  perhapsAgain: number;
  /** Of the group; null: it is known from outside alone. */
  firstSession: number | null;
  /** Number of the first of these places. */
  firstPlace: number;
}

/** By name: a recreated topic goes on counting where the old one stopped. */
export function totalsOf(db: Store): TotalsRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, sum(gp.deliveries) AS deliveries,
           sum(gp.redeliveries) AS redeliveries, sum(gp.failed) AS failed, sum(gp.uncertain) AS uncertain,
           sum(gp.premature) AS premature, sum(gp.skipped) AS skipped,
           sum(gp.hits) AS hits, sum(gp.applied_again_counted) AS appliedAgain,
           sum(gp.perhaps_again_counted) AS perhapsAgain,
           (SELECT min(s.id) FROM session s WHERE s.grp = g.id) AS firstSession, min(gp.id) AS firstPlace
    FROM group_partition gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = t.cluster
    GROUP BY g.id, t.name ORDER BY firstPlace`;
  return statement<TotalsRow>(db, sql).all({});
}

export interface CauseTotalRow {
  cluster: string;
  group: string;
  topic: string;
  cause: string;
  records: number;
}

/** Redelivered records by cause, once the cause is settled. */
export function causeTotalsOf(db: Store): CauseTotalRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", t.name AS topic, ct.cause, sum(ct.records) AS records
    FROM cause_total ct
    JOIN group_partition gp ON gp.id = ct.gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = t.cluster
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`;
  return statement<CauseTotalRow>(db, sql).all({});
}

export interface KnownTopicRow {
  group: string;
  topic: string;
}

/** Which instrumented groups read which topics of one cluster: what consumer lag is asked for. */
export function knownTopics(db: Store, cluster: string): KnownTopicRow[] {
  const sql = `
    SELECT DISTINCT g.name AS "group", t.name AS topic
    FROM group_partition gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = g.cluster
    WHERE c.cluster_id = @cluster AND EXISTS (SELECT 1 FROM session s WHERE s.grp = g.id) ORDER BY 1, 2`;
  return statement<KnownTopicRow>(db, sql).all({ cluster });
}

export interface OutsideTotalRow {
  cluster: string;
  group: string;
  /** Null: its members were never seen. */
  rebalances: number | null;
  /** A partition's each. Null: none was read. */
  commits: number | null;
}

/** Of groups that were ever seen from outside, also of those that retention forgot, as they came to be seen. */
export function outsideTotalsOf(db: Store): OutsideTotalRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", r.rebalances, ct.commits
    FROM first_watched f JOIN consumer_group g ON g.id = f.grp JOIN cluster c ON c.id = g.cluster
    LEFT JOIN rebalance_total r ON r.grp = f.grp LEFT JOIN commit_total ct ON ct.grp = f.grp ORDER BY f.id`;
  return statement<OutsideTotalRow>(db, sql).all({});
}

/** Deliveries whose detail could not be kept, ever. */
export function droppedTotal(db: Store): number {
  const sql = 'SELECT deliveries FROM dropped_total';
  return statement<{ deliveries: number }>(db, sql).get({})?.deliveries ?? 0;
}
