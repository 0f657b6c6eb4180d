/** Generated hits of generated histories, and the account of copies by going through every record's deliveries. */
import fc from 'fast-check';
import {
  type Account,
  accountOf,
  addAccount,
  byTime,
  doubtOf,
  type Fate,
  type HitSpan,
  NO_ACCOUNT,
  outcomeOf,
  type RunSpan,
} from '../../src/ledger';
import { runSpans } from './histories';

/** Runs, and up to three stretches of hits in each. */
export const checkedHistories: fc.Arbitrary<{ runs: RunSpan[]; hits: HitSpan[] }> = runSpans.chain((runs) =>
  fc
    .tuple(
      ...runs.map((run) =>
        fc.array(
          fc.record({
            from: fc.integer({ min: run.first, max: run.last }),
            length: fc.integer({ min: 1, max: 6 }),
          }),
          { maxLength: 3 },
        ),
      ),
    )
    .map((lists) => ({
      runs,
      hits: lists.flatMap((list, i) => {
        const { sessionKey, run, last: runLast } = runs[i] as RunSpan;
        return list.map(({ from, length }): HitSpan => {
          const fate = (from + length) % 5 === 0 ? 'applied' : 'hit';
          return { sessionKey, run, first: from, last: Math.min(from + length - 1, runLast), fate };
        });
      }),
    })),
);

/** What each delivery of that record came to, in the order of time. */
export function fatesAt(runs: readonly RunSpan[], hits: readonly HitSpan[], offset: number): Fate[] {
  return runs
    .filter((run) => run.first <= offset && offset <= run.uncertainLast && doubtOf(run, offset) < 2)
    .sort(byTime)
    .map((run) => {
      const told = hits.filter(
        (hit) =>
          hit.run === run.run &&
          hit.sessionKey === run.sessionKey &&
          hit.first <= offset &&
          offset <= hit.last,
      );
      if (told.some(({ fate }) => fate === 'hit')) return 'hit';
      if (told.length > 0) return 'applied';
      const outcome = outcomeOf(run, offset);
      if (outcome === 'handled') return 'applied';
      if (outcome === 'open') return 'pending';
      return outcome === 'in_flight' ? 'lost' : 'failed';
    });
}

export function expectedAccount(runs: readonly RunSpan[], hits: readonly HitSpan[], last: number): Account {
  const total = { ...NO_ACCOUNT };
  for (let offset = 0; offset <= last; offset++) {
    addAccount(total, accountOf(fatesAt(runs, hits, offset)), 1);
  }
  return total;
}
