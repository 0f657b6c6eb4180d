/** The overview's first sentence: what is wrong now, to whom, how much of it was caught, and why. */
import type { Group, Incident, SeriesPoint, Summary } from '../../service/schemas';
import { count, counted } from './format';
import { type Range, rangeWords } from './range';
import { causeWords } from './words';

/** A part of the sentence; with `incident` or `group` it leads there. */
export interface Part {
  text: string;
  incident?: number;
  group?: string;
  cluster?: string;
}

export interface Told {
  tone: 'quiet' | 'busy' | 'bad';
  parts: Part[];
}

export interface Sight {
  summary: Summary;
  /** The worst of them. */
  groups: readonly Group[];
  /** By group, within the range. */
  series: readonly SeriesPoint[];
  /** Within the range. */
  incidents: readonly Incident[];
  range: Range;
}

interface Sum {
  cluster: string;
  group: string;
  deliveries: number;
  redeliveries: number;
  hits: number;
}

export function overviewSentence({ summary, groups, series, incidents, range }: Sight): Told {
  const when = rangeWords(range);
  const lost = incidents.find(({ kind }) => kind === 'premature_commit' || kind === 'skip');
  if (lost !== undefined) return lossSentence(lost, incidents, when);
  const sums = sumsOf(series);
  const worst = sums[0];
  if (worst !== undefined && worst.redeliveries > 0) {
    return againSentence(worst, sums, groups, incidents, when);
  }
  const latest = incidents[0];
  if (latest !== undefined) {
    return {
      tone: 'busy',
      parts: [{ text: sentenceCase(latest.words), incident: latest.id }, { text: `, ${when}.` }],
    };
  }
  if (summary.groups === 0 && summary.observed_records === 0) {
    return { tone: 'quiet', parts: [{ text: 'Nothing has been seen yet.' }] };
  }
  const delivered = series.reduce((sum, point) => sum + point.deliveries, 0);
  const readers = sums.filter(({ deliveries }) => deliveries > 0).length;
  if (delivered > 0) {
    const text = `No record was delivered twice ${when}: ${counted(delivered, 'delivery', 'deliveries')} to ${counted(readers, 'group')}.`;
    return { tone: 'quiet', parts: [{ text }] };
  }
  return { tone: 'quiet', parts: [{ text: `Nothing was delivered twice or written twice ${when}.` }] };
}

function againSentence(
  worst: Sum,
  sums: Sum[],
  groups: readonly Group[],
  incidents: readonly Incident[],
  when: string,
): Told {
  const { group, cluster, redeliveries, hits } = worst;
  const own = incidents.filter((one) => one.group === group && one.cluster === cluster);
  const known = groups.find((one) => one.group === group && one.cluster === cluster);
  const cause = mainIncident(own.filter(({ kind }) => kind === 'redelivery'));
  const others = sums.filter((sum) => sum !== worst && sum.redeliveries > 0).length;
  const parts: Part[] = [
    { text: group, group, cluster },
    { text: ` got ${counted(redeliveries, 'record')} again ${when}; ` },
    { text: hits === 0 ? 'no check caught any' : caughtWords(hits, known) },
  ];
  if (cause !== undefined) {
    parts.push({ text: '; cause: ' }, { text: causeWords(cause.cause), incident: cause.id });
    const causes = new Set(own.filter(({ kind }) => kind === 'redelivery').map((one) => one.cause)).size;
    if (causes > 1) parts.push({ text: ` and ${counted(causes - 1, 'other')}` });
  }
  if (others > 0) parts.push({ text: `. ${counted(others, 'other group')} got records again too` });
  parts.push({ text: '.' });
  return { tone: 'busy', parts };
}

/** Hits are those on copies of both kinds: where the group was given no written one, they are all on deliveries again. */
function caughtWords(hits: number, group: Group | undefined): string {
  if (group?.duplicates_delivered === 0) return `${count(hits)} were caught`;
  return `${counted(hits, 'copy was', 'copies were')} caught, those written twice counted too`;
}

function lossSentence(lost: Incident, incidents: readonly Incident[], when: string): Told {
  const more = incidents.filter(
    (one) => one !== lost && (one.kind === 'premature_commit' || one.kind === 'skip'),
  ).length;
  return {
    tone: 'bad',
    parts: [
      { text: 'Records may be lost: ' },
      { text: lost.words, incident: lost.id },
      { text: `, ${when}${more === 0 ? '' : `, and ${counted(more, 'more incident')} of the kind`}.` },
    ],
  };
}

/** The one with the most records. */
export function mainIncident(incidents: readonly Incident[]): Incident | undefined {
  return incidents.reduce<Incident | undefined>(
    (most, one) => (most === undefined || one.records > most.records ? one : most),
    undefined,
  );
}

/** A group's counts over the range, the most redeliveries first. */
function sumsOf(series: readonly SeriesPoint[]): Sum[] {
  const sums = new Map<string, Sum>();
  for (const point of series) {
    const { cluster, group } = point;
    if (group === null || cluster === null) continue;
    const key = JSON.stringify([cluster, group]);
    const sum = sums.get(key) ?? { cluster, group, deliveries: 0, redeliveries: 0, hits: 0 };
    sum.deliveries += point.deliveries;
    sum.redeliveries += point.redeliveries;
    sum.hits += point.hits;
    sums.set(key, sum);
  }
  return [...sums.values()].sort((a, b) => b.redeliveries - a.redeliveries || (a.group < b.group ? -1 : 1));
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
