/** What was injected against what was found. Pure. */
import { compare, type Finding, type GroupComparison, type RunRow } from './compare';
import type { TruthDelivery } from './truth';

/** One fault and the time in which its effects fell. */
export interface Injection {
  group: string;
  fault: string;
  /** What was done, in words; empty until it has been done. */
  what: string;
  /** Unix ms; the windows of a group follow one another without a gap. */
  from: number;
  /** Null while its effects are waited for. */
  until: number | null;
}

export interface FaultVerdict extends Injection {
  /** Deliveries of records that the group had been given before, by the handlers' own account. */
  truth: number;
  /** Without and with those of which one copy was in flight or uncertain when its process was killed. */
  found: [least: number, most: number];
  agrees: boolean;
  /** The cause that Dupescope names for most of the records, and how many others it names. */
  cause: string;
}

export interface Verdict {
  faults: FaultVerdict[];
  /** Redeliveries that fell into no fault's time, a row for each group that had any. */
  others: FaultVerdict[];
  groups: GroupComparison[];
  /** Nothing is wrong, and every fault led to at least one redelivery. */
  agrees: boolean;
}

export interface Evidence {
  injections: readonly Injection[];
  truth: readonly TruthDelivery[];
  runs: readonly RunRow[];
  findings: readonly Finding[];
}

export function judge({ injections, truth, runs, findings }: Evidence): Verdict {
  const repeated = redeliveriesOf(truth);
  const faults = injections.map((injection) => {
    const mine = (thing: InTime) => isWithin(injection, thing);
    const sides = agreement(repeated.filter(mine).length, findings.filter(mine));
    return { ...injection, ...sides, agrees: sides.agrees && sides.truth > 0 };
  });

  const isOutside = (thing: InTime) => !injections.some((injection) => isWithin(injection, thing));
  const groups = compare(truth, runs, findings);
  const others = groups
    .map(({ group }) => {
      const theirs = (thing: InTime) => thing.group === group && isOutside(thing);
      const sides = agreement(repeated.filter(theirs).length, findings.filter(theirs));
      return { group, fault: 'no fault', what: 'between the faults', from: 0, until: null, ...sides };
    })
    .filter((verdict) => verdict.truth > 0 || verdict.found[1] > 0);

  const agrees =
    groups.length > 0 &&
    [...faults, ...others].every((verdict) => verdict.agrees) &&
    groups.every((group) => group.records > 0 && group.wrong.length + group.wrongFindings.length === 0);
  return { faults, others, groups, agrees };
}

interface InTime {
  group: string;
  /** Unix ms. */
  at: number;
}

export function isWithin({ group, from, until }: Injection, thing: InTime): boolean {
  return thing.group === group && thing.at >= from && (until === null || thing.at < until);
}

/** @param truth how many redeliveries there were */
export function agreement(
  truth: number,
  findings: readonly Finding[],
): Pick<FaultVerdict, 'truth' | 'found' | 'agrees' | 'cause'> {
  const found: [number, number] = [0, 0];
  const causes = new Map<string, number>();
  for (const { first, last, certain, cause } of findings) {
    const records = last - first + 1;
    causes.set(cause, (causes.get(cause) ?? 0) + records);
    if (certain) found[0] += records;
    found[1] += records;
  }
  const [most] = [...causes].sort((a, b) => b[1] - a[1]);
  const others = causes.size > 1 ? ` +${causes.size - 1}` : '';
  const cause = most === undefined ? '' : `${most[0]}${others}`;
  return { truth, found, agrees: found[0] <= truth && truth <= found[1], cause };
}

/** Every delivery but the first of its record to its group, in the order of time. */
export function redeliveriesOf(truth: readonly TruthDelivery[]): TruthDelivery[] {
  const seen = new Set<string>();
  return [...truth]
    .sort((a, b) => a.at - b.at)
    .filter(({ group, topic, partition, offset }) => {
      const record = `${group}/${topic}/${partition}/${offset}`;
      if (seen.has(record)) return true;
      seen.add(record);
      return false;
    });
}
