/** How large the exposure of a group was, over the last hours. */
import type { Weighted } from '../../ledger';
import type { Store } from '../open';
import { statement } from './statement';

/** Time by bucket, of all partitions of the group, ascending. @param of what the buckets are of */
export function exposureWeights(
  db: Store,
  group: number,
  of: 'records' | 'ms',
  sinceHour: number,
): Weighted[] {
  const sql = `
    SELECT e.bucket, sum(e.weight) AS weight
    FROM group_partition gp JOIN exposure_hour e ON e.gp = gp.id
    WHERE gp.grp = @group AND e.hour >= @sinceHour AND e.of = @of GROUP BY e.bucket ORDER BY e.bucket`;
  return statement<Weighted>(db, sql).all({ group, of, sinceHour });
}

/** The greatest of one partition. */
export function exposurePeak(db: Store, group: number, sinceHour: number): { records: number; ms: number } {
  const sql = `
    SELECT coalesce(max(e.records), 0) AS records, coalesce(max(e.ms), 0) AS ms
    FROM group_partition gp JOIN exposure_peak e ON e.gp = gp.id WHERE gp.grp = @group AND e.hour >= @sinceHour`;
  return statement<{ records: number; ms: number }>(db, sql).get({ group, sinceHour }) as {
    records: number;
    ms: number;
  };
}
