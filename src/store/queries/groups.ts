/** One row a consumer group. */
import { type GroupState, INCIDENT_GAP_MS } from '../../ledger';
import type { Store } from '../open';
import { statement, where } from './statement';

/** Transactions alone commit the offsets of group `g`: 1, else 0. */
export const BY_TRANSACTIONS = `(
  EXISTS (SELECT 1 FROM session s WHERE s.grp = g.id AND json_extract(s.settings, '$.transactional') = 'seen')
  AND NOT EXISTS (SELECT 1 FROM session s WHERE s.grp = g.id
    AND coalesce(json_extract(s.settings, '$.transactional'), 'no') NOT IN ('seen', 'expected')))`;

export interface GroupRow {
  id: number;
  cluster: string;
  group: string;
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
  /** Transactions alone commit its offsets: 1, else 0. */
  byTransactions: number;
  lastDeliveryAt: number | null;
  /** Of the watcher; null: not watched. */
  state: GroupState | null;
  rebalances: number | null;
  /** Commits seen from outside within the RATE_MINUTES whole minutes before now; whether any was ever seen: 1, else 0. */
  recentCommits: number;
  commitsSeen: number;
  /** Whose cause is settled. */
  rewinds: number;
}

/** A rate is told of so many minutes. */
export const RATE_MINUTES = 10;

export interface GroupPage {
  /** Unix ms. Default: now. */
  now?: number;
  cluster?: string | undefined;
  /** Exact name. */
  group?: string | undefined;
  /** These alone. */
  ids?: readonly number[] | undefined;
  /** Behind this group, in the order of name and id. */
  after?: { id: number } | undefined;
  limit: number;
}

/** Groups in the order of name and id, with the totals of their partitions. */
export function groupsOf(db: Store, page: GroupPage): GroupRow[] {
  const sql = `
    SELECT g.id, c.cluster_id AS cluster, g.name AS "group",
           count(DISTINCT gp.topic) AS topics, count(gp.id) AS partitions,
           (SELECT count(*) FROM session s WHERE s.grp = g.id AND s.ended_at IS NULL) AS sessions,
           coalesce(sum(gp.deliveries), 0) AS deliveries, coalesce(sum(gp.redeliveries), 0) AS redeliveries,
           coalesce(sum(gp.failed), 0) AS failed, coalesce(sum(gp.in_flight), 0) AS inFlight,
           coalesce(sum(gp.uncertain), 0) AS uncertain, coalesce(sum(gp.premature), 0) AS premature,
           coalesce(sum(gp.skipped), 0) AS skipped, coalesce(sum(gp.hits), 0) AS hits,
           coalesce(sum(gp.applied_again), 0) AS appliedAgain, coalesce(sum(gp.failed_again), 0) AS failedAgain,
           coalesce(sum(gp.perhaps_again), 0) AS perhapsAgain,
           coalesce(sum(gp.duplicates_delivered), 0) AS duplicatesDelivered,
           ${BY_TRANSACTIONS} AS byTransactions,
           (SELECT max(p.updated_at) FROM group_partition q JOIN position p ON p.gp = q.id
            WHERE q.grp = g.id) AS lastDeliveryAt,
           (SELECT w.state FROM watched_group w WHERE w.grp = g.id) AS state,
           (SELECT coalesce(sum(m.commits), 0) FROM commit_minute m
            WHERE m.grp = g.id AND m.minute >= @sinceMinute AND m.minute < @sinceMinute + ${RATE_MINUTES}) AS recentCommits,
           EXISTS (SELECT 1 FROM commit_total ct WHERE ct.grp = g.id) AS commitsSeen,
           (SELECT w.rebalances FROM watched_group w WHERE w.grp = g.id) AS rebalances,
           (SELECT coalesce(sum(rt.rewinds), 0) FROM group_partition q JOIN rewind_total rt ON rt.gp = q.id
            WHERE q.grp = g.id) AS rewinds
    FROM consumer_group g
    JOIN cluster c ON c.id = g.cluster
    LEFT JOIN group_partition gp ON gp.grp = g.id
    ${where(
      page.cluster !== undefined && 'c.cluster_id = @cluster',
      page.group !== undefined && 'g.name = @group',
      page.ids !== undefined && 'g.id IN (SELECT value FROM json_each(@ids))',
      page.after !== undefined &&
        '(g.name, g.id) > (SELECT name, id FROM consumer_group WHERE id = @afterId)',
    )}
    GROUP BY g.id ORDER BY g.name, g.id LIMIT @limit`;
  return statement<GroupRow>(db, sql).all({
    cluster: page.cluster ?? null,
    group: page.group ?? null,
    ids: page.ids === undefined ? null : JSON.stringify(page.ids),
    afterId: page.after?.id ?? null,
    sinceMinute: Math.floor((page.now ?? Date.now()) / 60_000) - RATE_MINUTES,
    limit: page.limit,
  });
}

/** What a group needs a look for, the worst first: each decides where those before it are the same. */
export interface GroupWeight {
  id: number;
  incidentsOpen: number;
  /** Records committed too early or skipped. */
  atRisk: number;
  redeliveries: number;
  deliveries: number;
}

/**
 * Groups in the order of their weights, then by name and id. Adds up a row a group partition: of all groups, as any of
 * them may be the worst.
 */
export function worstGroups(
  db: Store,
  page: {
    cluster?: string | undefined;
    group?: string | undefined;
    after?: GroupWeight | undefined;
    /** Unix ms: what is open is told by it. */
    now: number;
    limit: number;
  },
): GroupWeight[] {
  const { after } = page;
  const sql = `
    SELECT id, incidentsOpen, atRisk, redeliveries, deliveries FROM (
      SELECT g.id, g.name, coalesce(o.incidents, 0) AS incidentsOpen,
             coalesce(sum(gp.premature + gp.skipped), 0) AS atRisk,
             coalesce(sum(gp.redeliveries), 0) AS redeliveries, coalesce(sum(gp.deliveries), 0) AS deliveries
      FROM consumer_group g
      JOIN cluster c ON c.id = g.cluster
      LEFT JOIN group_partition gp ON gp.grp = g.id
      LEFT JOIN (SELECT grp, count(*) AS incidents FROM incident INDEXED BY incident_by_time
                 WHERE last_at > @openSince GROUP BY grp) o ON o.grp = g.id
      ${where(
        page.cluster !== undefined && 'c.cluster_id = @cluster',
        page.group !== undefined && 'g.name = @group',
      )}
      GROUP BY g.id)
    ${where(
      after !== undefined &&
        `(-incidentsOpen, -atRisk, -redeliveries, -deliveries, name, id) >
         (-@open, -@risk, -@redeliveries, -@deliveries, (SELECT name FROM consumer_group WHERE id = @id), @id)`,
    )}
    ORDER BY incidentsOpen DESC, atRisk DESC, redeliveries DESC, deliveries DESC, name, id LIMIT @limit`;
  return statement<GroupWeight>(db, sql).all({
    cluster: page.cluster ?? null,
    group: page.group ?? null,
    openSince: page.now - INCIDENT_GAP_MS,
    open: after?.incidentsOpen ?? null,
    risk: after?.atRisk ?? null,
    redeliveries: after?.redeliveries ?? null,
    deliveries: after?.deliveries ?? null,
    id: after?.id ?? null,
    limit: page.limit,
  });
}

/** All names, for suggestions. */
export function groupNames(db: Store): string[] {
  return statement<{ name: string }>(db, 'SELECT DISTINCT name FROM consumer_group ORDER BY name LIMIT 10000')
    .all({})
    .map((row) => row.name);
}
