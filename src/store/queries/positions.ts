/** Where living sessions stand: what exposure is made of. */
import type { Store } from '../open';
import { statement } from './statement';

export interface PositionRow {
  gp: number;
  groupId: number;
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  next: number;
  handled: number;
  committed: number;
  exposedSince: number;
  updatedAt: number;
  host: string;
  pid: number;
  clientId: string | null;
  memberId: string | null;
  generation: number | null;
}

/**
 * The position of every partition that a living session reads, of all groups or one. A partition that moved from
 * one living session to another has a position of both: the one that moved last is its owner's.
 */
export function livePositions(db: Store, group?: number): PositionRow[] {
  const sql = `
    SELECT p.gp, g.id AS groupId, c.cluster_id AS cluster, g.name AS "group", t.name AS topic,
           t.topic_id AS topicId, gp.partition, p.next, p.handled, p.committed,
           p.exposed_since AS exposedSince, max(p.updated_at) AS updatedAt,
           s.host, s.pid, s.client_id AS clientId, m.member_id AS memberId, m.generation
    FROM session s INDEXED BY session_living
    CROSS JOIN position p INDEXED BY position_by_session ON p.session = s.id
    CROSS JOIN group_partition gp ON gp.id = p.gp
    JOIN consumer_group g ON g.id = gp.grp
    JOIN topic t ON t.id = gp.topic
    JOIN cluster c ON c.id = t.cluster
    LEFT JOIN member m ON m.id = (SELECT id FROM member WHERE session = s.id ORDER BY ref DESC LIMIT 1)
    WHERE s.ended_at IS NULL ${group === undefined ? '' : 'AND s.grp = @group'}
    GROUP BY p.gp ORDER BY c.cluster_id, g.name, t.name, gp.partition`;
  return statement<PositionRow>(db, sql).all({ group: group ?? null });
}

export interface LiveSessionsRow {
  cluster: string;
  group: string;
  sessions: number;
}

/** How many sessions live, a group; groups without one count 0. */
export function liveSessions(db: Store): LiveSessionsRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, g.name AS "group",
           (SELECT count(*) FROM session s WHERE s.grp = g.id AND s.ended_at IS NULL) AS sessions
    FROM consumer_group g JOIN cluster c ON c.id = g.cluster ORDER BY c.cluster_id, g.name`;
  return statement<LiveSessionsRow>(db, sql).all({});
}
