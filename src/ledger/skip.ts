/**
 * Skipped records: below the committed offset, known to exist, never delivered to the group. A gap alone is none:
 * compaction and control records leave gaps too. That a record exists is known where it was in a fetched batch that a
 * seek went over, or where another group got it: of a compacted log, later than this group went past it.
 */
import type { Certainty } from './redelivery-evidence';

export interface OffsetRange {
  first: number;
  last: number;
}

export const SKIP_CAUSES = ['seek', 'reset', 'deleted', 'unknown'] as const;

export type SkipCause = (typeof SKIP_CAUSES)[number];

export interface SkipExplanation {
  cause: SkipCause;
  certainty: Certainty;
  because: string[];
  advice: string | null;
}

/** The gaps of [from..before) between disjoint ascending `covered` ranges. */
export function gapsOf(covered: readonly OffsetRange[], from: number, before: number): OffsetRange[] {
  const gaps: OffsetRange[] = [];
  let next = from;
  for (const range of covered) {
    if (range.first >= before) break;
    if (range.first > next) gaps.push({ first: next, last: range.first - 1 });
    next = Math.max(next, range.last + 1);
  }
  if (next < before) gaps.push({ first: next, last: before - 1 });
  return gaps;
}

/** What of `range` lies in any of `known`, as disjoint ascending ranges. */
export function within(range: OffsetRange, known: readonly OffsetRange[]): OffsetRange[] {
  const parts = known
    .map(({ first, last }) => ({ first: Math.max(first, range.first), last: Math.min(last, range.last) }))
    .filter(({ first, last }) => first <= last)
    .sort((a, b) => a.first - b.first);
  const joined: OffsetRange[] = [];
  for (const part of parts) {
    const before = joined.at(-1);
    if (before !== undefined && part.first <= before.last + 1) before.last = Math.max(before.last, part.last);
    else joined.push(part);
  }
  return joined;
}

export interface SkipEvidence extends OffsetRange {
  /** A seek behind the records by a session of the group, about when they were passed. */
  seek: { target: string; name: string; at: number } | null;
  /** A member began behind the records: the committed offset that it found, and the last one seen before. */
  start: { committed: number; before: number | null; at: number } | null;
  /** A member found the log to begin behind the records, and the group's offset before them. */
  deleted: { committed: number; logStart: number; at: number } | null;
  /** Every living session of the group was heard of since the commit. */
  allHeard: boolean;
}

export function explainSkip(evidence: SkipEvidence): SkipExplanation {
  const { seek, start, first, last } = evidence;
  const certainty = evidence.allHeard ? 'proven' : 'probable';
  if (seek !== null) {
    return {
      cause: 'seek',
      certainty,
      because: [`${seek.name} called seek(${seek.target}) and went over offsets ${first} to ${last}`],
      advice: 'If they were to be handled, seek back to them; an offset reset of the group does it for all.',
    };
  }
  if (evidence.deleted !== null) {
    const { committed, logStart } = evidence.deleted;
    return {
      cause: 'deleted',
      certainty,
      because: [
        committed < 0
          ? `kafkajs found the group's offset outside of the log, which begins at ${logStart}`
          : `${committed} was committed, and the log began at ${logStart}`,
        'the records were deleted before the group got them',
      ],
      advice: 'Keep records longer than the longest stop of the group (retention.ms, retention.bytes).',
    };
  }
  if (start !== null) {
    return {
      cause: 'reset',
      certainty,
      because: [
        start.before === null
          ? `a member found ${start.committed} committed`
          : `${start.before} was committed; a member found ${start.committed} when it took the partition over`,
        'none of the observed consumers had committed that',
      ],
      advice: `Set the group's offset back to ${first} if the records are to be handled.`,
    };
  }
  return {
    cause: 'unknown',
    certainty: 'unknown',
    because: ['offsets behind them were committed, and no delivery of them is known'],
    advice: 'Look whether a consumer of the group runs without Dupescope.',
  };
}
