import fc from 'fast-check';
import {
  belongTogether,
  bucketOf,
  checkWords,
  explainSkip,
  gapsOf,
  INCIDENT_GAP_MS,
  incidentWords,
  middleOf,
  quantileOf,
  stateOf,
  verdictOf,
  within,
} from '../../src/ledger';

const facts = {
  deliveries: 10,
  redeliveries: 0,
  uncertain: 0,
  premature: 0,
  skipped: 0,
  hits: 0,
  appliedAgain: 0,
  byTransactions: 0,
};

test.each([
  [{ ...facts, deliveries: 0 }, 'nothing_delivered', 'no delivery seen'],
  [facts, 'exactly_once_so_far', 'exactly once so far'],
  [{ ...facts, uncertain: 2 }, 'exactly_once_so_far', 'exactly once so far, 2 perhaps delivered again'],
  [{ ...facts, redeliveries: 3 }, 'at_least_once', 'at least once: 3 redelivered'],
  [
    { ...facts, redeliveries: 3, uncertain: 1 },
    'at_least_once',
    'at least once: 3 redelivered, 1 more perhaps',
  ],
  [
    { ...facts, redeliveries: 12_345, uncertain: 1_000, hits: 1_234_567, appliedAgain: 1 },
    'at_least_once',
    'at least once: 12,345 redelivered, 1,000 more perhaps, 1,234,567 copies caught by the check, 1 applied again',
  ],
  [
    { ...facts, redeliveries: 9, hits: 7, appliedAgain: 1 },
    'at_least_once',
    'at least once: 9 redelivered, 7 copies caught by the check, 1 applied again',
  ],
  [{ ...facts, skipped: 4 }, 'at_most_once', 'at most once: 4 skipped'],
  [
    { ...facts, premature: 1, redeliveries: 2 },
    'at_most_once',
    'at most once: 1 committed before they were handled, 2 redelivered',
  ],
  [
    { ...facts, redeliveries: 5, byTransactions: 1 },
    'exactly_once_so_far',
    'exactly once so far: 5 redelivered, none after the transaction with it was committed; this is about what transactions wrote, read by consumers that read committed, where one process at a time uses each transactionalId and begins its first transaction before it joins the group',
  ],
  [
    { ...facts, redeliveries: 5, byTransactions: 1, appliedAgain: 1 },
    'at_least_once',
    'at least once: 5 redelivered',
  ],
])('the verdict of %j', (given, verdict, words) => {
  expect(verdictOf(given)).toEqual({ verdict, words });
});

test.each([
  [{ hits: 0, appliedAgain: 0 }, 'No copy was handled: there was nothing to catch.'],
  [{ hits: 0, appliedAgain: 3 }, /^No hits: 3 copies were applied again/],
  [{ hits: 9, appliedAgain: 0, windowMs: null }, 'The check caught all of 9 copies.'],
  [
    { hits: 97, appliedAgain: 3, within: 97 },
    'The check caught 97 of 100 copies (97%); 3 were applied again. Its window of 1 h reaches 97% of them; 1.1 d would have reached all.',
  ],
  [{ hits: 99_999, appliedAgain: 1, windowMs: null }, /\(99.9%\)/],
  [{ hits: 9, appliedAgain: 0, perhapsAgain: 2 }, /\. 2 more were in flight when their process died/],
  [{ hits: 100, appliedAgain: 0, longestMs: 500 }, /long enough for all that came \(the longest: 500 ms\)/],
])('a check with %j in words', (given, words) => {
  const base = { perhapsAgain: 0, windowMs: 3_600_000, copies: 100, within: 100, longestMs: 93_600_000 };
  const told = checkWords({ ...base, ...given });
  if (typeof words === 'string') expect(told).toBe(words);
  else expect(told).toMatch(words);
});

test('an incident is growing, then open, then closed', () => {
  const span = { firstAt: 0, lastAt: 1_000 };
  expect(stateOf(span, 1_000)).toBe('growing');
  expect(stateOf(span, 1_000 + 59_999)).toBe('growing');
  expect(stateOf(span, 1_000 + 60_000)).toBe('open');
  expect(stateOf(span, 1_000 + INCIDENT_GAP_MS - 1)).toBe('open');
  expect(stateOf(span, 1_000 + INCIDENT_GAP_MS)).toBe('closed');
});

test('spans belong together up to the gap, on either side', () => {
  const span = (firstAt: number, lastAt: number) => ({ firstAt, lastAt });
  const a = span(1_000_000, 1_100_000);
  expect(belongTogether(a, span(1_100_000 + INCIDENT_GAP_MS, 9_000_000))).toBe(true);
  expect(belongTogether(a, span(1_100_001 + INCIDENT_GAP_MS, 9_000_000))).toBe(false);
  expect(belongTogether(a, span(0, 1_000_000 - INCIDENT_GAP_MS))).toBe(true);
  expect(belongTogether(a, span(0, 999_999 - INCIDENT_GAP_MS))).toBe(false);
});

test('an incident in words', () => {
  const incident = {
    kind: 'redelivery',
    cause: 'session_timeout',
    who: 'billing',
    records: 1_204,
    partitions: 3,
  } as const;
  expect(incidentWords({ ...incident, topics: ['orders'] })).toBe(
    'billing got 1,204 records again on 3 partitions of orders: session timeout',
  );
  expect(incidentWords({ ...incident, topics: ['a', 'b', 'c'], kind: 'skip', cause: 'reset' })).toBe(
    'billing never got 1,204 records on 3 partitions of 3 topics that lie below its committed offset: reset',
  );
});

test('a bucket holds values within 10% of its middle', () => {
  fc.assert(
    fc.property(fc.double({ min: 1, max: 1e12, noNaN: true }), (value) => {
      const ratio = middleOf(bucketOf(value)) / value;
      expect(ratio).toBeGreaterThan(0.9);
      expect(ratio).toBeLessThan(1.1);
    }),
  );
  expect(middleOf(bucketOf(0))).toBe(0);
});

test('quantiles against the sorted values', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0.5, 0.9, 0.99, 1),
      (values, q) => {
        const buckets = new Map<number, number>();
        for (const value of values) buckets.set(bucketOf(value), (buckets.get(bucketOf(value)) ?? 0) + 1);
        const weights = [...buckets]
          .map(([bucket, weight]) => ({ bucket, weight }))
          .sort((a, b) => a.bucket - b.bucket);
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(values.length * q - 1e-9) - 1)] as number;
        expect(bucketOf(quantileOf(weights, q))).toBe(bucketOf(exact));
      },
    ),
  );
  expect(quantileOf([], 0.5)).toBe(0);
});

describe('skipped records', () => {
  const ranges = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 8 })), { maxLength: 8 })
    .map((list) => list.map(([first, length]) => ({ first, last: first + length })));
  const holds = (list: { first: number; last: number }[], offset: number) =>
    list.some(({ first, last }) => first <= offset && offset <= last);

  test('gaps and what of them is known, against each offset by itself', () => {
    fc.assert(
      fc.property(
        ranges,
        ranges,
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: 80 }),
        (a, known, from, before) => {
          const covered = within({ first: 0, last: 100 }, a);
          const found = gapsOf(covered, from, before).flatMap((gap) => within(gap, known));
          for (let offset = 0; offset <= 100; offset++) {
            const wanted =
              offset >= from && offset < before && !holds(covered, offset) && holds(known, offset);
            expect([offset, holds(found, offset)]).toEqual([offset, wanted]);
          }
        },
      ),
    );
  });

  test('a seek, a reset, deleted records, and nothing', () => {
    const evidence = { first: 10, last: 19, seek: null, start: null, deleted: null, allHeard: true };
    const seek = { target: '20', name: 'app on h (pid 1)', at: 5 };
    expect(explainSkip({ ...evidence, seek })).toMatchObject({ cause: 'seek', certainty: 'proven' });
    expect(explainSkip({ ...evidence, seek, allHeard: false })).toMatchObject({ certainty: 'probable' });
    const start = { committed: 20, before: 10, at: 5 };
    expect(explainSkip({ ...evidence, start })).toMatchObject({
      cause: 'reset',
      because: [expect.stringContaining('found 20'), expect.any(String)],
    });
    const deleted = { committed: 10, logStart: 20, at: 5 };
    expect(explainSkip({ ...evidence, deleted, start })).toMatchObject({
      cause: 'deleted',
      certainty: 'proven',
    });
    expect(explainSkip(evidence)).toMatchObject({ cause: 'unknown', certainty: 'unknown' });
  });
});
