/** Groups as the watcher sees them from outside: members, generations, committed offsets. */
import type { GroupState } from '../../ledger';
import type { Store } from '../open';
import { statement } from './statement';

export interface WatchedGroupRow {
  groupId: number;
  cluster: string;
  group: string;
  protocol: 'classic' | 'consumer' | null;
  state: GroupState;
  generation: number | null;
  since: number;
  /** JSON, as `WatchedMember`. */
  members: string;
  goneAt: number | null;
  rebalances: number;
}

/** All, or one; in the order of names. */
export function watchedGroups(db: Store, group?: number): WatchedGroupRow[] {
  const sql = `
    SELECT w.grp AS groupId, c.cluster_id AS cluster, g.name AS "group", w.protocol, w.state, w.generation, w.since,
           w.members, w.gone_at AS goneAt, w.rebalances
    FROM watched_group w JOIN consumer_group g ON g.id = w.grp JOIN cluster c ON c.id = g.cluster
    ${group === undefined ? '' : 'WHERE w.grp = @group'} ORDER BY c.cluster_id, g.name`;
  return statement<WatchedGroupRow>(db, sql).all({ group: group ?? null });
}

export interface GenerationRow {
  at: number;
  generation: number;
  /** JSON, as `WatchedMember`; empty: the last member had left. */
  members: string;
}

/** The latest generations of a group, the newest first: its rebalances. */
export function generationsOf(db: Store, group: number, limit: number): GenerationRow[] {
  const sql = `
    SELECT at, generation, members FROM group_generation WHERE grp = @group
    ORDER BY at DESC, generation DESC LIMIT @limit`;
  return statement<GenerationRow>(db, sql).all({ group, limit });
}

/** Rebalances of a group since a time: generations that began with members. */
export function rebalancesSince(db: Store, group: number, since: number): number {
  const sql = `
    SELECT count(*) AS rebalances FROM group_generation WHERE grp = @group AND at >= @since AND members <> '[]'`;
  return statement<{ rebalances: number }>(db, sql).get({ group, since })?.rebalances ?? 0;
}

export interface WatchedOffsetRow {
  gp: number;
  topic: string;
  topicId: string | null;
  partition: number;
  committed: number | null;
  at: number;
  metadata: string;
  leaderEpoch: number | null;
  goneAt: number | null;
  commits: number;
}

/** What a group has committed. */
export function watchedOffsets(db: Store, group: number): WatchedOffsetRow[] {
  const sql = `
    SELECT gp.id AS gp, t.name AS topic, t.topic_id AS topicId, gp.partition, o.committed, o.at, o.metadata,
           o.leader_epoch AS leaderEpoch, o.gone_at AS goneAt, o.commits
    FROM group_partition gp JOIN watched_offset o ON o.gp = gp.id JOIN topic t ON t.id = gp.topic
    WHERE gp.grp = @group ORDER BY t.name, t.first_seen_at, gp.partition`;
  return statement<WatchedOffsetRow>(db, sql).all({ group });
}
