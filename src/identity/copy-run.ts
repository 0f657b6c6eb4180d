/**
 * Copies that follow each other as their originals did: the shape by which a repeated request, a mirror or a replay is
 * told from a message that was sent again by itself. A run lives within one partition and has its originals in one.
 *
 * States of a run: open (the next copy may join it) -> closed (too many other records came since, or other runs of
 * the partition took its place). A run only grows.
 */
import type { CopyRunEvidence, FoundCopy, WrittenCopy } from './duplicate-evidence';

/** Originals may have this many offsets between them: control records and what compaction took. */
const ORIGINAL_GAP = 3;
/** So many other offsets may lie between two copies of one run, where a mirror and live traffic share a partition. */
const COPY_GAP = 200;
/** Runs of one partition that are open at a time. */
const OPEN_MAX = 8;

/** A run as it is stored. Plain data. */
export interface CopyRun {
  /** Given by who keeps it; unique in the store. */
  id: number;
  partition: number;
  firstOffset: number;
  lastOffset: number;
  originalPartition: number;
  lastOriginal: number;
  records: number;
  sameTimes: number;
  /** Missing in runs of older versions, as is the next. */
  knownEdges?: number;
  sameEdges?: number;
  batches: number;
  adjacent: boolean;
  /** First offset of the record batch of the last copy, and how many offsets of it no copy fills so far. */
  batchFirst: number;
  batchMissing: number;
  /** Batches before the last one that the copies do not fill. */
  partBatches: number;
  originalFrom: number;
  originalTo: number;
}

/** The open runs of one partition. */
export class CopyRuns {
  private readonly open: CopyRun[];

  /** @param open what a former life left open, the latest last */
  constructor(open: readonly CopyRun[] = []) {
    this.open = open.slice(-OPEN_MAX).map((run) => ({ ...run }));
  }

  /** The run that the copy belongs to. Copies come in the order of their offsets. */
  add(copy: FoundCopy, original: WrittenCopy, newId: () => number): CopyRun {
    const at = this.open.findIndex((run) => continues(run, copy, original));
    const run = at < 0 ? begun(newId(), copy, original) : (this.open[at] as CopyRun);
    if (at >= 0) {
      this.open.splice(at, 1);
      grow(run, copy, original);
    } else if (this.open.length >= OPEN_MAX) {
      this.open.shift();
    }
    this.open.push(run);
    return run;
  }
}

export function runEvidence(run: CopyRun): CopyRunEvidence {
  return {
    records: run.records,
    sameTimes: run.sameTimes,
    knownEdges: run.knownEdges ?? 0,
    sameEdges: run.sameEdges ?? 0,
    batches: run.batches,
    between: run.partition === run.originalPartition ? run.firstOffset - run.lastOriginal - 1 : null,
    adjacent: run.adjacent,
    wholeBatches: run.partBatches === 0 && run.batchMissing === 0,
    originalSpanMs: run.originalTo - run.originalFrom,
  };
}

function continues(run: CopyRun, copy: FoundCopy, original: WrittenCopy): boolean {
  const step = original.offset - run.lastOriginal;
  return (
    original.partition === run.originalPartition &&
    step >= 1 &&
    step <= ORIGINAL_GAP &&
    copy.offset > run.lastOffset &&
    copy.offset - run.lastOffset <= COPY_GAP
  );
}

function begun(id: number, copy: FoundCopy, original: WrittenCopy): CopyRun {
  return {
    id,
    partition: copy.partition,
    firstOffset: copy.offset,
    lastOffset: copy.offset,
    originalPartition: original.partition,
    lastOriginal: original.offset,
    records: 1,
    sameTimes: copy.at === original.at ? 1 : 0,
    ...edgesOf(copy, original),
    batches: 1,
    adjacent: true,
    batchFirst: copy.batchFirst,
    batchMissing: copy.batchRecords - 1,
    partBatches: 0,
    originalFrom: original.at,
    originalTo: original.at,
  };
}

function grow(run: CopyRun, copy: FoundCopy, original: WrittenCopy): void {
  // Control records stand alone between batches and are not the producer's.
  if (copy.offset - run.lastOffset > (copy.batchFirst === run.batchFirst ? 1 : 2)) run.adjacent = false;
  if (copy.batchFirst === run.batchFirst) {
    run.batchMissing--;
  } else {
    if (run.batchMissing > 0) run.partBatches++;
    run.batches++;
    run.batchFirst = copy.batchFirst;
    run.batchMissing = copy.batchRecords - 1;
  }
  run.records++;
  if (copy.at === original.at) run.sameTimes++;
  const { knownEdges, sameEdges } = edgesOf(copy, original);
  run.knownEdges = (run.knownEdges ?? 0) + knownEdges;
  run.sameEdges = (run.sameEdges ?? 0) + sameEdges;
  run.lastOffset = copy.offset;
  run.lastOriginal = original.offset;
  run.originalFrom = Math.min(run.originalFrom, original.at);
  run.originalTo = Math.max(run.originalTo, original.at);
}

function edgesOf(copy: FoundCopy, original: WrittenCopy): { knownEdges: number; sameEdges: number } {
  const areKnown = typeof copy.edges === 'number' && typeof original.edges === 'number';
  return { knownEdges: areKnown ? 1 : 0, sameEdges: areKnown && copy.edges === original.edges ? 1 : 0 };
}
