/**
 * What became of the copies that a group was given: for each record, and so in sum,
 *
 *     hits + applied again + failed again + pending = redeliveries + duplicates delivered
 *
 * Of a record's deliveries one is no copy: the one that applied it. It is the first that was handled with no hit, or,
 * where a hit came before any such, the one in flight before that hit, which must have applied it (the process died
 * between the effect and its end). A hit with neither before it tells that the message was applied at another place
 * of the log: the record is a duplicate, and every one of its deliveries is a copy. While nothing was applied, one of
 * the attempts that failed stands for it. Where it is known at which places a message stands, see `duplicate-account`.
 *
 * Deliveries have the order of their runs' beginnings, but a hit took place when it was told: a member that was stopped,
 * or waited, recognises at the end of its run what another member has applied since that run began.
 */
import { byTime, type RunSpan, segmentsOf } from './attempt';
import { outcomeOf } from './outcome';

/** Contiguous deliveries of one run of which more is known than how the run ended. */
export interface HitSpan {
  sessionKey: string;
  run: number;
  first: number;
  last: number;
  /** When the last of them was told, unix ms. */
  at: number;
  /** The consumer's own check recognised them; or a transaction that was committed since covers them. */
  fate: 'hit' | 'applied';
}

/** In records. */
export interface Account {
  redeliveries: number;
  /** Records whose message was applied at another place of the log: each was written again, and delivered. */
  duplicates: number;
  hits: number;
  /** Handled with no hit, after the record had been applied. */
  appliedAgain: number;
  /** Attempts that did not apply the record: the handler threw, left it unresolved, or its process died. */
  failedAgain: number;
  /** Of those: in flight when the process died, and so perhaps applied again. */
  perhapsAgain: number;
  /** In a handler now, or not known to have ended. */
  pending: number;
}

/** What one delivery of a record came to; `lost`: in flight when its process died. */
export type Fate = 'applied' | 'hit' | 'failed' | 'lost' | 'pending';

export const NO_ACCOUNT: Account = {
  redeliveries: 0,
  duplicates: 0,
  hits: 0,
  appliedAgain: 0,
  failedAgain: 0,
  perhapsAgain: 0,
  pending: 0,
};

/** @param fates of one record's deliveries, in the order of time */
export function accountOf(fates: readonly Fate[]): Account {
  if (fates.length === 0) return NO_ACCOUNT;
  const original = originalOf(fates);
  const account = accountFrom(fates, original);
  const perhapsAgain = Math.max(0, account.perhapsAgain - Number(isFirstInDoubt(fates, original)));
  return { ...account, perhapsAgain };
}

/**
 * The account of one record where `original` of its deliveries is no copy; null: all of them are. Every one that was in
 * flight at a kill counts as perhaps applied again.
 */
export function accountFrom(fates: readonly Fate[], original: number | null): Account {
  const count = (...which: Fate[]) =>
    fates.filter((fate, i) => i !== original && which.includes(fate)).length;
  return {
    redeliveries: fates.length - 1,
    duplicates: original === null ? 1 : 0,
    hits: count('hit'),
    appliedAgain: count('applied'),
    failedAgain: count('failed', 'lost'),
    perhapsAgain: count('lost'),
    pending: count('pending'),
  };
}

/** Nothing is known to be applied: the first of those in flight would be the one that was. */
function isFirstInDoubt(fates: readonly Fate[], original: number | null): boolean {
  const isKnown = fates.some((fate) => fate === 'applied' || fate === 'hit');
  return !isKnown && fates[original ?? 0] !== 'lost';
}

/** The delivery that is no copy; null: there is none, the record is a duplicate. */
export function originalOf(fates: readonly Fate[]): number | null {
  const telling = fates.findIndex((fate) => fate === 'applied' || fate === 'hit');
  if (telling < 0) {
    return Math.max(
      0,
      fates.findIndex((fate) => fate !== 'pending'),
    );
  }
  if (fates[telling] === 'applied') return telling;
  const before = fates.slice(0, telling).findIndex((fate) => fate === 'lost' || fate === 'pending');
  return before < 0 ? null : before;
}

/** One delivery of one record, and what it came to. */
export interface FateOfRun {
  run: RunSpan;
  fate: Fate;
  /** When it was a hit, or else when its run began, unix ms. */
  at: number;
}

/** The order of deliveries of one record, or of one message within a partition. */
export function inEffect(a: FateOfRun, b: FateOfRun): number {
  return a.at - b.at || byTime(a.run, b.run);
}

/** The deliveries of one record that took place, in the order of time. */
export function deliveriesAt(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  offset: number,
): FateOfRun[] {
  return runs
    .filter((run) => run.first <= offset && offset <= run.last)
    .map((run) => fateOf(run, hits, offset))
    .sort(inEffect);
}

/** The account of [first..last]. Copies that may not have taken place count for none, as in the totals. */
export function accountWithin(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  first: number,
  last: number,
): Account {
  const total = { ...NO_ACCOUNT };
  for (const { fates, records } of fatesWithin(runs, hits, first, last)) {
    addAccount(total, accountOf(fates), records);
  }
  return total;
}

/** Every record of [first..last] was applied or recognised in one of these runs: what comes later is a copy. */
export function isSettled(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  first: number,
  last: number,
): boolean {
  return everyRecord(runs, hits, first, last, (fate) => fate === 'applied' || fate === 'hit');
}

/**
 * Every record of [first..last] was tried in one of these runs, and the attempt is over: a later one that fails counts
 * as a copy that failed, whatever became of the record before.
 */
export function isTried(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  first: number,
  last: number,
): boolean {
  return everyRecord(runs, hits, first, last, (fate) => fate !== 'pending');
}

function everyRecord(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  first: number,
  last: number,
  had: (fate: Fate) => boolean,
): boolean {
  let found = 0;
  for (const { fates, records } of fatesWithin(runs, hits, first, last)) {
    if (fates.some(had)) found += records;
  }
  return found === last - first + 1;
}

/** Stretches of records whose deliveries came to the same. */
function* fatesWithin(
  runs: readonly RunSpan[],
  hits: readonly HitSpan[],
  first: number,
  last: number,
): Generator<{ fates: Fate[]; records: number }> {
  for (const segment of segmentsOf(runs, first, last)) {
    const copies = segment.copies.filter(({ doubt }) => doubt < 2).map(({ run }) => run);
    if (copies.length === 0) continue;
    const mine = hits.filter((hit) => hit.first <= segment.last && hit.last >= segment.first);
    // Fates change within the segment where a run's handled part or a stretch of hits ends.
    const cuts = new Set<number>([segment.first, segment.last + 1]);
    for (const run of copies) cuts.add(run.handled);
    for (const hit of mine) cuts.add(hit.first).add(hit.last + 1);
    const edges = [...cuts]
      .filter((cut) => cut >= segment.first && cut <= segment.last + 1)
      .sort((a, b) => a - b);
    for (let i = 0; i + 1 < edges.length; i++) {
      const from = edges[i] as number;
      const deliveries = copies.map((run) => fateOf(run, mine, from)).sort(inEffect);
      yield { fates: deliveries.map(({ fate }) => fate), records: (edges[i + 1] as number) - from };
    }
  }
}

/** Adds `account` to `total`, as often as `times` says; -1 takes it off. */
export function addAccount(total: Account, account: Account, times: number): void {
  for (const key of Object.keys(NO_ACCOUNT) as (keyof Account)[]) total[key] += account[key] * times;
}

function fateOf(run: RunSpan, hits: readonly HitSpan[], offset: number): FateOfRun {
  const told = hits.filter(
    (hit) =>
      hit.run === run.run && hit.sessionKey === run.sessionKey && hit.first <= offset && offset <= hit.last,
  );
  // What was recognised was not applied, in a committed transaction either.
  const recognised = told.filter(({ fate }) => fate === 'hit');
  if (recognised.length > 0) {
    return { run, fate: 'hit', at: Math.max(run.firstAt, ...recognised.map(({ at }) => at)) };
  }
  return { run, fate: told.length > 0 ? 'applied' : endOf(run, offset), at: run.firstAt };
}

function endOf(run: RunSpan, offset: number): Fate {
  switch (outcomeOf(run, offset)) {
    case 'handled':
      return 'applied';
    case 'open':
      return 'pending';
    case 'in_flight':
      return 'lost';
    default:
      return 'failed';
  }
}
