/** What stands below one group: its partitions, sessions and members. */
import type { Store } from '../open';
import type { PagePlace } from './redelivery-pages';
import { statement, where } from './statement';

export interface GroupPartitionRow {
  gp: number;
  topic: string;
  topicId: string | null;
  partition: number;
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
}

export function partitionsOf(db: Store, group: number): GroupPartitionRow[] {
  const sql = `
    SELECT gp.id AS gp, t.name AS topic, t.topic_id AS topicId, gp.partition, gp.deliveries, gp.redeliveries,
           gp.failed, gp.in_flight AS inFlight, gp.uncertain, gp.premature, gp.skipped,
           gp.hits, gp.applied_again AS appliedAgain, gp.failed_again AS failedAgain,
           gp.perhaps_again AS perhapsAgain,
           gp.duplicates_delivered AS duplicatesDelivered
    FROM group_partition gp JOIN topic t ON t.id = gp.topic
    WHERE gp.grp = @group ORDER BY t.name, t.first_seen_at, gp.partition`;
  return statement<GroupPartitionRow>(db, sql).all({ group });
}

export interface SessionRow {
  id: number;
  key: string;
  host: string;
  pid: number;
  clientId: string | null;
  version: string;
  /** JSON */
  settings: string;
  startedAt: number;
  lastSeenAt: number;
  endedAt: number | null;
  endedHow: string | null;
  endedError: string | null;
}

export interface SessionFilter {
  /** When they began: unix ms. */
  since?: number | undefined;
  until?: number | undefined;
  after?: PagePlace | undefined;
  limit: number;
}

/** The sessions of a group, the latest that began first. */
export function sessionsOf(
  db: Store,
  group: number,
  { since, until, after, limit }: SessionFilter,
): SessionRow[] {
  const sql = `
    SELECT id, key, host, pid, client_id AS clientId, version, settings, started_at AS startedAt,
           last_seen_at AS lastSeenAt, ended_at AS endedAt, ended_how AS endedHow, ended_error AS endedError
    FROM session INDEXED BY session_by_group ${where(
      'grp = @group',
      since !== undefined && 'started_at >= @since',
      until !== undefined && 'started_at < @until',
      after !== undefined && '(started_at, id) < (@afterAt, @afterId)',
    )} ORDER BY started_at DESC, id DESC LIMIT @limit`;
  return statement<SessionRow>(db, sql).all({
    group,
    since: since ?? null,
    until: until ?? null,
    afterAt: after?.at ?? null,
    afterId: after?.id ?? null,
    limit,
  });
}

export function sessionCount(db: Store, group: number): number {
  const sql = 'SELECT count(*) AS sessions FROM session WHERE grp = @group';
  return (statement<{ sessions: number }>(db, sql).get({ group }) as { sessions: number }).sessions;
}

export interface MemberRow {
  memberId: string;
  generation: number | null;
  leader: number;
  joinedAt: number;
  leftAt: number | null;
  /** JSON: topic to partitions */
  assignment: string;
}

/** The latest members of one session, the newest first. */
export function membersOf(db: Store, session: number, limit: number): MemberRow[] {
  const sql = `
    SELECT member_id AS memberId, generation, leader, joined_at AS joinedAt, left_at AS leftAt, assignment
    FROM member WHERE session = @session ORDER BY ref DESC LIMIT @limit`;
  return statement<MemberRow>(db, sql).all({ session, limit });
}
