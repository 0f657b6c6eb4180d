import type { Outcome } from './evidence';

/** The part of a run that decides what became of one of its records. */
export interface Ending {
  first: number;
  last: number;
  handled: number;
  uncertainLast: number;
  outcome: Outcome;
}

/** What became of one delivery of one record. `uncertain`: the handler may not have been given it at all. */
export type RecordOutcome = Outcome | 'uncertain';

/** The outcome of `offset` in that run, null when the run does not tell of it. */
export function outcomeOf(run: Ending, offset: number): RecordOutcome | null {
  if (offset < run.first || offset > run.uncertainLast) return null;
  if (offset > run.last) return 'uncertain';
  return offset < run.handled ? 'handled' : run.outcome;
}

/**
 * How sure it is that the handler was given the record.
 * 0: certain. 1: in flight when the process died. 2: perhaps not given at all.
 */
export type Doubt = 0 | 1 | 2;

export function doubtOf(run: Ending, offset: number): Doubt {
  if (offset > run.last) return 2;
  return run.outcome === 'in_flight' && offset >= run.handled ? 1 : 0;
}

/** How many records of the run were in flight when its process died, and how many are uncertain. */
export function doubtful(run: Ending): { inFlight: number; uncertain: number } {
  return {
    inFlight: run.outcome === 'in_flight' ? Math.max(0, run.last - run.handled + 1) : 0,
    uncertain: run.uncertainLast - run.last,
  };
}
