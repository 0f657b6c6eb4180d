/**
 * Clocks of one machine that were set while its processes ran. Each session told how far its wall clock was from the
 * machine's monotonic time; where two of one boot differ in that, times of one are brought to the clock of the other.
 */
import type { Store } from './open';

/** Clocks that differ by less are one clock, which was slewed. */
const DIFFER_MS = 2_000;
/** Beyond, times of other clocks are not looked for: the window of their rows would have no end. */
const APART_MAX_MS = 86_400_000;
/** Of a group: those that began last. */
const SESSIONS_MAX = 200;

export interface Clock {
  bootId: string;
  /** Wall clock minus monotonic time, ms; null where the session did not tell. */
  clockMs: number | null;
}

/** Of one boot of one machine, and both told their clocks: times of the two can be compared whatever the clocks say. */
export function isOneMachine(a: Clock, b: Clock): boolean {
  return a.bootId !== '' && a.bootId === b.bootId && a.clockMs !== null && b.clockMs !== null;
}

/** What to add to a time of `from` to have it in the clock of `to`, ms; 0 for one clock, or where it cannot be told. */
export function shiftBetween(from: Clock, to: Clock): number {
  if (!isOneMachine(from, to)) return 0;
  const shift = (to.clockMs as number) - (from.clockMs as number);
  return Math.abs(shift) > DIFFER_MS ? shift : 0;
}

interface Commit {
  offset: number;
  at: number;
}

/** Of a session `s`: what its clock is ahead of @clock. */
const AHEAD = `CASE WHEN s.boot_id = @boot THEN coalesce(json_extract(s.settings, '$.clockMs') - @clock, 0) ELSE 0 END`;

/** Commits by the clock of one session, for groups that have several clocks. */
export class ClockedCommits {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      apart: db.prepare<[{ boot: string; clock: number; group: number }], { most: number | null }>(
        `SELECT max(abs(ahead)) AS most FROM (SELECT ${AHEAD} AS ahead FROM session s
         WHERE s.grp = @group ORDER BY s.started_at DESC LIMIT ${SESSIONS_MAX})`,
      ),
      last: db.prepare<[ClockedQuestion], Commit>(
        `SELECT "offset", at FROM (
           SELECT c.committed AS "offset", c.at - ${AHEAD} AS at FROM commit_point c JOIN session s ON s.id = c.session
           WHERE c.gp = @gp AND c.at BETWEEN @from - @most AND @at + @most
           UNION ALL
           SELECT p.committed, p.updated_at - ${AHEAD} FROM position p JOIN session s ON s.id = p.session
           WHERE p.gp = @gp AND EXISTS (SELECT 1 FROM commit_point c WHERE c.gp = p.gp AND c.session = p.session))
         WHERE at <= @at ORDER BY at DESC LIMIT 1`,
      ),
      lowered: db.prepare<[ClockedQuestion], { from: number; to: number; at: number }>(
        `SELECT "from", "to", at FROM (
           SELECT c.lowered_from AS "from", c.committed AS "to", c.at - ${AHEAD} AS at
           FROM commit_point c JOIN session s ON s.id = c.session
           WHERE c.gp = @gp AND c.lowered_from IS NOT NULL AND c.at BETWEEN @from - @most AND @at + @most)
         WHERE at BETWEEN @from AND @at ORDER BY at DESC LIMIT 1`,
      ),
    };
  }

  /** How far the clocks of that group's sessions are from this one at most, ms; 0 where they are one. */
  apart(group: number, { bootId, clockMs }: Clock): number {
    if (bootId === '' || clockMs === null) return 0;
    const most = this.statements.apart.get({ boot: bootId, clock: clockMs, group })?.most ?? 0;
    return most > DIFFER_MS ? Math.min(most, APART_MAX_MS) : 0;
  }

  /** The last acknowledged commit of any session by `at`, looked for from `from` on; times by `clock`. */
  last(question: ClockedQuestion): Commit | null {
    return this.statements.last.get(question) ?? null;
  }

  /** The last commit between the two times that went down. */
  lowered(question: ClockedQuestion): { from: number; to: number; at: number } | null {
    return this.statements.lowered.get(question) ?? null;
  }
}

export interface ClockedQuestion {
  gp: number;
  boot: string;
  clock: number;
  /** Of `apart`. */
  most: number;
  from: number;
  at: number;
}
