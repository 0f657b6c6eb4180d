/** The whole store in one row. */
import type { VerdictFacts } from '../../ledger';
import type { Store } from '../open';
import { BY_TRANSACTIONS } from './groups';
import { statement } from './statement';

export interface SummaryRow {
  clusters: number;
  groups: number;
  topics: number;
  partitions: number;
  sessions: number;
  deliveries: number;
  redeliveries: number;
  failed: number;
  inFlight: number;
  uncertain: number;
  premature: number;
  skipped: number;
  hits: number;
  appliedAgain: number;
  failedAgain: number;
  perhapsAgain: number;
  duplicatesDelivered: number;
  lastDeliveryAt: number | null;
}

/** Totals of all groups. Reads a row a group partition, none a delivery. */
export function summaryOf(db: Store): SummaryRow {
  const sql = `
    SELECT (SELECT count(*) FROM cluster) AS clusters,
           (SELECT count(*) FROM consumer_group) AS groups,
           (SELECT count(DISTINCT name || '/' || cluster) FROM topic) AS topics,
           count(*) AS partitions,
           (SELECT count(*) FROM session WHERE ended_at IS NULL) AS sessions,
           coalesce(sum(deliveries), 0) AS deliveries,
           coalesce(sum(redeliveries), 0) AS redeliveries,
           coalesce(sum(failed), 0) AS failed,
           coalesce(sum(in_flight), 0) AS inFlight,
           coalesce(sum(uncertain), 0) AS uncertain, coalesce(sum(premature), 0) AS premature,
           coalesce(sum(skipped), 0) AS skipped, coalesce(sum(hits), 0) AS hits,
           coalesce(sum(applied_again), 0) AS appliedAgain, coalesce(sum(failed_again), 0) AS failedAgain,
           coalesce(sum(perhaps_again), 0) AS perhapsAgain,
           coalesce(sum(duplicates_delivered), 0) AS duplicatesDelivered,
           (SELECT max(updated_at) FROM position) AS lastDeliveryAt
    FROM group_partition`;
  return statement<SummaryRow>(db, sql).get({}) as SummaryRow;
}

/** The totals of each group, for its verdict. */
export function verdictFacts(db: Store): VerdictFacts[] {
  const sql = `
    SELECT sum(deliveries) AS deliveries, sum(redeliveries) AS redeliveries, sum(uncertain) AS uncertain,
           sum(premature) AS premature, sum(skipped) AS skipped, sum(hits) AS hits,
           sum(duplicates_delivered) AS duplicatesDelivered, sum(applied_again) AS appliedAgain, ${BY_TRANSACTIONS} AS byTransactions
    FROM group_partition JOIN consumer_group g ON g.id = grp GROUP BY grp`;
  return statement<VerdictFacts>(db, sql).all({});
}

export interface DroppedRow {
  events: number;
  deliveries: number;
  lastAt: number | null;
  lastReason: string | null;
}

/** Evidence that could not be kept: how much, and why the last time. */
export function droppedOf(db: Store): DroppedRow {
  const sql = `
    SELECT coalesce(sum(events), 0) AS events, coalesce(sum(deliveries), 0) AS deliveries,
           max(at) AS lastAt, reason AS lastReason
    FROM dropped_detail`;
  return statement<DroppedRow>(db, sql).get({}) as DroppedRow;
}

/** Where the store came to be: schema version and bytes that its rows fill. */
export function fileFacts(db: Store): { schemaVersion: number; bytes: number } {
  const pragma = (name: string) => db.pragma(name, { simple: true }) as number;
  return {
    schemaVersion: pragma('user_version'),
    bytes: (pragma('page_count') - pragma('freelist_count')) * pragma('page_size'),
  };
}
