/** Runs as the journal tells them: from a slot, from a batch with gaps, and how they end with their process. */
import type { SlotState } from '../journal';
import type { BatchDelivered, BatchEnded, Outcome, Ref, Run } from '../ledger';
import type { PrematureFact } from './prematures';
import type { Promised } from './promises';

export function batchRuns({ run, ranges, track, member, at }: BatchDelivered): Run[] {
  return ranges.map(([first, last], i) => ({
    track,
    run: run + i,
    member,
    first,
    last,
    handled: first,
    uncertainLast: last,
    firstAt: at,
    lastAt: at,
    outcome: 'open',
  }));
}

export function endedRun(run: Run, end: BatchEnded): Run {
  const handled = Math.min(Math.max(end.handled, run.first), run.last + 1);
  const whole = handled > run.last;
  return {
    ...run,
    handled,
    lastAt: end.at,
    outcome: whole ? 'handled' : end.outcome,
    ...(whole || end.error === undefined ? {} : { error: end.error }),
  };
}

export function openRun(track: Ref, state: SlotState): Run {
  return {
    track,
    run: state.run,
    member: state.member,
    first: state.first,
    last: state.last,
    handled: state.handled,
    uncertainLast: state.last,
    firstAt: state.firstAt,
    lastAt: state.lastAt,
    outcome: 'open',
  };
}

/** What had been committed of the records that the dead process had in hand; null: nothing. */
export function prematureIn(state: SlotState): PrematureFact | null {
  const last = Math.min(state.committed - 1, state.last);
  if (!state.busy || !state.commitSeen || last < state.handled) return null;
  return { first: state.handled, last, at: state.lastAt, outcome: 'in_flight' };
}

/** What a transaction of the dead process was about to commit; null: nothing. */
export function promisedIn(state: SlotState): Promised | null {
  if (!(state.promised > state.committed)) return null;
  return { from: state.committed, next: state.promised, at: state.lastAt };
}

/** How an open run ended with its process. */
export function diedIn(state: SlotState): { outcome: Outcome; handled: number; uncertainLast: number } {
  if (!state.busy && state.withheld && state.handled <= state.last)
    return { outcome: 'in_flight', handled: state.handled, uncertainLast: state.last };
  if (!state.busy) return { outcome: 'handled', handled: state.last + 1, uncertainLast: state.last };
  return {
    outcome: 'in_flight',
    handled: state.handled,
    uncertainLast: Math.max(state.last, state.reserved),
  };
}
