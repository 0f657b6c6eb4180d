/** The overview's chart: steps as the API has them, with zeros where nothing was. */
import type { Incident, SeriesPoint } from '../../service/schemas';
import { counted } from './format';
import { ends, type Range } from './range';

export interface SeriesData {
  /** Starts of the steps, unix seconds. */
  times: number[];
  deliveries: number[];
  redeliveries: number[];
  duplicates: number[];
  hits: number[];
}

export function seriesData(
  points: readonly SeriesPoint[],
  range: Range,
  minutes: number,
  now: number,
): SeriesData {
  const stepMs = minutes * 60_000;
  const [from, to] = ends(range, now);
  const first = Math.floor(from / stepMs) * stepMs;
  const length = Math.max(1, Math.ceil((to - first) / stepMs));
  const zeros = () => new Array<number>(length).fill(0);
  const data: SeriesData = {
    times: Array.from({ length }, (_, i) => (first + i * stepMs) / 1000),
    deliveries: zeros(),
    redeliveries: zeros(),
    duplicates: zeros(),
    hits: zeros(),
  };
  for (const point of points) {
    const at = Math.round((Date.parse(point.time) - first) / stepMs);
    if (at < 0 || at >= length) continue;
    for (const name of ['deliveries', 'redeliveries', 'duplicates', 'hits'] as const) {
      data[name][at] = (data[name][at] ?? 0) + point[name];
    }
  }
  return data;
}

export interface Mark {
  id: number;
  /** Unix seconds. */
  from: number;
  to: number;
  words: string;
}

const MARKS_MAX = 200;

/** Incidents that touch the range, for the chart; the latest where there are many. */
export function incidentMarks(incidents: readonly Incident[], range: Range, now: number): Mark[] {
  const [from, to] = ends(range, now);
  return incidents
    .map(({ id, words, opened_at, last_at }) => ({
      id,
      words,
      from: Date.parse(opened_at) / 1000,
      to: Date.parse(last_at) / 1000,
    }))
    .filter((mark) => mark.to * 1000 >= from && mark.from * 1000 <= to)
    .slice(0, MARKS_MAX);
}

/** Stretches of time with an incident or more: bands that lie on each other would hide the lines. */
export function joined(marks: readonly Mark[]): { from: number; to: number }[] {
  const bands: { from: number; to: number }[] = [];
  for (const { from, to } of [...marks].sort((a, b) => a.from - b.from)) {
    const last = bands.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else bands.push({ from, to });
  }
  return bands;
}

/** Marks that stand so near to each other that a finger could not tell them apart. */
export interface Spot {
  /** Where the first of them stands, in px. */
  left: number;
  marks: Mark[];
}

/** @param place where a time (unix seconds) stands, in px; @param nearPx of a spot's own width */
export function spotsOf(marks: readonly Mark[], place: (at: number) => number, nearPx: number): Spot[] {
  const spots: Spot[] = [];
  for (const mark of [...marks].sort((a, b) => a.from - b.from)) {
    const left = Math.max(0, place(mark.from));
    const last = spots.at(-1);
    if (last !== undefined && left < last.left + nearPx) last.marks.push(mark);
    else spots.push({ left, marks: [mark] });
  }
  return spots;
}

/** Those that touch a step, given by its start and length in seconds. */
export function marksWithin(marks: readonly Mark[], start: number, length: number): Mark[] {
  return marks.filter(({ from, to }) => to >= start && from < start + length);
}

/** What a chart shows, for those who do not see it. */
export function chartWords(
  { deliveries, redeliveries, duplicates, hits }: SeriesData,
  marks: readonly Mark[],
): string {
  const sum = (values: readonly number[]) =>
    values.reduce((all, one) => all + one, 0).toLocaleString('en-US');
  const peak = redeliveries.reduce((most, one) => Math.max(most, one), 0).toLocaleString('en-US');
  return `Chart over time: ${sum(deliveries)} deliveries, ${sum(redeliveries)} redeliveries with at most ${peak} a step, ${sum(duplicates)} duplicates, ${sum(hits)} hits; ${counted(marks.length, 'incident')}.`;
}
