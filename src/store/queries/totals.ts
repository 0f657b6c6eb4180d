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

export interface RebalanceTotalRow {
  cluster: string;
  group: string;
  rebalances: number;
}

/** Of groups that were ever watched from outside, also of those that retention forgot, as they came to be watched. */
export function rebalanceTotalsOf(db: Store): RebalanceTotalRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", r.rebalances
    FROM rebalance_total r JOIN first_watched f ON f.grp = r.grp
    JOIN consumer_group g ON g.id = r.grp JOIN cluster c ON c.id = g.cluster ORDER BY f.id`;
  return statement<RebalanceTotalRow>(db, sql).all({});
}

export interface CommitTotalRow {
  cluster: string;
  group: string;
  commits: number;
}

/** Commits of groups as read from outside, a partition's each. */
export function commitTotalsOf(db: Store): CommitTotalRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group", r.commits
    FROM commit_total r JOIN consumer_group g ON g.id = r.grp JOIN cluster c ON c.id = g.cluster ORDER BY r.grp`;
  return statement<CommitTotalRow>(db, sql).all({});
}

/** Deliveries whose detail could not be kept, ever. */
export function droppedTotal(db: Store): number {
  const sql = 'SELECT deliveries FROM dropped_total';
  return statement<{ deliveries: number }>(db, sql).get({})?.deliveries ?? 0;
}
