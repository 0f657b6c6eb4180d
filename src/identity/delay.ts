/**
 * How long after the first copy the others came, as a histogram of bounded size: the width of a bucket grows with its
 * place, so that a quantile is wrong by at most 1% whatever its size. Histograms of one shape are merged by adding.
 * The largest delay is kept as it is.
 */
import { countText } from '../ledger';

/** Half the width of a bucket against its middle. */
export const RELATIVE_ERROR = 0.01;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);
/** Below a millisecond, which record times do not tell. */
const ZERO = 0;
/** Ten years in ms; what is longer counts there. */
const LONGEST_MS = 10 * 365 * 86_400_000;

/** Buckets are numbered from 0 to this. */
export const LAST_BUCKET = bucketOf(LONGEST_MS);

/** The bucket of a delay in ms; negative and invalid ones count as none. */
export function bucketOf(delayMs: number): number {
  if (!(delayMs >= 1)) return ZERO;
  return 1 + Math.max(0, Math.ceil(Math.log(Math.min(delayMs, LONGEST_MS)) / LOG_GAMMA));
}

/** The longest delay that falls into that bucket, in ms. */
export function upperMs(bucket: number): number {
  return bucket === ZERO ? 1 : GAMMA ** (bucket - 1);
}

export interface DelayBucket {
  bucket: number;
  records: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Steps that a person can name, so that charts of two topics or two days have the same ones. In ms. */
const STEPS_MS: readonly number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 20, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 4, 8, 12].map((n) => n * HOUR),
  ...[1, 2, 4, 7, 14, 30, 90, 365, 3_650].map((n) => n * DAY),
];

/** Delays above `fromMs` up to `toMs`. */
export interface DelayStep {
  fromMs: number;
  toMs: number;
  records: number;
}

/** The histogram in steps that follow on each other, from the shortest delay to the longest; at a border within 1%. */
export function delaySteps(buckets: readonly DelayBucket[]): DelayStep[] {
  const steps = STEPS_MS.map((toMs, i) => ({ fromMs: STEPS_MS[i - 1] ?? 0, toMs, records: 0 }));
  for (const { bucket, records } of buckets) {
    const middle = bucket === ZERO ? 0 : upperMs(bucket) / (1 + RELATIVE_ERROR);
    const step = steps.find(({ toMs }) => middle <= toMs) ?? steps.at(-1);
    if (step !== undefined) step.records += records;
  }
  const first = steps.findIndex(({ records }) => records > 0);
  const last = steps.findLastIndex(({ records }) => records > 0);
  return first < 0 ? [] : steps.slice(first, last + 1);
}

/** Delays in ms. Each window catches that share of what was seen; null where nothing was seen. */
export interface TimeToDuplicate {
  records: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  maxMs: number;
  /** How long a consumer must remember to catch 99%, 99.9% and all of what was seen. */
  windowMs: { p99: number; p999: number; all: number };
  advice: string;
}

/**
 * @param buckets in any order, a bucket may stand twice
 * @param maxMs the largest delay seen
 * @param reachMs how far back the observer itself remembers: later copies cannot be seen; null: not known
 */
export function timeToDuplicate(
  buckets: readonly DelayBucket[],
  maxMs: number,
  reachMs: number | null,
): TimeToDuplicate | null {
  const sorted = [...buckets].filter(({ records }) => records > 0).sort((a, b) => a.bucket - b.bucket);
  const records = sorted.reduce((sum, bucket) => sum + bucket.records, 0);
  if (records === 0) return null;
  // The upper bound of a bucket, as a window must be; never more than the largest.
  const at = (share: number) => {
    let left = Math.max(1, Math.ceil(share * records - 1e-9));
    for (const bucket of sorted) {
      left -= bucket.records;
      if (left <= 0) return Math.min(upperMs(bucket.bucket), maxMs);
    }
    return maxMs;
  };
  const windowMs = { p99: at(0.99), p999: at(0.999), all: maxMs };
  return {
    records,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: windowMs.p99,
    maxMs,
    windowMs,
    advice: adviceOf(records, windowMs, reachMs),
  };
}

function adviceOf(records: number, window: TimeToDuplicate['windowMs'], reachMs: number | null): string {
  const of = records === 1 ? 'the one duplicate' : `${countText(records)} duplicates`;
  const caught =
    records < 100
      ? `Remember identities for ${spanText(window.all)} to catch ${of} seen so far`
      : `Of ${of} seen, remembering identities for ${spanText(window.p99)} catches 99%, ${spanText(window.p999)} 99.9%, ${spanText(window.all)} all`;
  const limit =
    reachMs !== null && window.all > reachMs / 2
      ? `; later ones than ${spanText(reachMs)} cannot be seen: lengthen the observer's own window to be sure`
      : '';
  return `${caught}${limit}.`;
}

/** Rounded up, so that a window of that length holds. */
export function spanText(ms: number): string {
  const steps: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ];
  for (const [unit, size] of steps) {
    if (ms >= size) return `${Math.ceil((ms / size) * 10) / 10} ${unit}`;
  }
  return `${Math.max(1, Math.ceil(ms))} ms`;
}
