/** Exposure and lag of many partitions, added up the way every answer shows them. */
import { exposureOf } from '../../ledger';
import type { PositionRow } from '../../store/queries';
import type { PartitionLag } from '../lag';
import { seconds } from '../time';

export interface Exposed {
  exposure_records: number;
  exposure_seconds: number;
}

/** Records add up; the age is that of the oldest. */
export function exposureTotal(positions: readonly PositionRow[], now: number): Exposed {
  let records = 0;
  let ageMs = 0;
  for (const position of positions) {
    const exposure = exposureOf(position, now);
    records += exposure.records;
    ageMs = Math.max(ageMs, exposure.ageMs);
  }
  return { exposure_records: records, exposure_seconds: seconds(ageMs) };
}

/** null when nothing is known at all: no lag source, or nothing committed. */
export function lagTotal(lags: readonly PartitionLag[]): {
  lag_records: number | null;
  lag_seconds: number | null;
} {
  let total: number | null = null;
  let oldest: number | null = null;
  for (const { records, seconds: age } of lags) {
    if (records !== null) total = (total ?? 0) + records;
    if (typeof age === 'number') oldest = Math.max(oldest ?? 0, age);
  }
  return { lag_records: total, lag_seconds: oldest };
}

export interface Totals {
  deliveries: number;
  redeliveries: number;
  redelivery_ratio: number;
  failed: number;
  in_flight: number;
  uncertain: number;
  premature: number;
  skipped: number;
  hits: number;
  applied_again: number;
  failed_again: number;
  perhaps_again: number;
  duplicates_delivered: number;
}

export function totalsShape(row: {
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
}): Totals {
  return {
    deliveries: row.deliveries,
    redeliveries: row.redeliveries,
    redelivery_ratio: row.deliveries === 0 ? 0 : Number((row.redeliveries / row.deliveries).toPrecision(6)),
    failed: row.failed,
    in_flight: row.inFlight,
    uncertain: row.uncertain,
    premature: row.premature,
    skipped: row.skipped,
    hits: row.hits,
    applied_again: row.appliedAgain,
    failed_again: row.failedAgain,
    perhaps_again: row.perhapsAgain,
    duplicates_delivered: row.duplicatesDelivered,
  };
}
