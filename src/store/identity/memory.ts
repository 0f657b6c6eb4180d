/** What the index holds in memory, and how it asks the log for what the tags alone do not tell. */
import {
  BLOCK_ENTRIES,
  type Block,
  decodeBlock,
  type Entry,
  entryAt,
  firstOrdinalOf,
  hasHash,
  payloadOf,
} from './block';
import { BlockSlots } from './block-slots';
import type { IdentityLog } from './log';
import type { TagTable } from './tag-table';
import type { TopicWindow } from './window';

/** Messages under one identity with different payloads that are remembered: the latest. */
export const PAYLOADS_MAX = 4;
/** Blocks of the log held in memory, about 4 KB each. */
const CACHE_BLOCKS = 256;

export class IndexMemory {
  readonly slots: BlockSlots;
  readonly windows = new Map<number, TopicWindow>();
  private readonly cache = new Map<number, Buffer>();
  readonly isLive = (row: number): boolean => this.slots.isLive(row);

  /** How it was opened, and how many entries of the log had to be read for that. */
  openedFrom: 'snapshot' | 'log' = 'log';
  replayed = 0;

  constructor(
    private readonly log: IdentityLog,
    readonly table: TagTable,
    public turn: number,
    public nextBlock: number,
    slotsMax?: number,
  ) {
    this.slots = new BlockSlots(slotsMax);
  }

  get entries(): number {
    let entries = 0;
    for (const { row } of this.windows.values()) entries += row.entries;
    return entries;
  }

  /** Bytes of tags, rows and slots. */
  get bytes(): number {
    return this.table.bytes + this.slots.bytes;
  }

  /** Rows of that topic whose entry has the very hash. */
  matches(topic: number, words: Uint32Array, at: number): number[] {
    const { table, slots } = this;
    if (table.find(words[at] as number, words[at + 1] as number, words[at + 2] as number) === 0) return NONE;
    return table.hits.filter((row) => {
      const slot = Math.floor(row / BLOCK_ENTRIES);
      if (!slots.isLive(row) || slots.topic[slot] !== topic) return false;
      const cached = this.cached(slot);
      return cached !== null && hasHash(cached, row % BLOCK_ENTRIES, words, at);
    });
  }

  /** The entry of a row that `matches` told. */
  entry(row: number): Entry {
    return entryAt(this.cached(Math.floor(row / BLOCK_ENTRIES)) as Buffer, row % BLOCK_ENTRIES);
  }

  /** The topic's block that still grows. */
  tailOf(window: TopicWindow): Block | null {
    if (window.tail === null && window.hasTail) {
      const blob = this.log.block(window.row.tailBlock);
      if (blob !== undefined) window.tail = decodeBlock(blob);
    }
    return window.tail;
  }

  /** The block of that slot was written anew, or is another one now. */
  changed(slot: number): void {
    this.cache.delete(slot);
  }

  /**
   * Points to an entry of the log, in the place of an older one of the same payload, or of the oldest where the
   * identity has too many. For entries that come in the order of the log, however often.
   */
  point(topic: number, words: Uint32Array, row: number, ordinal: number, payload: number): void {
    const { table } = this;
    const older: { row: number; ordinal: number; payload: number }[] = [];
    for (const other of this.matches(topic, words, 0)) {
      const blob = this.cached(Math.floor(other / BLOCK_ENTRIES)) as Buffer;
      const place = other % BLOCK_ENTRIES;
      const known = { row: other, ordinal: firstOrdinalOf(blob) + place, payload: payloadOf(blob, place) };
      // Known already, or outdated by what is known.
      if (known.ordinal === ordinal || (known.payload === payload && known.ordinal > ordinal)) return;
      older.push(known);
    }
    older.sort((a, b) => a.ordinal - b.ordinal);
    const replaced =
      older.find((known) => known.payload === payload) ??
      (older.length >= PAYLOADS_MAX ? older[0] : undefined);
    const [w0, w1, w2] = words as unknown as [number, number, number];
    if (replaced !== undefined && replaced.ordinal > ordinal) return;
    if (replaced !== undefined) table.replace(w0, w1, w2, replaced.row, row);
    else table.add(w0, w1, w2, row, this.isLive);
  }

  private cached(slot: number): Buffer | null {
    const known = this.cache.get(slot);
    if (known !== undefined) return known;
    const blob = this.log.block(this.slots.block[slot] as number);
    if (blob === undefined) return null;
    if (this.cache.size >= CACHE_BLOCKS) this.cache.delete(this.cache.keys().next().value as number);
    this.cache.set(slot, blob);
    return blob;
  }
}

const NONE: number[] = [];
