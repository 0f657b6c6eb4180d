/** What happened in a group within a time: its sessions and generations. */
import type { Store } from '../open';
import type { SessionRow } from './group';
import type { TimeSpan } from './points';
import { statement } from './statement';

/** Sessions that lived within the time, the newest first. */
export function sessionsWithin(db: Store, group: number, { since, until, limit }: TimeSpan): SessionRow[] {
  const sql = `
    SELECT id, key, host, pid, client_id AS clientId, version, settings, started_at AS startedAt,
           last_seen_at AS lastSeenAt, ended_at AS endedAt, ended_how AS endedHow, ended_error AS endedError
    FROM session INDEXED BY session_by_group
    WHERE grp = @group AND started_at < @until AND (ended_at IS NULL OR ended_at >= @since)
    ORDER BY started_at DESC LIMIT @limit`;
  return statement<SessionRow>(db, sql).all({ group, since, until, limit });
}

export interface GenerationPointRow {
  at: number;
  generation: number;
  /** JSON, as `WatchedMember`. */
  members: string;
}

/** Generations that began within the time, and the one that held when it began, as seen from outside; the newest first. */
export function generationsWithin(
  db: Store,
  group: number,
  { since, until, limit }: TimeSpan,
): GenerationPointRow[] {
  const within = `
    SELECT at, generation, members FROM group_generation
    WHERE grp = @group AND at >= @since AND at < @until ORDER BY at DESC, generation DESC LIMIT @limit`;
  // Who had what when the time began is told by the generation before it.
  const before = `
    SELECT at, generation, members FROM group_generation
    WHERE grp = @group AND at < @since ORDER BY at DESC, generation DESC LIMIT 1`;
  const found = statement<GenerationPointRow>(db, within).all({ group, since, until, limit });
  if (found.length === limit) return found;
  return [...found, ...statement<GenerationPointRow>(db, before).all({ group, since })];
}
