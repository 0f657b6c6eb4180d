/** Generated delivery histories, and the count per offset that they are held against. */
import fc from 'fast-check';
import { byTime, type Doubt, doubtOf, type Redelivery, type RunSpan } from '../../src/ledger';

const span = fc.record({
  first: fc.integer({ min: 0, max: 40 }),
  length: fc.integer({ min: 1, max: 12 }),
  unhandled: fc.integer({ min: 0, max: 12 }),
  uncertain: fc.integer({ min: 0, max: 5 }),
  firstAt: fc.integer({ min: 0, max: 30 }),
  session: fc.constantFrom('a', 'b', 'c'),
  outcome: fc.constantFrom('handled', 'failed', 'in_flight', 'unresolved', 'open'),
});

/** Up to twelve runs over offsets 0 to 56, of three sessions, in every outcome. */
export const runSpans: fc.Arbitrary<RunSpan[]> = fc.array(span, { maxLength: 12 }).map((spans) =>
  spans.map((s, i): RunSpan => {
    const last = s.first + s.length - 1;
    return {
      id: i + 1,
      first: s.first,
      last,
      handled: s.outcome === 'handled' ? last + 1 : last + 1 - Math.min(s.unhandled, s.length),
      uncertainLast: s.outcome === 'in_flight' ? last + s.uncertain : last,
      outcome: s.outcome as RunSpan['outcome'],
      firstAt: s.firstAt,
      lastAt: s.firstAt + 1,
      sessionKey: s.session,
      run: i + 1,
    };
  }),
);

/** What must be told of one offset, by going through its copies one by one. */
export function expectedAt(runs: readonly RunSpan[], offset: number): string[] {
  const copies = runs
    .filter((run) => run.first <= offset && offset <= run.uncertainLast)
    .sort(byTime)
    .map((run) => ({ id: run.id, doubt: doubtOf(run, offset) }));
  const told: string[] = [];
  let certainBefore = 0;
  let surest: number | null = null;
  let lastReal: { id: number; doubt: Doubt } | null = null;
  let lastPerhaps: { id: number; doubt: Doubt } | null = null;
  for (const copy of copies) {
    const previous: { id: number; doubt: Doubt } | null = lastReal ?? (copy.doubt < 2 ? lastPerhaps : null);
    if (previous !== null) {
      const doubt = Math.max(copy.doubt, surest as number);
      told.push(`${copy.id}<-${previous.id} #${certainBefore + 1} ?${doubt}`);
    }
    surest = surest === null ? copy.doubt : Math.min(surest, copy.doubt);
    if (copy.doubt < 2) {
      certainBefore++;
      lastReal = copy;
    } else lastPerhaps = copy;
  }
  return told.sort();
}

/** Rows of redeliveries as what they tell of each offset. */
export function expandRedeliveries(
  rows: readonly Omit<Redelivery, 'at' | 'previousAt'>[],
): Map<number, string[]> {
  const told = new Map<number, string[]>();
  for (const row of rows) {
    for (let offset = row.first; offset <= row.last; offset++) {
      const list = told.get(offset) ?? [];
      list.push(`${row.run}<-${row.previousRun} #${row.attempt} ?${row.doubt}`);
      told.set(offset, list);
    }
  }
  for (const list of told.values()) list.sort();
  return told;
}
