/** The overview's first sentence: what is wrong now, to whom, how much of it was caught, and why. */
import type { Group, Incident, Summary, Totals } from '../../service/schemas';
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
  /** Of the range. */
  totals: Totals;
  /** Within the range, the latest first: of any kind. */
  incidents: readonly Incident[];
  /** Those of redeliveries of the group that got most again. */
  causes: readonly Incident[];
  /** What may be lost: asked for by itself, so that no number of other incidents hides it. */
  losses: Losses;
  range: Range;
}

export interface Losses {
  /** The latest first. */
  incidents: readonly Incident[];
  /** There are more than these. */
  isMore: boolean;
}

type Sum = Totals['worst'][number];

/** Losses of both kinds, each in a list of its own. */
export function lossesOf(
  lists: readonly { items: readonly Incident[]; next_cursor: string | null }[],
): Losses {
  return {
    incidents: lists
      .flatMap(({ items }) => items)
      .sort((a, b) => Date.parse(b.last_at) - Date.parse(a.last_at) || b.id - a.id),
    isMore: lists.some(({ next_cursor: next }) => next !== null),
  };
}

export function overviewSentence(sight: Sight): Told {
  const { summary, totals, incidents, losses, range } = sight;
  const when = rangeWords(range);
  const [lost] = losses.incidents;
  if (lost !== undefined) return lossSentence(lost, losses, when);
  const [worst] = totals.worst;
  if (worst !== undefined && worst.redeliveries > 0) return againSentence(worst, sight, when);
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
  const { deliveries: delivered, groups_reading: readers } = totals;
  if (delivered > 0) {
    const text = `No record was delivered twice ${when}: ${counted(delivered, 'delivery', 'deliveries')} to ${counted(readers, 'group')}.`;
    return { tone: 'quiet', parts: [{ text }] };
  }
  return { tone: 'quiet', parts: [{ text: `Nothing was delivered twice or written twice ${when}.` }] };
}

/** What cannot be told now, and why: never that nothing was. */
export function unknownSentence(reason: string): Told {
  return { tone: 'busy', parts: [{ text: `What was delivered again is not known: ${reason}` }] };
}

function againSentence(worst: Sum, { totals, groups, causes }: Sight, when: string): Told {
  const { group, cluster, redeliveries, hits } = worst;
  const own = causes.filter(
    (one) => one.kind === 'redelivery' && one.group === group && one.cluster === cluster,
  );
  const known = groups.find((one) => one.group === group && one.cluster === cluster);
  const cause = mainIncident(own);
  const others = totals.groups_again - 1;
  const parts: Part[] = [
    { text: group, group, cluster },
    { text: ` got ${counted(redeliveries, 'record')} again ${when}; ` },
    { text: hits === 0 ? 'no check caught any' : caughtWords(hits, known) },
  ];
  if (cause !== undefined) {
    parts.push({ text: '; cause: ' }, { text: causeWords(cause.cause), incident: cause.id });
    const more = new Set(own.map((one) => one.cause)).size - 1;
    if (more > 0) parts.push({ text: ` and ${counted(more, 'other')}` });
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

function lossSentence(lost: Incident, { incidents, isMore }: Losses, when: string): Told {
  const more = incidents.length - 1;
  const moreWords = `, and ${isMore ? 'at least ' : ''}${counted(more, 'more incident')} of the kind`;
  return {
    tone: 'bad',
    parts: [
      { text: 'Records may be lost: ' },
      { text: lost.words, incident: lost.id },
      { text: `, ${when}${more === 0 ? '' : moreWords}.` },
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

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
