/** How large the exposure was for how long: what the quantiles of a group are told from. */
import { exposureOf, heldBetween, type Position } from '../ledger';
import type { Store } from './open';

/** Of a partition that goes from hand to hand, the last looks at so many sessions are kept. */
const SESSIONS_KEPT = 4;

type Look = Omit<Position, 'track'>;

export class Exposures {
  private readonly statements;
  /** The last look at each session's position, by group partition. */
  private readonly looks = new Map<number, Map<number, Look>>();

  constructor(db: Store) {
    this.statements = {
      weigh: db.prepare<[number, number, string, number, number]>(
        `INSERT INTO exposure_hour (gp, hour, of, bucket, weight) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET weight = weight + excluded.weight`,
      ),
      peak: db.prepare<[number, number, number, number]>(
        `INSERT INTO exposure_peak (gp, hour, records, ms) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET records = max(records, excluded.records), ms = max(ms, excluded.ms)`,
      ),
    };
  }

  /** What was seen at the session's last look held until now. */
  weigh(gp: number, session: number, position: Look): void {
    const { at } = position;
    const before = this.exchange(gp, session, position);
    if (before !== undefined) {
      for (const { hour, of, bucket, weight } of heldBetween(before, before.at, at)) {
        this.statements.weigh.run(gp, hour, of, bucket, weight);
      }
    }
    if (position.peakRecords > 0) {
      this.statements.peak.run(gp, position.peakHour, position.peakRecords, position.peakMs);
    }
    const { records, ageMs } = exposureOf(position, at);
    if (records > 0) this.statements.peak.run(gp, Math.floor(at / 3_600_000), records, ageMs);
  }

  private exchange(gp: number, session: number, look: Look): Look | undefined {
    const sessions = this.looks.get(gp) ?? new Map<number, Look>();
    this.looks.set(gp, sessions);
    const before = sessions.get(session);
    // Repeated, or late: nothing held from a later look until an earlier one.
    if (before !== undefined && before.at >= look.at) return undefined;
    sessions.delete(session);
    sessions.set(session, look);
    if (sessions.size > SESSIONS_KEPT) sessions.delete(sessions.keys().next().value as number);
    return before;
  }
}
