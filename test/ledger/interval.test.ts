import fc from 'fast-check';
import { addDelivery, type Interval, records } from '../../src/ledger';

/** Adds ranges one after the other as the store does: only what touches is handed to `addDelivery`. */
function ledgerOf(ranges: readonly [number, number][]): { intervals: Interval[]; repeated: number } {
  let intervals: Interval[] = [];
  let repeated = 0;
  for (const [first, last] of ranges) {
    const touching = intervals.filter((i) => i.last >= first - 1 && i.first <= last + 1);
    const added = addDelivery(touching, first, last);
    repeated += added.repeated.reduce((sum, stretch) => sum + records(stretch), 0);
    intervals = [...intervals.filter((i) => !touching.includes(i)), ...added.intervals].sort(
      (a, b) => a.first - b.first,
    );
  }
  return { intervals, repeated };
}

function bruteForce(ranges: readonly [number, number][]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const [first, last] of ranges) {
    for (let offset = first; offset <= last; offset++) counts.set(offset, (counts.get(offset) ?? 0) + 1);
  }
  return counts;
}

function expand(intervals: readonly Interval[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { first, last, deliveries } of intervals) {
    for (let offset = first; offset <= last; offset++) {
      expect(counts.has(offset)).toBe(false);
      counts.set(offset, deliveries);
    }
  }
  return counts;
}

const range = fc
  .tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 15 }))
  .map(([first, length]): [number, number] => [first, first + length]);

describe('delivery counts as intervals', () => {
  test('equal a count per offset, for any history', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 25 }), (ranges) => {
        const { intervals, repeated } = ledgerOf(ranges);
        const truth = bruteForce(ranges);
        const byOffset = (a: [number, number], b: [number, number]) => a[0] - b[0];
        expect([...expand(intervals)].sort(byOffset)).toEqual([...truth].sort(byOffset));
        const beyondFirst = [...truth.values()].reduce((sum, count) => sum + count - 1, 0);
        expect(repeated).toBe(beyondFirst);
      }),
      { numRuns: 2_000 },
    );
  });

  test('do not depend on the order', () => {
    const shuffled = fc
      .array(range, { minLength: 2, maxLength: 12 })
      .chain((ranges) =>
        fc.tuple(
          fc.constant(ranges),
          fc.shuffledSubarray(ranges, { minLength: ranges.length, maxLength: ranges.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        expect(ledgerOf(other)).toEqual(ledgerOf(one));
      }),
      { numRuns: 1_000 },
    );
  });

  test('stay one interval while consuming is steady', () => {
    const { intervals } = ledgerOf(Array.from({ length: 500 }, (_, i) => [i * 10, i * 10 + 9]));
    expect(intervals).toEqual([{ first: 0, last: 4_999, deliveries: 1 }]);
  });

  test('join again when a hole is filled', () => {
    expect(
      ledgerOf([
        [0, 4],
        [6, 9],
        [5, 5],
      ]).intervals,
    ).toEqual([{ first: 0, last: 9, deliveries: 1 }]);
  });
});
