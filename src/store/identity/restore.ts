/** Opens the index's memory: from the snapshot and what the log got since, or from the whole log. */
import { BLOCK_ENTRIES, countOf, decodeBlock, firstOrdinalOf, hashInto, payloadOf } from './block';
import type { IdentityLog } from './log';
import { IndexMemory } from './memory';
import { readSnapshot, type SnapshotHead } from './snapshot';
import { TagTable } from './tag-table';
import { TopicWindow, type WindowLimits } from './window';

export interface OpenOptions {
  capacity: number;
  seed: Uint8Array;
  /** Null: from the log alone. */
  snapshotPath: string | null;
  firstSlots: number | undefined;
  slotsMax: number | undefined;
}

/** Null where there is a snapshot that does not fit: damaged, of another store or capacity, or not of this log's past. */
export function openMemory(
  log: IdentityLog,
  options: OpenOptions,
  limitsOf: (topic: number) => WindowLimits,
): IndexMemory | null {
  const { capacity, firstSlots, slotsMax, snapshotPath } = options;
  const state = log.state();
  const snapshot = snapshotPath === null ? null : readSnapshot(snapshotPath);
  const head = snapshot?.head ?? null;
  if (head !== null && !isOfThis(head, options, state.turn)) return null;
  const empty = new TagTable(capacity, firstSlots);
  if (head !== null && !empty.fits(head.shape)) return null;
  const table = head === null ? empty : new TagTable(capacity, firstSlots, head.shape);
  const memory = new IndexMemory(log, table, state.turn, state.next_block, slotsMax);
  if (snapshot !== null && !snapshot.fill(memory)) return null;
  memory.openedFrom = head === null ? 'log' : 'snapshot';
  for (const row of log.windows()) memory.windows.set(row.topic, new TopicWindow(row, limitsOf(row.topic)));
  replay(log, memory, head);
  return gathered(memory) || head === null ? memory : null;
}

function isOfThis(head: SnapshotHead, { seed, capacity }: OpenOptions, turn: number): boolean {
  return head.seed === Buffer.from(seed).toString('hex') && head.capacity === capacity && head.turn <= turn;
}

/** Brings in what the snapshot may not have. */
function replay(log: IdentityLog, memory: IndexMemory, head: SnapshotHead | null): void {
  const { slots } = memory;
  const slotOf = new Map<number, number>();
  for (let slot = 0; slot < slots.length; slot++) {
    const block = slots.block[slot] as number;
    if (block === 0) continue;
    // Given up since.
    if (block < (memory.windows.get(slots.topic[slot] as number)?.row.firstBlock ?? Infinity))
      slots.giveUp(slot);
    else if (head !== null && (block >= head.nextBlock || head.tails.includes(block)))
      slotOf.set(block, slot);
  }
  const bring = (block: number, topic: number, blob: Buffer) => {
    const slot = slotOf.get(block) ?? slots.take(block, topic);
    memory.changed(slot);
    pointAll(memory, topic, slot, blob);
  };
  for (const block of [...slotOf.keys()].sort((a, b) => a - b)) {
    const blob = head !== null && block < head.nextBlock ? log.block(block) : undefined;
    if (blob !== undefined) bring(block, slots.topic[slotOf.get(block) as number] as number, blob);
  }
  for (const { block, topic, entries } of log.blocksFrom(head?.nextBlock ?? 0)) bring(block, topic, entries);
}

function pointAll(memory: IndexMemory, topic: number, slot: number, blob: Buffer): void {
  const words = new Uint32Array(4);
  const count = countOf(blob);
  const first = firstOrdinalOf(blob);
  const { entries } = decodeBlock(blob);
  for (let i = 0; i < count; i++) {
    hashInto(blob, i, words);
    memory.slots.saw(slot, entries[i]?.at ?? 0);
    memory.point(topic, words, slot * BLOCK_ENTRIES + i, first + i, payloadOf(blob, i));
  }
  memory.replayed += count;
}

/** Gives every topic its slots in the order of their blocks. False: they are not what the windows say. */
function gathered(memory: IndexMemory): boolean {
  const { slots, windows } = memory;
  for (let slot = 0; slot < slots.length; slot++) {
    if (slots.block[slot] === 0) continue;
    const window = windows.get(slots.topic[slot] as number);
    if (window === undefined) return false;
    window.slots.push(slot);
  }
  for (const window of windows.values()) {
    window.slots.sort((a, b) => (slots.block[a] as number) - (slots.block[b] as number));
    const { entries, tailBlock } = window.row;
    const last = window.slots.at(-1);
    if (Math.ceil(entries / BLOCK_ENTRIES) !== window.slots.length) return false;
    if (last !== undefined && slots.block[last] !== tailBlock) return false;
  }
  return true;
}
