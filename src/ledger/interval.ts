/** Delivery counts as disjoint intervals of offsets: the ledger of one group and partition. */

export interface Interval {
  first: number;
  last: number;
  /** How often each offset of the interval was delivered, at least 1. */
  deliveries: number;
}

export interface Added {
  /** What stands in the place of `touching` from now on. */
  intervals: Interval[];
  /** The stretches that had been delivered before, with the count they had. */
  repeated: Interval[];
}

/**
 * Adds one delivery to every offset of [first..last].
 *
 * @param touching the intervals that overlap or touch [first - 1 .. last + 1], ascending and disjoint
 */
export function addDelivery(touching: readonly Interval[], first: number, last: number): Added {
  const parts: Interval[] = [];
  const repeated: Interval[] = [];
  let next = first; // the lowest offset of [first..last] not yet placed
  for (const old of touching) {
    if (old.last < first || old.first > last) {
      if (old.first > last && next <= last) {
        parts.push({ first: next, last, deliveries: 1 });
        next = last + 1;
      }
      parts.push({ ...old });
      continue;
    }
    if (old.first < first) parts.push({ ...old, last: first - 1 });
    if (old.first > next) parts.push({ first: next, last: old.first - 1, deliveries: 1 });
    const both = { first: Math.max(old.first, first), last: Math.min(old.last, last) };
    parts.push({ ...both, deliveries: old.deliveries + 1 });
    repeated.push({ ...both, deliveries: old.deliveries });
    if (old.last > last) parts.push({ ...old, first: last + 1 });
    next = both.last + 1;
  }
  if (next <= last) parts.push({ first: next, last, deliveries: 1 });
  return { intervals: joined(parts), repeated };
}

/** Joins neighbours of the same count, so that steady consuming stays one interval for ever. */
function joined(parts: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const part of parts) {
    const before = result.at(-1);
    if (before !== undefined && before.last + 1 === part.first && before.deliveries === part.deliveries) {
      before.last = part.last;
    } else {
      result.push({ ...part });
    }
  }
  return result;
}

/** Number of records in [first..last]. */
export function records(range: { first: number; last: number }): number {
  return range.last - range.first + 1;
}
