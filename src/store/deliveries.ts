/** What each delivery of a stretch came to: the runs over it, and the hits and covered deliveries in them. */
import {
  deliveriesAt,
  type FateOfRun,
  type HitSpan,
  type Outcome,
  RUN_RECORDS_MAX,
  type RunSpan,
} from '../ledger';
import type { Store } from './open';

export interface RunRow {
  id: number;
  first: number;
  last: number;
  handled: number;
  uncertain_last: number;
  first_at: number;
  last_at: number;
  outcome: Outcome;
  session_key: string;
  run: number;
}

/** Begin of a statement that answers `RunRow`. */
export const RUNS = `
  SELECT d.id, d.first, d.last, d.handled, d.uncertain_last, d.first_at, d.last_at, d.outcome, s.key AS session_key,
         d.run
  FROM delivery_run d JOIN session s ON s.id = d.session`;

/** Single records nearer than this to each other are read together. */
const NEAR = 1_000;

export class Deliveries {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      runs: db.prepare<[number, number, number, number], RunRow>(
        `${RUNS} WHERE d.gp = ? AND d.first BETWEEN ? AND ? AND d.uncertain_last >= ?`,
      ),
      hits: db.prepare<{ gp: number; from: number; first: number; last: number }, HitSpan>(
        `SELECT s.key AS sessionKey, h.run, h.first, h.last, h.at, 'hit' AS fate
         FROM idempotency_hit h JOIN session s ON s.id = h.session
         WHERE h.gp = @gp AND h.first BETWEEN @from AND @last AND h.last >= @first
         UNION ALL SELECT s.key, c.run, c.first, c.last, c.at, 'applied'
         FROM covered_delivery c JOIN session s ON s.id = c.session
         WHERE c.gp = @gp AND c.first BETWEEN @from AND @last AND c.last >= @first`,
      ),
    };
  }

  /** Every run that covers, or may cover, a part of [first..last]. */
  runs(gp: number, first: number, last: number): RunSpan[] {
    return this.statements.runs.all(gp, first - RUN_RECORDS_MAX, last, first).map(rowToSpan);
  }

  hits(gp: number, first: number, last: number): HitSpan[] {
    return this.statements.hits.all({ gp, from: first - RUN_RECORDS_MAX, first, last });
  }

  /** Of those records that were delivered at all: each with its deliveries. */
  at(gp: number, offsets: Iterable<number>): Map<number, FateOfRun[]> {
    const found = new Map<number, FateOfRun[]>();
    const sorted = [...new Set(offsets)].sort((a, b) => a - b);
    for (let begin = 0; begin < sorted.length; ) {
      let end = begin + 1;
      while (end < sorted.length && (sorted[end] as number) - (sorted[end - 1] as number) < NEAR) end++;
      const near = sorted.slice(begin, end);
      begin = end;
      const [first, last] = [near[0] as number, near.at(-1) as number];
      const runs = this.runs(gp, first, last);
      if (runs.length === 0) continue;
      const hits = this.hits(gp, first, last);
      for (const offset of near) {
        const deliveries = deliveriesAt(runs, hits, offset);
        if (deliveries.length > 0) found.set(offset, deliveries);
      }
    }
    return found;
  }
}

export function rowToSpan(row: RunRow): RunSpan {
  return {
    id: row.id,
    first: row.first,
    last: row.last,
    handled: row.handled,
    uncertainLast: row.uncertain_last,
    outcome: row.outcome,
    firstAt: row.first_at,
    lastAt: row.last_at,
    sessionKey: row.session_key,
    run: row.run,
  };
}
