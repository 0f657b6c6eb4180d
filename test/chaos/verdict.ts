/**
 * The judgement of one group: its ledger against the ground truth record by record, and the cause of every redelivery
 * against what the truth makes of it (`oracle.ts`). Pure.
 */
import { compare } from '../../src/demo/compare';
import type { TruthDelivery } from '../../src/demo/truth';
import type { Cause } from '../../src/ledger';
import type { Act } from './acts';
import type { FoundLoss, FoundRedelivery, LedgerSide } from './ledger';
import { memberOf, Oracle } from './oracle';

export interface Tally {
  /** Redelivered records, and stretches of them as the ledger tells them. */
  records: number;
  findings: number;
}

export interface Verdict {
  name: string;
  deliveries: number;
  redeliveries: number;
  /** Records of which the ledger has fewer deliveries, or redeliveries, than took place; and more. */
  missed: string[];
  invented: string[];
  inFlight: number;
  /** Most records in flight that one kill left on one partition. */
  inFlightMost: number;
  uncertain: number;
  /** Most uncertain records that one kill left on one partition. */
  uncertainMost: number;
  /** By what is right, then by what the ledger says and how sure it is. */
  causes: Map<string, Map<string, Tally>>;
  right: Tally;
  unknown: Tally;
  wrong: Tally;
  /** Those that are wrong and called proven. */
  provenWrong: Tally;
  /** Records of certain findings to which the truth has no copy by that process: their cause is judged by nobody. */
  unjudged: number;
  /** Records that the ledger calls skipped: all of them, and those that a handler was given all the same. */
  skipped: number;
  skippedWrong: number;
  /** Records that a seek went over and no handler was ever given, of which the ledger does not say so. */
  skippedMissed: string[];
  /** Records that the ledger calls committed before they were handled. No fault of the chaos makes any. */
  premature: number;
  /** The first wrong ones, for people. */
  samples: string[];
}

const SAMPLES = 6;

export function judge(
  name: string,
  truth: readonly TruthDelivery[],
  acts: readonly Act[],
  { runs, found, losses }: LedgerSide,
): Verdict {
  const none = (): Tally => ({ records: 0, findings: 0 });
  const verdict: Verdict = {
    name,
    deliveries: truth.length,
    redeliveries: 0,
    missed: [],
    invented: [],
    inFlight: 0,
    inFlightMost: Math.max(
      0,
      ...runs.filter(({ outcome }) => outcome === 'in_flight').map(({ handled, last }) => last - handled + 1),
    ),
    uncertain: 0,
    uncertainMost: Math.max(0, ...runs.map((run) => run.uncertainLast - run.last)),
    causes: new Map(),
    ...{ right: none(), unknown: none(), wrong: none(), provenWrong: none() },
    ...{ unjudged: 0, skipped: 0, skippedWrong: 0, skippedMissed: [], premature: 0 },
    samples: [],
  };
  const findings = found.map((one) => ({ ...one, certain: one.doubt === 0 }));
  for (const group of compare(truth, runs, findings)) {
    verdict.redeliveries += group.truth.redeliveries;
    verdict.inFlight += group.inFlight;
    verdict.uncertain += group.uncertain;
    for (const [what, wrong] of [
      ['deliveries', group.wrong],
      ['findings', group.wrongFindings],
    ] as const) {
      for (const { topic, partition, offset, truth: given, certain, possible } of wrong) {
        const words = `${what} of ${topic}/${partition}/${offset}: truth ${given}, ledger ${certain}..${possible}`;
        (given > possible ? verdict.missed : verdict.invented).push(words);
      }
    }
  }
  judgeCauses(verdict, truth, new Oracle(acts), found);
  judgeLosses(verdict, truth, acts, losses);
  return verdict;
}

function judgeLosses(
  verdict: Verdict,
  truth: readonly TruthDelivery[],
  acts: readonly Act[],
  losses: readonly FoundLoss[],
): void {
  const told = new Set<string>();
  const delivered = new Set(truth.map((delivery) => recordOf(delivery, delivery.offset)));
  for (const { kind, first, last, ...place } of losses) {
    if (kind === 'premature_commit') verdict.premature += last - first + 1;
    for (let offset = first; kind === 'skip' && offset <= last; offset++) {
      const record = recordOf(place, offset);
      told.add(record);
      verdict.skipped++;
      if (delivered.has(record)) verdict.skippedWrong++;
    }
  }
  // Delivered all the same where the partition moved before the seek was carried out, or somebody went back behind it.
  for (const record of soughtOver(truth, acts)) {
    if (!delivered.has(record) && !told.has(record)) verdict.skippedMissed.push(record);
  }
}

function soughtOver(truth: readonly TruthDelivery[], acts: readonly Act[]): Set<string> {
  const topics = new Set(truth.map(({ topic }) => topic));
  const records = new Set<string>();
  for (const act of acts) {
    if (act.act !== 'sought' || act.over === undefined) continue;
    const [first, last] = act.over;
    for (const topic of topics) {
      for (let offset = first; offset <= last; offset++) records.add(recordOf({ ...act, topic }, offset));
    }
  }
  return records;
}

function judgeCauses(
  verdict: Verdict,
  truth: readonly TruthDelivery[],
  oracle: Oracle,
  found: readonly FoundRedelivery[],
): void {
  const copies = new Map<string, TruthDelivery[]>();
  for (const delivery of truth) push(copies, recordOf(delivery, delivery.offset), delivery);
  for (const of of copies.values()) of.sort((a, b) => a.at - b.at);
  const told = new Map<string, FoundRedelivery[]>();
  for (const one of found) {
    for (let offset = one.first; offset <= one.last; offset++) push(told, recordOf(one, offset), one);
  }
  const counted = new Set<string>();
  for (const [record, rows] of told) {
    const of = copies.get(record) ?? [];
    const pairs = matched(rows, of);
    const paired = new Set(pairs.map(([row]) => row));
    verdict.unjudged += rows.filter((row) => row.doubt === 0 && !paired.has(row)).length;
    for (const [row, at] of pairs) {
      // The copy before it was in flight at a kill, and no handler had written it down: nobody can say that it was one.
      if (at === 0 && row.doubt > 0) continue;
      // With clocks that differ the ledger may take the first copy for the later one: the pair is the same.
      const [before, copy] = at === 0 ? [of[0], of[1]] : [of[at - 1], of[at]];
      if (before === undefined || copy === undefined) {
        if (row.doubt === 0) verdict.unjudged++;
        continue;
      }
      const right = oracle.right(before, copy);
      if (row.certainty !== 'proven')
        for (const cause of swapped(oracle, of, of.indexOf(copy))) right.add(cause);
      const label = right.size === 0 ? 'nothing was done' : [...right].join(' or ');
      const kind = row.cause === 'unknown' ? 'unknown' : right.has(row.cause) ? 'right' : 'wrong';
      const by = verdict.causes.get(label) ?? new Map<string, Tally>();
      verdict.causes.set(label, by);
      const said = row.cause === 'unknown' ? 'unknown' : `${row.cause} ${row.certainty}`;
      const cell = by.get(said) ?? { records: 0, findings: 0 };
      by.set(said, cell);
      const tallies = [cell, verdict[kind]];
      if (kind === 'wrong' && row.certainty === 'proven') tallies.push(verdict.provenWrong);
      // A finding that is right for one record and wrong for another counts on both sides.
      const finding = `${found.indexOf(row)} ${label}`;
      for (const tally of tallies) {
        tally.records++;
        if (!counted.has(finding)) tally.findings++;
      }
      if (!counted.has(finding) && kind !== 'right' && verdict.samples.length < SAMPLES) {
        verdict.samples.push(sampleOf(row, label, before, copy));
      }
      counted.add(finding);
    }
  }
}

/**
 * Two deliveries of a record by different processes, this near to each other, are in an order that no one's times tell for
 * certain: the truth's are of the handler's first act, the ledger's of the hand-over before it.
 */
const TIE_MS = 50;

/** What would be right of the copy at `at` if it had changed places with a neighbour that it is in a tie with. */
function swapped(oracle: Oracle, of: readonly TruthDelivery[], at: number): Set<Cause> {
  const right = new Set<Cause>();
  const [former, before, copy, next] = [of[at - 2], of[at - 1], of[at], of[at + 1]];
  const tied = (a: TruthDelivery | undefined, b: TruthDelivery | undefined) =>
    a !== undefined && b !== undefined && a.worker !== b.worker && b.at - a.at < TIE_MS;
  const add = (a: TruthDelivery | undefined, b: TruthDelivery | undefined) => {
    if (a !== undefined && b !== undefined) for (const cause of oracle.right(a, b)) right.add(cause);
  };
  if (tied(copy, next)) add(copy, next);
  if (tied(before, copy)) add(former, before);
  return right;
}

/** Which copy of the truth each row tells of: the latest rows of a process are its latest copies. */
function matched(
  rows: readonly FoundRedelivery[],
  of: readonly TruthDelivery[],
): [FoundRedelivery, number][] {
  const pairs: [FoundRedelivery, number][] = [];
  const left = new Map<string, number[]>();
  of.forEach((delivery, at) => void push(left, memberOf(delivery).worker, at));
  for (const row of [...rows].sort((a, b) => b.attempt - a.attempt || b.at - a.at)) {
    const at = left.get(row.worker)?.pop();
    if (at !== undefined) pairs.push([row, at]);
  }
  return pairs;
}

function sampleOf(row: FoundRedelivery, label: string, before: TruthDelivery, copy: TruthDelivery): string {
  const place = `${row.topic}/${row.partition} ${row.first}..${row.last}`;
  const who = `${before.worker} (${before.at.toFixed(0)}) -> ${copy.worker} (${copy.at.toFixed(0)})`;
  return `${place} attempt ${row.attempt} doubt ${row.doubt}: right ${label}; ledger ${row.cause} ${row.certainty} ${row.because}; ${who}`;
}

function recordOf({ topic, partition }: { topic: string; partition: number }, offset: number): string {
  return `${topic}/${partition}/${offset}`;
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
