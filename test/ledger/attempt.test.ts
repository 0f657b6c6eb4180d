import fc from 'fast-check';
import { byTime, outcomeOf, type RunSpan, redeliveriesWithin, segmentsOf } from '../../src/ledger';
import { expandRedeliveries, expectedAt, runSpans } from '../support/histories';

const base: Omit<RunSpan, 'id' | 'first' | 'last' | 'handled' | 'uncertainLast' | 'firstAt'> = {
  outcome: 'handled',
  lastAt: 0,
  sessionKey: 's',
  run: 1,
};

function run(id: number, first: number, last: number, firstAt: number, more: Partial<RunSpan> = {}): RunSpan {
  return {
    ...base,
    id,
    first,
    last,
    handled: last + 1,
    uncertainLast: last,
    firstAt,
    lastAt: firstAt + 1,
    ...more,
  };
}

describe('redeliveries', () => {
  test('are told for every copy but the first, whatever the runs', () => {
    fc.assert(
      fc.property(runSpans, (runs) => {
        const found = expandRedeliveries(redeliveriesWithin(runs, 0, 60));
        for (let offset = 0; offset <= 60; offset++) {
          expect(found.get(offset) ?? []).toEqual(expectedAt(runs, offset));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('do not depend on the order in which runs are known', () => {
    fc.assert(
      fc.property(runSpans, (runs) => {
        const one = redeliveriesWithin(runs, 0, 60);
        expect(redeliveriesWithin([...runs].reverse(), 0, 60)).toEqual(one);
      }),
    );
  });

  test('a zombie that delivers after the new owner is the later copy', () => {
    const runs = [run(1, 0, 9, 100), run(2, 5, 20, 200), run(3, 10, 11, 300, { sessionKey: 'zombie' })];
    const rows = redeliveriesWithin(runs, 0, 20).map((r) => [
      r.run,
      r.previousRun,
      r.first,
      r.last,
      r.attempt,
    ]);
    expect(rows).toEqual([
      [2, 1, 5, 9, 2],
      [3, 2, 10, 11, 2],
    ]);
  });

  test('a copy after an uncertain one is perhaps a redelivery, and its attempt is not raised', () => {
    const killed = run(1, 0, 4, 100, { outcome: 'in_flight', handled: 4, uncertainLast: 8 });
    const next = run(2, 4, 12, 200);
    const rows = redeliveriesWithin([killed, next], 0, 12).map((r) => [r.first, r.last, r.attempt, r.doubt]);
    expect(rows).toEqual([
      [4, 4, 2, 1],
      [5, 8, 1, 2],
    ]);
  });

  test('an uncertain copy in between does not hide the certain one before it', () => {
    const runs = [
      run(1, 0, 9, 100),
      run(2, 0, 4, 200, { outcome: 'in_flight', handled: 4, uncertainLast: 9 }),
      run(3, 5, 9, 300),
    ];
    const atSeven = expandRedeliveries(redeliveriesWithin(runs, 7, 7)).get(7);
    expect(atSeven).toEqual(['2<-1 #2 ?2', '3<-1 #2 ?0']);
  });

  test('segments cover exactly what the runs cover', () => {
    fc.assert(
      fc.property(runSpans, (runs) => {
        const covered = new Set<number>();
        for (const segment of segmentsOf(runs, 0, 60)) {
          for (let offset = segment.first; offset <= segment.last; offset++) {
            expect(covered.has(offset)).toBe(false);
            covered.add(offset);
            const expected = runs.filter((r) => outcomeOf(r, offset) !== null).sort(byTime);
            expect(segment.copies.map((copy) => copy.run.id)).toEqual(expected.map((r) => r.id));
          }
        }
        for (let offset = 0; offset <= 60; offset++) {
          expect(covered.has(offset)).toBe(runs.some((r) => outcomeOf(r, offset) !== null));
        }
      }),
    );
  });
});
