/** Offsets of one partition over time: the committed offset as a line, deliveries as strokes above it. */
import type { PartitionPositions } from '../../service/schemas';

export interface Stroke {
  /** Unix seconds. */
  from: number;
  to: number;
  first: number;
  last: number;
}

export interface PositionData {
  /** Unix seconds, ascending; with each the committed offset and the log's end, null where not known. */
  times: number[];
  committed: (number | null)[];
  logEnd: (number | null)[];
  deliveries: Stroke[];
  redeliveries: (Stroke & { cause: string; incident: number | null; attempt?: number })[];
  rewinds: { at: number; from: number; to: number; cause: string }[];
  time: [number, number];
  offsets: [number, number];
}

/** Null: nothing is known of this time. */
export function positionData(positions: PartitionPositions): PositionData | null {
  const deliveries = positions.deliveries.map((run) => ({
    from: seconds(run.from),
    to: Math.max(seconds(run.to), seconds(run.from)),
    first: run.first_offset,
    last: run.last_offset,
  }));
  const redeliveries = positions.redeliveries.map((found) => ({
    ...strokeOf(found, deliveries),
    cause: found.cause,
    incident: found.incident,
  }));
  const rewinds = positions.rewinds.map((found) => ({
    at: seconds(found.at),
    from: found.last_offset,
    to: Math.max(0, found.first_offset),
    cause: found.cause,
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
  for (const { at, committed, log_end } of positions.lag) {
    points.set(seconds(at), { committed, logEnd: log_end });
  }
  for (const { at, offset } of commits) {
    points.set(seconds(at), { committed: offset, logEnd: points.get(seconds(at))?.logEnd ?? null });
  }
  const times = [...points.keys()].sort((a, b) => a - b);
  const low = known.reduce((least, one) => Math.min(least, one));
  const high = known.reduce((most, one) => Math.max(most, one));
  const room = Math.max(1, (high - low) * 0.05);
  return {
    times,
    committed: times.map((at) => points.get(at)?.committed ?? null),
    logEnd: times.map((at) => points.get(at)?.logEnd ?? null),
    deliveries,
    redeliveries,
    rewinds,
    time: [seconds(positions.since), seconds(positions.until)],
    offsets: [Math.max(0, low - room), high + room],
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

/** What the chart shows, for those who do not see it. */
export function positionWords(data: PositionData): string {
  const { deliveries, redeliveries, rewinds, offsets } = data;
  const low = Math.floor(offsets[0]);
  const high = Math.ceil(offsets[1]);
  return `Chart of offsets ${low} to ${high} over time: ${deliveries.length} stretches delivered, ${redeliveries.length} of them again, ${rewinds.length} rewinds of the committed offset.`;
}
