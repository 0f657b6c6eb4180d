/** What came of the copies that groups were given, added up: the account by partition, the delays of duplicates by group. */
import { bucketOf } from '../identity';
import type { Account } from '../ledger';
import type { Store } from './open';

const DAY_MS = 86_400_000;

/** How long after the first copy a duplicate came, and when it was found, in unix ms. */
export interface DeliveredDelay {
  delayMs: number;
  at: number;
}

export class CopyTotals {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      total: db.prepare(
        `UPDATE group_partition SET hits = hits + @hits, applied_again = applied_again + @appliedAgain,
           failed_again = failed_again + @failedAgain, perhaps_again = perhaps_again + @perhapsAgain,
           duplicates_delivered = duplicates_delivered + @duplicates
         WHERE id = @gp`,
      ),
      delay: db.prepare(
        `INSERT INTO delivered_delay (grp, day, bucket, records, longest_ms)
         SELECT grp, @day, @bucket, max(0, @records), @delayMs FROM group_partition WHERE id = @gp
         ON CONFLICT DO UPDATE SET records = max(0, records + @records),
           longest_ms = max(longest_ms, excluded.longest_ms)`,
      ),
    };
  }

  /** Redeliveries and what is pending have no total here. */
  add(gp: number, { redeliveries: _told, pending: _open, ...account }: Account): void {
    if (Object.values(account).some((change) => change !== 0)) this.statements.total.run({ gp, ...account });
  }

  /** @param records that many duplicates more were delivered; or fewer, where late facts say so */
  delayed(gp: number, records: number, { delayMs, at }: DeliveredDelay): void {
    const shown = Math.max(0, delayMs);
    this.statements.delay.run({
      gp,
      records,
      day: Math.floor(at / DAY_MS),
      bucket: bucketOf(shown),
      delayMs: shown,
    });
  }
}
