/** What would be delivered again if this consumer died now, and how that is distributed over time. */
export interface Exposure {
  records: number;
  /** Age of the oldest handled and uncommitted record. */
  ageMs: number;
}

/**
 * @param position `handled` and `committed` are next offsets; `exposedSince` in unix ms, 0 for nothing exposed
 * @param now unix ms
 */
export function exposureOf(
  position: { handled: number; committed: number; exposedSince: number },
  now: number,
): Exposure {
  if (position.exposedSince <= 0 || position.handled <= position.committed) return { records: 0, ageMs: 0 };
  return {
    records: position.handled - Math.max(0, position.committed),
    ageMs: Math.max(0, now - position.exposedSince),
  };
}

/** Buckets a doubling: a value is told to within 9%. Bucket 0 holds values below 1. */
const BUCKETS_A_DOUBLING = 4;

export function bucketOf(value: number): number {
  return value < 1 ? 0 : 1 + Math.floor(Math.log2(value) * BUCKETS_A_DOUBLING);
}

/** The middle of the bucket, by ratio. */
export function middleOf(bucket: number): number {
  return bucket === 0 ? 0 : 2 ** ((bucket - 0.5) / BUCKETS_A_DOUBLING);
}

export interface Weighted {
  bucket: number;
  weight: number;
}

/**
 * The value that is not exceeded for the share `q` of the weight; 0 where nothing was weighed.
 * @param buckets ascending by bucket
 */
export function quantileOf(buckets: readonly Weighted[], q: number): number {
  const total = buckets.reduce((sum, { weight }) => sum + weight, 0);
  let left = total * q;
  for (const { bucket, weight } of buckets) {
    left -= weight;
    if (left <= 0 && weight > 0) return middleOf(bucket);
  }
  const last = buckets.at(-1);
  return last === undefined ? 0 : middleOf(last.bucket);
}
