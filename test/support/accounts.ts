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
        const { sessionKey, run, last: runLast, firstAt } = runs[i] as RunSpan;
        return list.map(({ from, length }): HitSpan => {
          const fate = (from + length) % 5 === 0 ? 'applied' : 'hit';
          // One time for all that begins there: the store keeps them as one.
          const at = firstAt + (from % 9);
          return { sessionKey, run, first: from, last: Math.min(from + length - 1, runLast), at, fate };
        });
      }),
    })),
);

/** The deliveries of that record and what each came to, in the order of time; a hit is as late as it was told. */
export function deliveredAt(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  offset: number,
): { run: RunSpan; fate: Fate; at: number }[] {
  return runs
    .filter((run) => run.first <= offset && offset <= run.uncertainLast && doubtOf(run, offset) < 2)
    .map((run) => {
      const told = hits.filter(
        (hit) =>
          hit.run === run.run &&
          hit.sessionKey === run.sessionKey &&
          hit.first <= offset &&
          offset <= hit.last,
      );
      const times = told.filter(({ fate }) => fate === 'hit').map(({ at }) => at);
      if (times.length > 0) return { run, fate: 'hit' as const, at: Math.max(run.firstAt, ...times) };
      const at = run.firstAt;
      if (told.length > 0) return { run, fate: 'applied' as const, at };
      const outcome = outcomeOf(run, offset);
      if (outcome === 'handled') return { run, fate: 'applied' as const, at };
      if (outcome === 'open') return { run, fate: 'pending' as const, at };
      return { run, fate: outcome === 'in_flight' ? ('lost' as const) : ('failed' as const), at };
    })
    .sort((a, b) => a.at - b.at || byTime(a.run, b.run));
}

export function fatesAt(runs: readonly RunSpan[], hits: readonly HitSpan[], offset: number): Fate[] {
  return deliveredAt(runs, hits, offset).map(({ fate }) => fate);
}

export function expectedAccount(runs: readonly RunSpan[], hits: readonly HitSpan[], last: number): Account {
  const total = { ...NO_ACCOUNT };
  for (let offset = 0; offset <= last; offset++) {
    addAccount(total, accountOf(fatesAt(runs, hits, offset)), 1);
  }
  return total;
}
