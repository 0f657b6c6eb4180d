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
  // `committed` is below 0 where nothing is committed yet.
  const records = position.handled - Math.max(0, position.committed);
  if (position.exposedSince <= 0 || records <= 0) return { records: 0, ageMs: 0 };
  return { records, ageMs: Math.max(0, now - position.exposedSince) };
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

const HOUR_MS = 3_600_000;

export interface Held {
  /** Hours since 1970. */
  hour: number;
  of: 'records' | 'ms';
  bucket: number;
  /** ms for which the exposure was within the bucket. */
  weight: number;
}

/**
 * How long each exposure held, from one look at a position until the next: a position is written when it changes, so
 * it is the earlier one that held. Its records stay, its age grows. At most the last 24 hours.
 * @param from unix ms of that look; @param to of the next one
 */
export function heldBetween(
  position: { handled: number; committed: number; exposedSince: number },
  from: number,
  to: number,
): Held[] {
  const held: Held[] = [];
  for (let begin = Math.max(from, to - 24 * HOUR_MS); begin < to; ) {
    const hour = Math.floor(begin / HOUR_MS);
    const end = Math.min(to, (hour + 1) * HOUR_MS);
    const { records, ageMs } = exposureOf(position, begin);
    held.push({ hour, of: 'records', bucket: bucketOf(records), weight: end - begin });
    if (records === 0) held.push({ hour, of: 'ms', bucket: 0, weight: end - begin });
    else for (const age of agesBetween(ageMs, ageMs + end - begin)) held.push({ hour, of: 'ms', ...age });
    begin = end;
  }
  return held;
}

/** An age that grows from `from` to `to` ms: its buckets, each with the time spent in it. */
function* agesBetween(from: number, to: number): Generator<Weighted> {
  for (let age = from; age < to; ) {
    const bucket = bucketOf(age);
    // A bound that rounding has put into the bucket before it must not stand still.
    const next = Math.min(to, Math.max(endOf(bucket), age + 1e-3));
    yield { bucket, weight: next - age };
    age = next;
  }
}

function endOf(bucket: number): number {
  return 2 ** (bucket / BUCKETS_A_DOUBLING);
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
