/** How large the exposure was for how long: what the quantiles of a group are told from. */
import { bucketOf, exposureOf, type Position } from '../ledger';
import type { Store } from './open';

/** A position that was not heard of for longer tells nothing of the time between. */
const GAP_MS = 15_000;

export class Exposures {
  private readonly statements;
  /** When each session's position was weighed last, by group partition. */
  private readonly weighedAt = new Map<number, number>();

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

  /** What held since the last look counts as it is now. */
  weigh(gp: number, position: Omit<Position, 'track'>): void {
    const { at } = position;
    const hour = Math.floor(at / 3_600_000);
    const { records, ageMs } = exposureOf(position, at);
    const before = this.weighedAt.get(gp);
    this.weighedAt.set(gp, at);
    const weight = before === undefined ? 0 : Math.min(Math.max(0, at - before), GAP_MS);
    if (weight > 0) {
      this.statements.weigh.run(gp, hour, 'records', bucketOf(records), weight);
      this.statements.weigh.run(gp, hour, 'ms', bucketOf(ageMs), weight);
    }
    if (position.peakRecords > 0) {
      this.statements.peak.run(gp, position.peakHour, position.peakRecords, position.peakMs);
    }
    if (records > 0) this.statements.peak.run(gp, hour, records, ageMs);
  }
}
