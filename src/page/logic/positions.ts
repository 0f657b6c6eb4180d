/** Offsets of one partition over time: the committed offset as a line, deliveries as strokes above it. */
import type { PartitionPositions } from '../../service/schemas';
import { count, counted, offsets, time, type Zone } from './format';
import { causeWords } from './words';

export interface Stroke {
  /** Unix seconds. */
  from: number;
  to: number;
  first: number;
  last: number;
}

export interface Redelivered extends Stroke {
  id: number;
  cause: string;
  incident: number | null;
}

export interface Rewound {
  id: number;
  /** Unix seconds. */
  at: number;
  from: number;
  to: number;
  cause: string;
  incident: number | null;
}

export interface PositionData {
  /**
   * Whatever begins or is known at a time, unix seconds, ascending: the points that a person may look at. With each the
   * committed offset and the log's end, null where neither was told then.
   */
  times: number[];
  committed: (number | null)[];
  logEnd: (number | null)[];
  deliveries: Stroke[];
  redeliveries: Redelivered[];
  rewinds: Rewound[];
  time: [number, number];
  offsets: [number, number];
  /** The log's end where it lies so far above all else that the rest would be flat beside it; null: it is drawn. */
  endAbove: number | null;
}

/** The log's end is drawn where all else keeps at least a quarter of the height. */
const END_ROOM = 4;

/** Null: nothing is known of this time. */
export function positionData(positions: PartitionPositions): PositionData | null {
  const since = seconds(positions.since);
  const deliveries = positions.deliveries.map((run) => ({
    from: seconds(run.from),
    to: Math.max(seconds(run.to), seconds(run.from)),
    first: run.first_offset,
    last: run.last_offset,
  }));
  const redeliveries = positions.redeliveries.map((found) => ({
    ...strokeOf(found, deliveries),
    ...{ id: found.id, cause: found.cause, incident: found.incident },
  }));
  const rewinds = positions.rewinds.map((found) => ({
    ...{ id: found.id, at: seconds(found.at), cause: found.cause, incident: found.incident },
    ...{ from: found.last_offset, to: Math.max(0, found.first_offset) },
  }));
  const commits = positions.commits.filter(({ offset }) => offset >= 0);
  const known = [
    ...commits.map(({ offset }) => offset),
    ...positions.lag.map(({ committed }) => committed),
    ...deliveries.flatMap(({ first, last }) => [first, last + 1]),
    ...rewinds.flatMap(({ from, to }) => [from, to]),
  ];
  if (known.length === 0) return null;
  const points = new Map<number, { committed: number | null; logEnd: number | null }>();
  const begins = [...deliveries, ...redeliveries].map(({ from }) => Math.max(since, from));
  for (const at of [...begins, ...rewinds.map(({ at }) => at)]) {
    points.set(at, { committed: null, logEnd: null });
  }
  for (const { at, committed, log_end } of positions.lag) {
    points.set(seconds(at), { committed, logEnd: log_end });
  }
  for (const { at, offset } of commits) {
    points.set(seconds(at), { committed: offset, logEnd: points.get(seconds(at))?.logEnd ?? null });
  }
  const times = [...points.keys()].sort((a, b) => a - b);
  const low = known.reduce((least, one) => Math.min(least, one));
  const most = known.reduce((high, one) => Math.max(high, one));
  const end = positions.lag.reduce((high, { log_end }) => Math.max(high, log_end), most);
  const isFar = end - low > END_ROOM * Math.max(1, most - low);
  const high = isFar ? most : end;
  const room = Math.max(1, (high - low) * 0.05);
  return {
    times,
    committed: times.map((at) => points.get(at)?.committed ?? null),
    logEnd: times.map((at) => points.get(at)?.logEnd ?? null),
    deliveries,
    redeliveries,
    rewinds,
    time: [since, seconds(positions.until)],
    offsets: [Math.max(0, low - room), high + room],
    endAbove: isFar ? end : null,
  };
}

function seconds(at: string): number {
  return Date.parse(at) / 1000;
}

/** A redelivered stretch lies in a run, in proportion to it: a run keeps the times of its ends alone. */
function strokeOf(
  { at, first_offset: first, last_offset: last }: PartitionPositions['redeliveries'][number],
  runs: readonly Stroke[],
): Stroke {
  const from = seconds(at);
  const run = runs.find((one) => one.from >= from - 0.5 && one.first <= first && one.last >= last);
  if (run === undefined) return { from, to: from, first, last };
  const pace = (run.to - run.from) / Math.max(1, run.last - run.first);
  return { from, to: Math.max(from, run.from + (last - run.first) * pace), first, last };
}

/** What stood at a time. */
export interface Standing {
  at: number;
  /** As told last before; null: not told by then. */
  committed: number | null;
  logEnd: number | null;
  /** The latest that were under way. */
  delivered: Stroke | null;
  again: Redelivered | null;
  rewound: Rewound | null;
}

export function standingAt(data: PositionData, index: number): Standing {
  const at = data.times[index] ?? data.time[0];
  const told = (values: readonly (number | null)[]) =>
    values.slice(0, index + 1).findLast((value) => value !== null) ?? null;
  return {
    at,
    committed: told(data.committed),
    logEnd: told(data.logEnd),
    delivered: data.deliveries.findLast((one) => isUnderWay(one, at)) ?? null,
    again: data.redeliveries.find((one) => isUnderWay(one, at)) ?? null,
    rewound: data.rewinds.find((one) => one.at === at) ?? null,
  };
}

function isUnderWay({ from, to }: Stroke, at: number): boolean {
  return from <= at && at <= to;
}

/** What stands at a point, for those who do not see it. */
export function standingWords(data: PositionData, index: number, zone: Zone): string {
  const { at, committed, logEnd, delivered, again, rewound } = standingAt(data, index);
  const told = [
    committed === null ? 'nothing known as committed' : `committed ${committed}`,
    ...(logEnd === null ? [] : [`end of the log ${logEnd}`]),
    ...(delivered === null ? [] : [`delivered ${offsets(delivered.first, delivered.last)}`]),
    ...(again === null
      ? []
      : [`delivered again ${offsets(again.first, again.last)}, ${causeWords(again.cause)}`]),
    ...(rewound === null
      ? []
      : [`rewind from ${rewound.from} to ${rewound.to}, ${causeWords(rewound.cause)}`]),
  ];
  return `${time(at * 1000, zone)}: ${told.join('; ')}`;
}

/**
 * The incident of the redelivered stretch or rewind at that place of the chart, the nearest; null: none.
 *
 * @param near how far beside a stretch still means it: seconds
 */
export function incidentAt(data: PositionData, at: number, offset: number, near: number): number | null {
  const found = [
    ...data.redeliveries.map((one) => ({ ...one, low: one.first, high: one.last + 1 })),
    ...data.rewinds.map((one) => ({ ...one, from: one.at, to: one.at, low: one.to, high: one.from })),
  ].filter(({ from, to, incident }) => incident !== null && from - near <= at && at <= to + near);
  const apart = ({ low, high }: { low: number; high: number }) => Math.max(low - offset, offset - high, 0);
  const [best] = found.sort((a, b) => apart(a) - apart(b));
  return best?.incident ?? null;
}

/** What the chart shows, for those who do not see it. */
export function positionWords(data: PositionData): string {
  const { deliveries, redeliveries, rewinds, offsets: shown } = data;
  const [low, high] = [Math.floor(shown[0]), Math.ceil(shown[1])];
  return `Chart of offsets ${low} to ${high} over time: ${counted(deliveries.length, 'stretch', 'stretches')} delivered, ${count(redeliveries.length)} of them again, ${counted(rewinds.length, 'rewind')} of the committed offset.`;
}
