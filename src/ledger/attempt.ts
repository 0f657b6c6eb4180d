/**
 * Which delivery is a redelivery of which: derived from the set of runs that cover a stretch of offsets, so
 * that the order in which the runs became known cannot matter.
 */
import { type Doubt, doubtOf, type Ending } from './outcome';

export interface RunSpan extends Ending {
  id: number;
  firstAt: number;
  lastAt: number;
  /** With `run` the tie-break of runs that began in the same millisecond. */
  sessionKey: string;
  run: number;
}

export interface Redelivery {
  run: number;
  previousRun: number;
  first: number;
  last: number;
  attempt: number;
  doubt: Doubt;
  at: number;
  previousAt: number;
}

export interface Copy {
  run: RunSpan;
  doubt: Doubt;
}

/** A stretch of offsets that the same runs cover in the same way, in the order of time. */
export interface Segment {
  first: number;
  last: number;
  copies: Copy[];
}

/** Total order of deliveries of one record. */
export function byTime(a: RunSpan, b: RunSpan): number {
  if (a.firstAt !== b.firstAt) return a.firstAt - b.firstAt;
  if (a.sessionKey !== b.sessionKey) return a.sessionKey < b.sessionKey ? -1 : 1;
  return a.run - b.run;
}

/** Cuts [first..last] where the set of covering runs, or the doubt about one of them, changes. */
export function segmentsOf(runs: readonly RunSpan[], first: number, last: number): Segment[] {
  const ordered = runs.filter((run) => run.first <= last && run.uncertainLast >= first).sort(byTime);
  const cuts = new Set<number>([first, last + 1]);
  for (const run of ordered) {
    for (const cut of [run.first, run.last + 1, run.uncertainLast + 1]) cuts.add(cut);
    if (run.outcome === 'in_flight') cuts.add(run.handled);
  }
  const edges = [...cuts].filter((cut) => cut >= first && cut <= last + 1).sort((a, b) => a - b);
  const segments: Segment[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const from = edges[i] as number;
    const copies = ordered
      .filter((run) => run.first <= from && run.uncertainLast >= from)
      .map((run) => ({ run, doubt: doubtOf(run, from) }));
    if (copies.length > 0) segments.push({ first: from, last: (edges[i + 1] as number) - 1, copies });
  }
  return segments;
}

/**
 * Number of the attempt that `copies[index]` is, or would be if it took place: uncertain copies count for none.
 */
export function attemptOf(copies: Segment['copies'], index: number): number {
  let before = 0;
  for (let i = 0; i < index; i++) if ((copies[i] as Copy).doubt < 2) before++;
  return before + 1;
}

/**
 * The copy that `copies[index]` repeats: the latest one before it that took place, else the latest that may have.
 */
export function previousOf(copies: Segment['copies'], index: number): Copy | undefined {
  for (let i = index - 1; i >= 0; i--) if ((copies[i] as Copy).doubt < 2) return copies[i];
  const perhaps = copies[index - 1];
  // Two copies that may both not have taken place tell nothing.
  return (copies[index] as Copy).doubt < 2 ? perhaps : undefined;
}

/** Every redelivery within [first..last], joined over neighbouring segments. */
export function redeliveriesWithin(runs: readonly RunSpan[], first: number, last: number): Redelivery[] {
  const found = new Joined();
  for (const segment of segmentsOf(runs, first, last)) {
    for (let i = 1; i < segment.copies.length; i++) {
      const previous = previousOf(segment.copies, i);
      if (previous === undefined) continue;
      const copy = segment.copies[i] as Copy;
      found.add(between(segment, previous, copy, attemptOf(segment.copies, i), surest(segment.copies, i)));
    }
  }
  return found.rows;
}

/** The least doubt about any copy before: one certain copy makes the next a certain redelivery. */
export function surest(copies: Segment['copies'], index: number): Doubt {
  return Math.min(...copies.slice(0, index).map((copy) => copy.doubt)) as Doubt;
}

/** The redelivery that `copy` is of `previous` on that segment. */
export function between(
  place: { first: number; last: number },
  previous: Copy,
  copy: Copy,
  attempt: number,
  before: Doubt,
): Redelivery {
  return {
    run: copy.run.id,
    previousRun: previous.run.id,
    first: place.first,
    last: place.last,
    attempt,
    doubt: Math.max(copy.doubt, before) as Doubt,
    at: copy.run.firstAt,
    previousAt: previous.run.lastAt,
  };
}

/** Collects redeliveries in ascending order of place and joins those that differ in their place alone. */
export class Joined {
  readonly rows: Redelivery[] = [];
  private readonly growing = new Map<string, Redelivery>();

  add(redelivery: Redelivery): void {
    const key = [redelivery.run, redelivery.previousRun, redelivery.attempt, redelivery.doubt].join();
    const before = this.growing.get(key);
    if (before !== undefined && before.last + 1 === redelivery.first) {
      before.last = redelivery.last;
      return;
    }
    this.growing.set(key, redelivery);
    this.rows.push(redelivery);
  }
}
