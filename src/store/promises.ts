/**
 * Commits of transactions that were sent and whose answer nobody has seen: the process died, or the answer was lost.
 *
 *     noted -> took place: what the next member to get the partition found committed lies at it or beyond
 *           -> did not: it lies below, or the records came again before anyone told what he found
 *
 * Decided anew while more becomes known: a member that was killed early is learnt of after the one behind it. Where it
 * took place, the last delivery of each record by that session was handled, whatever its run says: it is
 * covered. kafkajs does not ask for stable offsets: that a member finds what stands for good rests on the application
 * opening its first transaction, which ends the dead one's, before it reads its offset.
 */
import { RUN_RECORDS_MAX } from '../ledger';
import type { Hits } from './hits';
import type { Store } from './open';

export interface Promised {
  /** What was known to be committed before. */
  from: number;
  next: number;
  at: number;
}

interface PromiseRow extends Promised {
  session: number;
  tookPlace: number | null;
}

interface RunRow {
  run: number;
  first: number;
  last: number;
  handled: number;
}

export class Promises {
  private readonly statements;

  constructor(
    db: Store,
    private readonly hits: Hits,
  ) {
    this.statements = {
      add: db.prepare(
        `INSERT OR IGNORE INTO commit_promise (gp, session, next_offset, from_offset, at)
         VALUES (@gp, @session, @next, @from, @at)`,
      ),
      open: db.prepare<[number], PromiseRow>(
        `SELECT session, from_offset AS "from", next_offset AS next, at, took_place AS tookPlace
         FROM commit_promise WHERE gp = ? AND took_place IS NOT 0`,
      ),
      found: db.prepare<[number, number], { session: number; committed: number | null; at: number }>(
        'SELECT session, committed, at FROM partition_start WHERE gp = ? AND at > ? ORDER BY at LIMIT 1',
      ),
      again: db.prepare<
        { gp: number; reach: number; from: number; next: number; at: number; until: number; session: number },
        { one: number }
      >(
        `SELECT 1 AS one FROM delivery_run INDEXED BY delivery_run_by_first
         WHERE gp = @gp AND first >= @reach AND first < @next AND last >= @from
           AND first_at > @at AND (first_at <= @until OR session = @session) LIMIT 1`,
      ),
      decide: db.prepare<[number, number, number, number]>(
        'UPDATE commit_promise SET took_place = ? WHERE gp = ? AND session = ? AND next_offset = ?',
      ),
      runs: db.prepare<[number, number, number, number], RunRow>(
        `SELECT run, first, last, handled FROM delivery_run
         WHERE session = ? AND gp = ? AND first < ? AND last >= ? AND outcome <> 'open' ORDER BY run DESC`,
      ),
    };
  }

  note(gp: number, session: number, promised: Promised, version: number): void {
    this.statements.add.run({ gp, session, ...promised });
    this.decide(gp, version);
  }

  /** When a start or a run of the partition became known. */
  decide(gp: number, version: number): void {
    for (const promise of this.statements.open.all(gp)) {
      const tookPlace = this.tookPlace(gp, promise);
      if (tookPlace === null) continue;
      this.statements.decide.run(tookPlace ? 1 : 0, gp, promise.session, promise.next);
      if (tookPlace) this.cover(gp, promise, version);
      else if (promise.tookPlace === 1) this.hits.uncover({ gp, ...promise });
    }
  }

  private tookPlace(gp: number, { from, next, at }: Promised): boolean | null {
    const found = this.statements.found.get(gp, at);
    if (found === undefined) return null;
    if (found.committed === null || found.committed < next) return false;
    const reach = from - RUN_RECORDS_MAX;
    const { session, at: until } = found;
    // Also by that member itself: what it was told may have been asked for when it had committed already.
    return this.statements.again.get({ gp, reach, from, next, at, until, session }) === undefined;
  }

  private cover(gp: number, { session, from, next, at }: PromiseRow, version: number): void {
    let below = next;
    for (const row of this.statements.runs.all(session, gp, next, from)) {
      const first = Math.max(row.handled, row.first, from);
      const last = Math.min(row.last, below - 1);
      below = Math.min(below, row.first);
      if (first <= last) this.hits.cover({ gp, session, run: row.run, first, last, at }, version);
    }
  }
}
