/**
 * One turn of the index, in four steps: read (what is known of each record), expire (what the windows give up), write
 * (blocks, findings, offsets; within the caller's transaction), apply (to memory, after the commit).
 */
import {
  type CopyRuns,
  clearTextOf,
  EDGE_FIRST,
  EDGE_LAST,
  type FoundCopy,
  type ObservedBatch,
  type WrittenBatch,
  type WrittenCopy,
} from '../../identity';
import type { Interval } from '../../ledger';
import { BatchIdentities, type Candidate } from './batch-identities';
import { BLOCK_ENTRIES, Block, type Entry, encodeBlock, NO_PRODUCER, PAYLOAD_MASK } from './block';
import { Expiry } from './expiry';
import type { Finding, Findings } from './findings';
import type { IdentityLog } from './log';
import { type IndexMemory, PAYLOADS_MAX } from './memory';
import type { Observed } from './observed';
import type { Sequences, SequenceTurn } from './sequences';
import type { TopicWindow, WindowRow } from './window';

/** Slots of the table looked at for entries given up, for each record. */
const SWEEP_SLOTS = 6;
const SEQUENCES = 2 ** 31;
const NOTHING: readonly Candidate[] = [];

/** What becomes of the table after the commit: record i's entry, and the one whose place it takes. */
interface Pointing {
  record: number;
  entry: Entry;
  block: number;
  place: number;
  replaced: Candidate | null;
}

export class Turn {
  readonly findings: Finding[] = [];
  remembered = 0;
  reread = 0;
  /** Blocks that it writes: the topic's tail as it grows, if it has one, then new ones. */
  private readonly blocks: Block[] = [];
  private readonly startsWithTail: boolean;
  private readonly row: WindowRow;
  private readonly known: BatchIdentities;
  private readonly pointings: Pointing[] = [];
  private readonly found = new Map<string, number>();
  private expiry: Expiry | null = null;
  private readonly sequences: SequenceTurn;
  private newestAt: number;
  private records = 0;

  constructor(
    private readonly memory: IndexMemory,
    private readonly window: TopicWindow,
    private readonly batch: ObservedBatch,
    sequences: Sequences,
  ) {
    this.sequences = sequences.turn(window.row.topic, batch.partition);
    this.row = { ...window.row };
    const tail = memory.tailOf(window);
    this.startsWithTail = tail !== null && !tail.isFull;
    if (tail !== null && this.startsWithTail) this.blocks.push(tail.copy());
    this.known = new BatchIdentities(batch.records.hashes, batch.records.count);
    this.newestAt = window.partitions.get(batch.partition)?.newestAt ?? 0;
  }

  read(observed: Observed, findings: Findings): void {
    const { batch, window } = this;
    const { records } = batch;
    const newest = this.latest();
    const repeated = observed.advance(this.row.topic, batch, newest);
    const counts = new Uint32Array(records.sourceNames.length + 1);
    const isReread = rangesOf(repeated);
    let runs: CopyRuns | null = null;
    let batchOf = -1;
    for (let i = 0; i < records.count; i++) {
      const offset = records.offsets[i] as number;
      if (isReread(offset)) {
        this.reread++;
        continue;
      }
      this.records++;
      const source = records.sources[i] as number;
      counts[source] = (counts[source] as number) + 1;
      const entry = this.entryOf(i);
      if (records.batchOf[i] !== batchOf) {
        batchOf = records.batchOf[i] as number;
        this.sequences.take(records.batches[batchOf] as WrittenBatch, entry.at);
      }
      const loggedAt = Math.max(this.newestAt, entry.at);
      this.newestAt = loggedAt;
      if (source === 0) continue;
      entry.ordinal = this.row.nextOrdinal++;
      const head = this.known.headOf(i);
      const all = head === i ? this.fromTable(i) : this.known.of(head);
      // A replay of the log may have kept more payloads of an identity than were kept when it was written.
      const near =
        all.length === 0 ? all : all.filter((one) => window.holds(one, entry.ordinal)).slice(-PAYLOADS_MAX);
      if (near.length > 0) {
        runs ??= findings.openRuns(this.row.topic, batch.partition);
        this.findings.push(this.finding(i, entry, loggedAt, near, runs, findings));
      }
      this.remember(i, head, entry, near);
    }
    this.newestAt = newest;
    for (let source = 0; source < counts.length; source++) {
      const name = source === 0 ? '' : (records.sourceNames[source - 1] as string);
      if (counts[source] !== 0) this.found.set(name, counts[source] as number);
    }
  }

  /** Gives up whole blocks that no window reaches any more, and the oldest of all while there are too many entries. */
  expire(capacity: number): void {
    const { window, row, batch } = this;
    row.horizonAt = window.horizonAfter(batch.partition, { newestAt: this.newestAt, live: batch.live });
    row.entries += this.remembered;
    const expiry = Expiry.ofTurn(this.memory, this.newBlocks);
    expiry.ofTopic(window, row);
    expiry.toCapacity(capacity);
    this.expiry = expiry;
  }

  write(log: IdentityLog, observed: Observed, findings: Findings): void {
    const { memory, window, batch, row } = this;
    this.blocks.forEach((block, i) => {
      log.put(this.numberOf(i), row.topic, encodeBlock(block));
    });
    const expiry = this.expiry as Expiry;
    row.firstBlock = expiry.firstKept(window) ?? this.numberOf(0);
    if (this.blocks.length > 0) row.tailBlock = this.numberOf(this.blocks.length - 1);
    expiry.write(log, { window, block: this.blocks[0] });
    const longestMs = findings.add(row.topic, this.findings, batch.observedAt);
    this.sequences.write(batch.observedAt);
    const anomalies = this.sequences.anomalies.length;
    const totals = { records: this.records, duplicate: 0, id_reuse: 0, intentional: 0, longestMs, anomalies };
    for (const { kind } of this.findings) totals[kind]++;
    observed.count(row.topic, this.found, totals);
    log.turn(memory.nextBlock + this.newBlocks);
  }

  /** Nothing here can fail but for want of memory. */
  apply(): void {
    const { memory, window, batch } = this;
    const { slots, table } = memory;
    this.expiry?.apply();
    const places = this.blocks.map((_, i) => {
      if (i === 0 && this.startsWithTail) return window.slots.at(-1) as number;
      const slot = slots.take(this.numberOf(i), this.row.topic);
      window.slots.push(slot);
      return slot;
    });
    for (const slot of places) memory.changed(slot);
    const { hashes } = batch.records;
    const rows = new Map<Entry, number>();
    for (const { record, entry, block, place, replaced } of this.pointings) {
      const slot = places[block] as number;
      const row = slot * BLOCK_ENTRIES + place;
      slots.saw(slot, entry.at);
      const [w0, w1, w2] = [
        hashes[record * 4] as number,
        hashes[record * 4 + 1] as number,
        hashes[record * 4 + 2] as number,
      ];
      if (replaced === null) {
        table.add(w0, w1, w2, row, memory.isLive);
      } else {
        const old = replaced.row >= 0 ? replaced.row : (rows.get(replaced) as number);
        if (!table.replace(w0, w1, w2, old, row)) table.add(w0, w1, w2, row, memory.isLive);
      }
      if (this.findings.length > 0) rows.set(entry, row);
    }
    this.sequences.apply();
    window.tail = this.blocks.at(-1) ?? window.tail;
    window.partitions.set(batch.partition, { newestAt: this.newestAt, live: batch.live });
    memory.nextBlock += this.newBlocks;
    memory.turn++;
    const sweep = batch.records.count * SWEEP_SLOTS;
    if (slots.needsSweep && table.sweep(sweep, memory.isLive)) slots.passed();
  }

  private get newBlocks(): number {
    return this.blocks.length - (this.startsWithTail ? 1 : 0);
  }

  private numberOf(block: number): number {
    if (!this.startsWithTail) return this.memory.nextBlock + block;
    return block === 0 ? this.window.row.tailBlock : this.memory.nextBlock + block - 1;
  }

  /** The newest time of the partition once this batch is in. */
  private latest(): number {
    const { times, count } = this.batch.records;
    let newest = this.newestAt;
    for (let i = 0; i < count; i++) newest = Math.max(newest, this.timeOf(times[i] as number));
    return newest;
  }

  /** A record's time; now for one without, and for one that lies ahead. */
  private timeOf(time: number): number {
    const now = Math.floor(this.batch.observedAt);
    return time >= 0 && time < now ? Math.floor(time) : now;
  }

  private entryOf(i: number): Candidate {
    const { records, partition } = this.batch;
    const offset = records.offsets[i] as number;
    const written = records.batches[records.batchOf[i] as number] as WrittenBatch;
    const { producerId, firstOffset, firstSequence } = written;
    const isFirst = offset === firstOffset;
    const isLast = offset === firstOffset + written.records - 1;
    return {
      ordinal: -1,
      partition,
      offset,
      at: this.timeOf(records.times[i] as number),
      payload: (records.payloads[i] as number) & PAYLOAD_MASK,
      producerId: producerId ?? NO_PRODUCER,
      producerEpoch: producerId === null ? -1 : written.producerEpoch,
      sequence: producerId === null ? -1 : (firstSequence + offset - firstOffset) % SEQUENCES,
      transactional: written.transactional,
      edges: (isFirst ? EDGE_FIRST : 0) | (isLast ? EDGE_LAST : 0),
      provenance: records.attempts[i] as number,
      row: -1,
    };
  }

  private fromTable(i: number): readonly Candidate[] {
    const { memory, batch, row } = this;
    const rows = memory.matches(row.topic, batch.records.hashes, i * 4);
    if (rows.length === 0) return NOTHING;
    const found = rows.map((at): Candidate => ({ ...memory.entry(at), row: at }));
    return found.sort((a, b) => a.ordinal - b.ordinal);
  }

  private remember(i: number, head: number, entry: Candidate, near: readonly Candidate[]): void {
    let block = this.blocks.at(-1);
    if (block === undefined || block.isFull) {
      block = new Block(entry.ordinal);
      this.blocks.push(block);
    }
    block.add(this.batch.records.hashes, i * 4, entry);
    this.remembered++;
    const replaced =
      near.find(({ payload }) => payload === entry.payload) ??
      (near.length >= PAYLOADS_MAX ? (near[0] as Candidate) : null);
    this.pointings.push({
      record: i,
      entry,
      block: this.blocks.length - 1,
      place: block.entries.length - 1,
      replaced,
    });
    this.known.set(head, near.length === 0 ? entry : [...near.filter((one) => one !== replaced), entry]);
  }

  private finding(
    i: number,
    entry: Entry,
    loggedAt: number,
    near: readonly Candidate[],
    runs: CopyRuns,
    findings: Findings,
  ): Finding {
    const { records } = this.batch;
    const same = near.findLast(({ payload }) => payload === entry.payload);
    const previous = writtenOf(same ?? (near.at(-1) as Candidate));
    const written = records.batches[records.batchOf[i] as number] as WrittenBatch;
    const provenance = records.provenances[i] as number;
    const copy: FoundCopy = {
      ...writtenOf(entry),
      batchFirst: written.firstOffset,
      batchRecords: written.records,
      createTime: written.createTime,
      keyed: records.keyed[i] === 1,
      provenance: provenance === 0 ? null : (records.provenanceNames[provenance - 1] as string),
      source: records.sourceNames[(records.sources[i] as number) - 1] as string,
      loggedAt,
    };
    // The copy before it was published for the same attempt: this one was not meant.
    const isAgain = same !== undefined && entry.provenance !== 0 && same.provenance === entry.provenance;
    const isIntentional = provenance !== 0 && !isAgain;
    return {
      kind: isIntentional ? 'intentional' : same === undefined ? 'id_reuse' : 'duplicate',
      hash: hashBytes(records.hashes, i * 4),
      identity: clearTextOf(records, i),
      payload: records.payloads[i] as number,
      copy,
      previous,
      run: runs.add(copy, previous, () => findings.newRun()),
    };
  }
}

function writtenOf(entry: Entry): WrittenCopy {
  const { partition, offset, at, producerId, producerEpoch, sequence, transactional, edges } = entry;
  const producer = producerId === NO_PRODUCER ? null : { id: producerId, epoch: producerEpoch, sequence };
  return { partition, offset, at, producer, transactional, edges };
}

/** Tells whether an offset lies in one of the ranges; for ascending offsets. */
function rangesOf(ranges: readonly Interval[]): (offset: number) => boolean {
  if (ranges.length === 0) return () => false;
  let at = 0;
  return (offset) => {
    while (at < ranges.length && (ranges[at] as Interval).last < offset) at++;
    return at < ranges.length && (ranges[at] as Interval).first <= offset;
  };
}

function hashBytes(words: Uint32Array, at: number): Buffer {
  const bytes = Buffer.alloc(16);
  for (let i = 0; i < 4; i++) bytes.writeUInt32BE(words[at + i] as number, i * 4);
  return bytes;
}
