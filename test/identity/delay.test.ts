import fc from 'fast-check';
import {
  bucketOf,
  delaySteps,
  LAST_BUCKET,
  RELATIVE_ERROR,
  timeToDuplicate,
  upperMs,
} from '../../src/identity';

function histogram(delays: readonly number[]) {
  const counts = new Map<number, number>();
  for (const delay of delays) counts.set(bucketOf(delay), (counts.get(bucketOf(delay)) ?? 0) + 1);
  return [...counts].map(([bucket, records]) => ({ bucket, records }));
}

describe('time to duplicate', () => {
  const delays = fc.array(fc.oneof(fc.integer({ min: 1, max: 90_000 }), fc.integer({ min: 1, max: 3e10 })), {
    minLength: 1,
    maxLength: 400,
  });

  test('steps follow on each other and hold every delay, each in its own within 1%', () => {
    fc.assert(
      fc.property(delays, (list) => {
        const steps = delaySteps(histogram(list));
        expect(steps.reduce((sum, { records }) => sum + records, 0)).toBe(list.length);
        for (const [i, step] of steps.entries()) {
          if (i > 0) expect(step.fromMs).toBe(steps[i - 1]?.toMs);
          const near = (ms: number) =>
            [ms * (1 - 1.1 * RELATIVE_ERROR), ms * (1 + 1.1 * RELATIVE_ERROR)] as const;
          const surely = list.filter((ms) => ms > near(step.fromMs)[1] && ms <= near(step.toMs)[0]).length;
          const perhaps = list.filter((ms) => ms > near(step.fromMs)[0] && ms <= near(step.toMs)[1]).length;
          expect(step.records).toBeGreaterThanOrEqual(surely);
          expect(step.records).toBeLessThanOrEqual(perhaps);
        }
        expect(steps[0]?.records).toBeGreaterThan(0);
        expect(steps.at(-1)?.records).toBeGreaterThan(0);
      }),
    );
    expect(delaySteps([])).toEqual([]);
  });

  test('quantiles are right within 2% above the true one, and windows catch their share', () => {
    fc.assert(
      fc.property(delays, (list) => {
        const sorted = [...list].sort((a, b) => a - b);
        const told = timeToDuplicate(histogram(list), Math.max(...list), null);
        if (told === null) throw new Error('nothing was told');
        for (const [share, ms] of [
          [0.5, told.p50Ms],
          [0.9, told.p90Ms],
          [0.99, told.windowMs.p99],
          [0.999, told.windowMs.p999],
          [1, told.windowMs.all],
        ] as const) {
          const exact = sorted[Math.max(1, Math.ceil(share * list.length - 1e-9)) - 1] as number;
          expect(ms).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
          expect(ms).toBeLessThanOrEqual(exact * (1 + 2.1 * RELATIVE_ERROR));
          expect(
            list.filter((delay) => delay <= ms * (1 + 1e-9)).length / list.length,
          ).toBeGreaterThanOrEqual(share - 1e-9);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('merging is adding', () => {
    fc.assert(
      fc.property(delays, delays, (a, b) => {
        const max = Math.max(...a, ...b);
        expect(timeToDuplicate([...histogram(a), ...histogram(b)], max, null)).toEqual(
          timeToDuplicate(histogram([...a, ...b]), max, null),
        );
      }),
    );
  });

  test('is bounded, and takes anything', () => {
    for (const delay of [-1, 0, 0.5, Number.NaN]) expect(bucketOf(delay)).toBe(0);
    expect(bucketOf(Number.POSITIVE_INFINITY)).toBe(LAST_BUCKET);
    expect(LAST_BUCKET).toBeLessThan(1_400);
    for (let bucket = 2; bucket <= LAST_BUCKET; bucket++)
      expect(bucketOf(upperMs(bucket) * (1 - 1e-9))).toBe(bucket);
    expect(timeToDuplicate([], 0, null)).toBeNull();
  });

  test('advises in words, and says when it cannot see far enough', () => {
    const many = [
      ...Array.from({ length: 990 }, () => 40_000),
      ...Array.from({ length: 10 }, () => 7_200_000),
    ];
    expect(timeToDuplicate(histogram(many), 7_200_000, null)?.advice).toMatch(
      /^Of 1,000 duplicates seen, remembering identities for 40\.\d s catches 99%, 2 h 99\.9%, 2 h all\.$/,
    );
    expect(timeToDuplicate(histogram([1_500]), 1_500, 2_000)?.advice).toBe(
      "Remember identities for 1.5 s to catch the one duplicate seen so far; later ones than 2 s cannot be seen: lengthen the observer's own window to be sure.",
    );
  });
});
