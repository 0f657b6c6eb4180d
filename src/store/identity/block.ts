/**
 * A block of the log: up to 250 entries of one topic as one blob, which fits a page of SQLite (at most about 4,050 B)
 * as long as an entry has 16.2 B. Of an entry are kept: 80 bits of its hash, 24 bits of its payload's hash, its time,
 * place, and its producer's id, epoch and sequence. Measured shares, B an entry: hash 10, payload 3, time 1 to 2,
 * where it stands in its record batch 0.02 to 0.25, the rest 0.1 (one producer at a time) to 4 (producers by turns, a
 * record each).
 *
 * 80 bits: over 100M identities held against 100M others two different ones meet by chance once in 10^8 such runs; a
 * false `duplicate` needs the payload's 24 bits too. A finding holds all 128.
 *
 *     0  u8   format: how the edges of record batches are written, see batch-edges
 *     1  u8   n
 *     2  f64  ordinal of the first entry: its number among all entries of the topic
 *    10  f64  time of the first entry, unix ms
 *    18  n times 10 B hash (its words 0 and 1, half of word 2), n times 3 B payload
 *        the edges
 *        n times signed varint: time after the entry before
 *        varint producers, each varint id, varint epoch
 *        runs, until n entries: varint entries, varint marks, then what the marks say
 */
import { decodeEdges, EDGE_RUNS, encodeEdges, WITHOUT_EDGES } from './batch-edges';

export const BLOCK_ENTRIES = 250;
const HEAD = 18;
export const HASH_BYTES = 10;
const PAYLOAD_BYTES = 3;
export const PAYLOAD_MASK = 0xffffff;
/** Nobody wrote so: no producer id. */
export const NO_PRODUCER = -1;

const TRANSACTIONAL = 1;
const OTHER_PARTITION = 2;
const OFFSET_JUMP = 4;
const HAS_PRODUCER = 8;
const SEQUENCE_JUMP = 16;
const HAS_PROVENANCE = 32;

/** An entry but for its hash. */
export interface Entry {
  ordinal: number;
  partition: number;
  offset: number;
  /** Unix ms, an integer. */
  at: number;
  /** 24 bits. */
  payload: number;
  /** NO_PRODUCER where the producer is not idempotent. */
  producerId: number;
  producerEpoch: number;
  sequence: number;
  transactional: boolean;
  /** EDGE_FIRST, EDGE_LAST: its place in its record batch; null where that is not known. */
  edges: number | null;
  /** What its provenance headers say, in 16 bits; 0 where it has none. */
  provenance: number;
}

/** A block that still grows, or is read. */
export class Block {
  readonly entries: Entry[] = [];
  readonly hashes: Buffer;

  constructor(readonly firstOrdinal: number) {
    this.hashes = Buffer.alloc(BLOCK_ENTRIES * HASH_BYTES);
  }

  get isFull(): boolean {
    return this.entries.length === BLOCK_ENTRIES;
  }

  /** @param words of the hash, from `at` */
  add(words: Uint32Array, at: number, entry: Entry): void {
    const from = this.entries.length * HASH_BYTES;
    this.hashes.writeUInt32LE(words[at] as number, from);
    this.hashes.writeUInt32LE(words[at + 1] as number, from + 4);
    this.hashes.writeUInt16LE((words[at + 2] as number) & 0xffff, from + 8);
    this.entries.push(entry);
  }

  copy(): Block {
    const copy = new Block(this.firstOrdinal);
    this.hashes.copy(copy.hashes);
    copy.entries.push(...this.entries);
    return copy;
  }
}

/** Whether entry i of that blob has the hash that begins at `at`. */
export function hasHash(blob: Buffer, i: number, words: Uint32Array, at: number): boolean {
  if (i >= (blob[1] as number)) return false;
  const from = HEAD + i * HASH_BYTES;
  return (
    blob.readUInt32LE(from) === words[at] &&
    blob.readUInt32LE(from + 4) === words[at + 1] &&
    blob.readUInt16LE(from + 8) === ((words[at + 2] as number) & 0xffff)
  );
}

/** The 24 bits of entry i's payload. */
export function payloadOf(blob: Buffer, i: number): number {
  return blob.readUIntLE(HEAD + (blob[1] as number) * HASH_BYTES + i * PAYLOAD_BYTES, PAYLOAD_BYTES);
}

/** How many entries the blob holds; throws on a format that is not known. */
export function countOf(blob: Buffer): number {
  const n = blob[1] ?? 0;
  const least = HEAD + n * (HASH_BYTES + PAYLOAD_BYTES);
  const format = blob[0] ?? 0;
  if (format < WITHOUT_EDGES || format > EDGE_RUNS || n < 1 || n > BLOCK_ENTRIES || blob.length < least) {
    throw new RangeError('not a block of the identity log');
  }
  return n;
}

export function firstOrdinalOf(blob: Buffer): number {
  return blob.readDoubleLE(2);
}

/** Copies the hash of entry i into `words` (its low 16 bits of word 2). */
export function hashInto(blob: Buffer, i: number, words: Uint32Array): void {
  const from = HEAD + i * HASH_BYTES;
  words[0] = blob.readUInt32LE(from);
  words[1] = blob.readUInt32LE(from + 4);
  words[2] = blob.readUInt16LE(from + 8);
}

export function encodeBlock(block: Block): Buffer {
  const { entries, hashes } = block;
  const n = entries.length;
  // The worst a varint can need, 10 B, for every field of every entry, would be 20 times what is used.
  const out = new Bytes(HEAD + n * (HASH_BYTES + PAYLOAD_BYTES) + 1_024);
  const { format, bytes } = encodeEdges(entries.map(({ edges }) => edges));
  out.bytes[0] = format;
  out.bytes[1] = n;
  out.bytes.writeDoubleLE(block.firstOrdinal, 2);
  out.bytes.writeDoubleLE(entries[0]?.at ?? 0, 10);
  hashes.copy(out.bytes, HEAD, 0, n * HASH_BYTES);
  out.at = HEAD + n * HASH_BYTES;
  for (const { payload } of entries) out.at = out.bytes.writeUIntLE(payload, out.at, PAYLOAD_BYTES);
  out.bytes.set(bytes, out.at);
  out.at += bytes.length;
  let before = entries[0]?.at ?? 0;
  for (const { at } of entries) {
    out.signed(at - before);
    before = at;
  }
  const producers = producersOf(entries);
  out.unsigned(producers.length);
  for (const { producerId, producerEpoch } of producers) {
    out.unsigned(producerId);
    out.unsigned(producerEpoch);
  }
  encodeRuns(out, entries, producers);
  return Buffer.from(out.bytes.subarray(0, out.at));
}

/** All entries of a blob. */
export function decodeBlock(blob: Buffer): Block {
  const n = countOf(blob);
  const block = new Block(firstOrdinalOf(blob));
  blob.copy(block.hashes, 0, HEAD, HEAD + n * HASH_BYTES);
  const places = placesOf(blob, n);
  for (const run of places.runs) {
    for (let i = run.first; i < run.first + run.count; i++) block.entries.push(entryIn(blob, run, places, i));
  }
  return block;
}

/** Entry i of a blob alone. */
export function entryAt(blob: Buffer, i: number): Entry {
  const places = placesOf(blob, countOf(blob));
  return entryIn(blob, places.runs.find(({ first, count }) => i < first + count) as Run, places, i);
}

/** The lowest offset of that partition in the blob; null: it has none of it. */
export function firstOffsetIn(blob: Buffer, partition: number): number | null {
  const { runs } = placesOf(blob, countOf(blob));
  return runs.find((run) => run.partition === partition)?.offset ?? null;
}

/** Which entry of the blob stands at that place; null: none. */
export function entryOf(blob: Buffer, partition: number, offset: number): number | null {
  const { runs } = placesOf(blob, countOf(blob));
  const run = runs.find(
    (one) => one.partition === partition && one.offset <= offset && offset < one.offset + one.count,
  );
  return run === undefined ? null : run.first + offset - run.offset;
}

/** Entries that follow each other as expected: the first of them in full. */
interface Run {
  first: number;
  count: number;
  partition: number;
  offset: number;
  by: Producer;
  sequence: number;
  transactional: boolean;
  provenance: number;
}

interface Places {
  times: number[];
  edges: (number | null)[];
  runs: Run[];
}

interface Producer {
  producerId: number;
  producerEpoch: number;
}

const NOBODY: Producer = { producerId: NO_PRODUCER, producerEpoch: -1 };

function entryIn(blob: Buffer, run: Run, places: Places, i: number): Entry {
  return {
    ordinal: firstOrdinalOf(blob) + i,
    partition: run.partition,
    offset: run.offset + i - run.first,
    at: places.times[i] as number,
    payload: payloadOf(blob, i),
    producerId: run.by.producerId,
    producerEpoch: run.by.producerEpoch,
    sequence: run.by === NOBODY ? -1 : run.sequence + i - run.first,
    transactional: run.transactional,
    edges: places.edges[i] as number | null,
    provenance: run.provenance,
  };
}

/** What stands behind the hashes: the times of all entries, and the runs in which they came. */
function placesOf(blob: Buffer, n: number): Places {
  const begin = HEAD + n * (HASH_BYTES + PAYLOAD_BYTES);
  const { edges, size } = decodeEdges(blob[0] as number, blob, begin, n);
  const input = new Bytes(blob, begin + size);
  const times = new Array<number>(n);
  let at = blob.readDoubleLE(10);
  for (let i = 0; i < n; i++) {
    at += input.takeSigned();
    times[i] = at;
  }
  const producers = Array.from({ length: input.take() }, (): Producer => {
    const producerId = input.take();
    return { producerId, producerEpoch: input.take() };
  });
  const last = new Predictions();
  const runs: Run[] = [];
  let partition = 0;
  for (let first = 0; first < n; ) {
    const count = input.take();
    const marks = input.take();
    if (count < 1 || first + count > n) throw new RangeError('a block of the identity log is damaged');
    if (marks & OTHER_PARTITION) partition = input.take();
    const offset = last.offset(partition) + (marks & OFFSET_JUMP ? input.takeSigned() : 0);
    const producer = marks & HAS_PRODUCER ? input.take() : NO_PRODUCER;
    const by = producers[producer] ?? NOBODY;
    let sequence = -1;
    if (by !== NOBODY) {
      sequence = last.sequence(producer, partition) + (marks & SEQUENCE_JUMP ? input.takeSigned() : 0);
    }
    const provenance = marks & HAS_PROVENANCE ? input.take() : 0;
    runs.push({
      first,
      count,
      partition,
      offset,
      by,
      sequence,
      transactional: (marks & TRANSACTIONAL) !== 0,
      provenance,
    });
    last.set(partition, offset + count, producer, sequence + count);
    first += count;
  }
  return { times, edges, runs };
}

function encodeRuns(
  out: Bytes,
  entries: readonly Entry[],
  producers: readonly { producerId: number; producerEpoch: number }[],
): void {
  const last = new Predictions();
  let partition = 0;
  for (let i = 0; i < entries.length; ) {
    const entry = entries[i] as Entry;
    let end = i + 1;
    while (end < entries.length && follows(entries[end - 1] as Entry, entries[end] as Entry)) end++;
    const producer = producers.findIndex((one) => isBy(one, entry));
    const offsetStep = entry.offset - last.offset(entry.partition);
    const sequenceStep = producer < 0 ? 0 : entry.sequence - last.sequence(producer, entry.partition);
    out.unsigned(end - i);
    out.unsigned(
      (entry.transactional ? TRANSACTIONAL : 0) |
        (entry.partition !== partition ? OTHER_PARTITION : 0) |
        (offsetStep !== 0 ? OFFSET_JUMP : 0) |
        (producer >= 0 ? HAS_PRODUCER : 0) |
        (sequenceStep !== 0 ? SEQUENCE_JUMP : 0) |
        (entry.provenance !== 0 ? HAS_PROVENANCE : 0),
    );
    if (entry.partition !== partition) out.unsigned(entry.partition);
    if (offsetStep !== 0) out.signed(offsetStep);
    if (producer >= 0) out.unsigned(producer);
    if (sequenceStep !== 0) out.signed(sequenceStep);
    if (entry.provenance !== 0) out.unsigned(entry.provenance);
    partition = entry.partition;
    const count = end - i;
    last.set(partition, entry.offset + count, producer, entry.sequence + count);
    i = end;
  }
}

/** The next entry is what the one before lets expect. */
function follows(a: Entry, b: Entry): boolean {
  return (
    b.partition === a.partition &&
    b.offset === a.offset + 1 &&
    isBy(a, b) &&
    b.transactional === a.transactional &&
    b.provenance === a.provenance &&
    (a.producerId === NO_PRODUCER || b.sequence === a.sequence + 1)
  );
}

function isBy(one: { producerId: number; producerEpoch: number }, entry: Entry): boolean {
  return one.producerId === entry.producerId && one.producerEpoch === entry.producerEpoch;
}

function producersOf(entries: readonly Entry[]): { producerId: number; producerEpoch: number }[] {
  const producers: Entry[] = [];
  for (const entry of entries) {
    if (entry.producerId === NO_PRODUCER) continue;
    if (!producers.some((one) => isBy(one, entry))) producers.push(entry);
  }
  return producers;
}

/** What comes next in each partition, and of each producer in it. */
class Predictions {
  private readonly offsets = new Map<number, number>();
  private readonly sequences = new Map<string, number>();

  offset(partition: number): number {
    return this.offsets.get(partition) ?? 0;
  }

  sequence(producer: number, partition: number): number {
    return this.sequences.get(`${producer}/${partition}`) ?? 0;
  }

  set(partition: number, offset: number, producer: number, sequence: number): void {
    this.offsets.set(partition, offset);
    if (producer >= 0) this.sequences.set(`${producer}/${partition}`, sequence);
  }
}

/** Varints of safe integers, seven bits a byte, the lowest first. */
class Bytes {
  constructor(
    size: number | Buffer,
    public at = 0,
  ) {
    this.bytes = typeof size === 'number' ? Buffer.allocUnsafe(size) : size;
  }

  bytes: Buffer;

  unsigned(value: number): void {
    if (this.at + 10 > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(4_096)]);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.at++] = rest;
  }

  /** The sign is the lowest bit of the first byte, so that every safe integer fits. */
  signed(value: number): void {
    const size = Math.abs(value);
    const rest = Math.floor(size / 0x40);
    if (this.at + 10 > this.bytes.length) this.bytes = Buffer.concat([this.bytes, Buffer.alloc(4_096)]);
    this.bytes[this.at++] = (value < 0 ? 1 : 0) | (((size % 0x40) << 1) & 0x7e) | (rest > 0 ? 0x80 : 0);
    if (rest > 0) this.unsigned(rest);
  }

  take(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.bytes[this.at++];
      if (byte === undefined || scale > 2 ** 56)
        throw new RangeError('a block of the identity log is damaged');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  takeSigned(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError('a block of the identity log is damaged');
    const size = ((byte & 0x7e) >> 1) + (byte >= 0x80 ? this.take() * 0x40 : 0);
    return byte & 1 ? -size : size;
  }
}
