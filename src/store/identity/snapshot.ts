/**
 * The index's memory as a file beside the store, so that a start does not read the whole log. It is written a few
 * megabytes at a time between turns while the table changes: what the log got since the writing began is replayed at
 * the start, so the file needs not be of one moment. An entry that is missed or stands twice does no harm either: the
 * log decides what is known, the file only where to look.
 *
 *     chunk of tags, chunk of rows, ... | slots | JSON: head, overflow | u32 length of the JSON | u32 CRC-32 | magic
 *
 * A file that is cut, damaged, of another store, of another capacity or newer than the log is not used.
 */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { IndexMemory } from './memory';
import type { TableShape } from './tag-table';

const MAGIC = 'dupeidx1';
const TRAILER_BYTES = 16;

export interface SnapshotHead {
  /** Hex of the store's seed: whose it is. */
  seed: string;
  capacity: number;
  /** The log's turn when the writing began. */
  turn: number;
  /** Blocks from this on may be missing. */
  nextBlock: number;
  /** Blocks that still grew when the writing began. */
  tails: number[];
  shape: TableShape;
  chunks: number;
  slots: number;
  overflow: [number, number[]][];
}

export class SnapshotWriter {
  private readonly temporary: string;
  private readonly head: Pick<SnapshotHead, 'seed' | 'capacity' | 'turn' | 'nextBlock' | 'tails'>;
  private file: number;
  private chunk = 0;
  private crc = 0;

  constructor(
    private readonly path: string,
    seed: Uint8Array,
    private readonly memory: IndexMemory,
  ) {
    this.temporary = `${path}.new`;
    this.file = openSync(this.temporary, 'w');
    const tails = [...memory.windows.values()].filter((window) => window.hasTail);
    this.head = {
      seed: Buffer.from(seed).toString('hex'),
      capacity: memory.table.capacity,
      turn: memory.turn,
      nextBlock: memory.nextBlock,
      tails: tails.map(({ row }) => row.tailBlock),
    };
  }

  /** Writes about so many bytes on. True: it is complete and in its place. */
  step(bytes: number): boolean {
    const { table } = this.memory;
    for (let written = 0; this.chunk < table.tags.length; this.chunk++) {
      if (written >= bytes) return false;
      written += this.write(table.tags[this.chunk] as Uint16Array);
      written += this.write(table.rows[this.chunk] as Uint32Array);
    }
    this.end();
    return true;
  }

  /** Leaves nothing behind. */
  abandon(): void {
    closeSync(this.file);
    rmSync(this.temporary, { force: true });
  }

  private end(): void {
    const { slots, table } = this.memory;
    for (const column of [slots.block, slots.topic, slots.oldest, slots.newest]) {
      this.write(column.subarray(0, slots.length));
    }
    const head: SnapshotHead = {
      ...this.head,
      shape: table.shape,
      chunks: table.tags.length,
      slots: slots.length,
      overflow: [...table.overflow],
    };
    const json = Buffer.from(JSON.stringify(head));
    this.write(json);
    const trailer = Buffer.alloc(TRAILER_BYTES);
    trailer.writeUInt32LE(json.length, 0);
    trailer.writeUInt32LE(this.crc, 4);
    trailer.write(MAGIC, 8);
    writeSync(this.file, trailer);
    fsyncSync(this.file);
    closeSync(this.file);
    renameSync(this.temporary, this.path);
  }

  private write(column: ArrayBufferView): number {
    const bytes = bytesOf(column);
    this.crc = crc32(bytes, this.crc);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.file, bytes, at);
    return bytes.length;
  }
}

/** The snapshot's head when the file is whole, else null; `fill` then reads the rest. */
export function readSnapshot(
  path: string,
): { head: SnapshotHead; fill(memory: IndexMemory): boolean } | null {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return null;
  }
  try {
    const size = statSync(path).size;
    const trailer = Buffer.alloc(TRAILER_BYTES);
    if (
      size < TRAILER_BYTES ||
      readSync(file, trailer, 0, TRAILER_BYTES, size - TRAILER_BYTES) < TRAILER_BYTES
    ) {
      return null;
    }
    const length = trailer.readUInt32LE(0);
    const body = size - TRAILER_BYTES - length;
    if (trailer.toString('latin1', 8) !== MAGIC || body < 0) return null;
    const json = Buffer.alloc(length);
    readSync(file, json, 0, length, body);
    const head = JSON.parse(json.toString()) as SnapshotHead;
    return { head, fill: (memory) => fill(path, head, body, json, trailer.readUInt32LE(4), memory) };
  } catch {
    return null;
  } finally {
    closeSync(file);
  }
}

/** False where the file is not what its head and its sum say; the memory is of no use then. */
function fill(
  path: string,
  head: SnapshotHead,
  body: number,
  json: Buffer,
  sum: number,
  memory: IndexMemory,
): boolean {
  const { table, slots } = memory;
  if (table.tags.length !== head.chunks) return false;
  slots.enlarge(head.slots);
  const columns: ArrayBufferView[] = [];
  table.tags.forEach((tags, i) => {
    columns.push(tags, table.rows[i] as Uint32Array);
  });
  for (const column of [slots.block, slots.topic, slots.oldest, slots.newest]) {
    columns.push(column.subarray(0, head.slots));
  }
  if (columns.reduce((total, column) => total + column.byteLength, 0) !== body) return false;
  const file = openSync(path, 'r');
  try {
    let crc = 0;
    let from = 0;
    for (const column of columns) {
      const bytes = bytesOf(column);
      for (let at = 0; at < bytes.length; ) {
        const read = readSync(file, bytes, at, bytes.length - at, from);
        if (read === 0) return false;
        at += read;
        from += read;
      }
      crc = crc32(bytes, crc);
    }
    if (crc32(json, crc) !== sum) return false;
  } finally {
    closeSync(file);
  }
  for (const [key, rows] of head.overflow) table.overflow.set(key, rows);
  slots.restored(head.slots);
  return true;
}

function bytesOf(column: ArrayBufferView): Uint8Array {
  return new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
}
