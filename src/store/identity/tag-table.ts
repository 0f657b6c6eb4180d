/**
 * The index in memory: for each identity 16 bits of its hash (the tag) and the row of its entry in the log, 6 bytes.
 * Two hash words choose two buckets of 16 slots, the tag tells the slots apart; what has the same tag is held against
 * the log by who asks.
 *
 * It grows without the hashes, which it does not hold: the address of a bucket is a base from a hash word, and above
 * it as many bits of the tag as the table was doubled. So a bucket is split by looking at its tags alone, a few buckets
 * with each new entry, in chunks of memory that are never copied. Each doubling takes a bit from what the tag tells
 * apart; with at most 5 of them 11 bits are left, and one look-up in 80 reads the log in vain (at 100M entries).
 *
 * Cost: 7.5 B an entry when full, up to 15 B right after a doubling.
 */

const BUCKET = 16;
const CHUNK_BITS = 13;
const CHUNK_BUCKETS = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_BUCKETS - 1;
const DOUBLINGS_MAX = 5;
/** Of the slots, so many are filled at most: fuller, buckets overflow. */
const LOAD = 0.8;
/** Buckets split with each new entry while the table grows: it is over after 1/64 of the entries. */
const SPLITS = 4;

/** Tells whether the entry of that row is still kept. */
export type IsLive = (row: number) => boolean;

export interface TableShape {
  base: number;
  level: number;
  split: number;
  used: number;
}

export class TagTable {
  readonly tags: Uint16Array[] = [];
  readonly rows: Uint32Array[] = [];
  /** Entries whose two buckets were full, by word and tag: few or none. */
  readonly overflow = new Map<number, number[]>();
  /** Filled slots, those of entries that are no longer kept included. */
  used = 0;
  /** Rows found by the last `find`. */
  readonly hits: number[] = [];
  private readonly base: number;
  private readonly lastLevel: number;
  private level = 0;
  /** Buckets below this are split to the next level. */
  private split = 0;
  private hand = 0;

  /**
   * @param capacity entries that it must hold at last
   * @param firstSlots slots that it begins with, at most
   */
  constructor(
    readonly capacity: number,
    firstSlots = 1 << 20,
    shape?: TableShape,
  ) {
    const slots = Math.max(BUCKET, Math.ceil(capacity / LOAD));
    const doublings = Math.ceil(Math.log2(slots / Math.max(BUCKET, firstSlots)));
    this.lastLevel = Math.min(DOUBLINGS_MAX, Math.max(0, doublings));
    this.base = Math.ceil(slots / BUCKET / 2 ** this.lastLevel);
    if (shape !== undefined) {
      this.level = shape.level;
      this.split = shape.split;
      this.used = shape.used;
    }
    this.allocate();
  }

  get shape(): TableShape {
    return { base: this.base, level: this.level, split: this.split, used: this.used };
  }

  get buckets(): number {
    return this.base * 2 ** this.level + this.split;
  }

  get bytes(): number {
    return this.tags.length * CHUNK_BUCKETS * BUCKET * 6;
  }

  /** A snapshot of that shape fits into this table. */
  fits(shape: TableShape): boolean {
    return shape.base === this.base && shape.level <= this.lastLevel;
  }

  /** Fills `hits` with the rows under that hash's tag; answers how many. */
  find(word0: number, word1: number, word2: number): number {
    const tag = tagOf(word2);
    const { hits } = this;
    hits.length = 0;
    const a = this.address(word0, tag);
    const b = this.address(word1, tag);
    this.collect(a, tag);
    if (b !== a) this.collect(b, tag);
    if (this.overflow.size > 0) {
      const more = this.overflow.get(keyOf(word0, tag));
      if (more !== undefined) hits.push(...more);
    }
    return hits.length;
  }

  /** Adds an entry; takes the slot of one that is not live where both buckets are full. */
  add(word0: number, word1: number, word2: number, row: number, isLive: IsLive): void {
    this.grow();
    const tag = tagOf(word2);
    const a = this.address(word0, tag);
    const b = this.address(word1, tag);
    const freeA = this.free(a);
    const freeB = b === a ? 0 : this.free(b);
    if (freeA > 0 || freeB > 0) {
      this.used++;
      this.fill(freeA >= freeB ? a : b, tag, row);
      return;
    }
    const dead = (other: number) => !isLive(other);
    if (this.put(a, tag, row, dead) || this.put(b, tag, row, dead)) return;
    const key = keyOf(word0, tag);
    const list = this.overflow.get(key);
    if (list === undefined) this.overflow.set(key, [row]);
    else list.push(row);
  }

  /** Puts a row in the place of another of the same hash. Answers false where that is not held. */
  replace(word0: number, word1: number, word2: number, old: number, row: number): boolean {
    const tag = tagOf(word2);
    const isOld = (other: number, held: number) => held === tag && other === old;
    if (this.put(this.address(word0, tag), tag, row, isOld)) return true;
    if (this.put(this.address(word1, tag), tag, row, isOld)) return true;
    const list = this.overflow.get(keyOf(word0, tag));
    const at = list?.indexOf(old) ?? -1;
    if (list === undefined || at < 0) return false;
    list[at] = row;
    return true;
  }

  /** Clears what is no longer live in the next so many slots. Answers true when a pass over the table ended. */
  sweep(slots: number, isLive: IsLive): boolean {
    const { buckets } = this;
    const end = Math.min(buckets, this.hand + Math.ceil(slots / BUCKET));
    for (; this.hand < end; this.hand++) {
      const tags = this.tags[this.hand >> CHUNK_BITS] as Uint16Array;
      const rows = this.rows[this.hand >> CHUNK_BITS] as Uint32Array;
      const from = (this.hand & CHUNK_MASK) * BUCKET;
      for (let i = from; i < from + BUCKET; i++) {
        if (tags[i] === 0 || isLive(rows[i] as number)) continue;
        tags[i] = 0;
        this.used--;
      }
    }
    if (this.hand < buckets) return false;
    this.hand = 0;
    for (const [key, list] of this.overflow) {
      const live = list.filter(isLive);
      if (live.length === 0) this.overflow.delete(key);
      else this.overflow.set(key, live);
    }
    return true;
  }

  private address(word: number, tag: number): number {
    const at = Math.floor(((word >>> 0) * this.base) / 0x1_0000_0000);
    const low = at + this.base * (tag & ((1 << this.level) - 1));
    return low >= this.split ? low : at + this.base * (tag & ((2 << this.level) - 1));
  }

  private collect(bucket: number, tag: number): void {
    const tags = this.tags[bucket >> CHUNK_BITS] as Uint16Array;
    const from = (bucket & CHUNK_MASK) * BUCKET;
    for (let i = from; i < from + BUCKET; i++) {
      if (tags[i] === tag) this.hits.push((this.rows[bucket >> CHUNK_BITS] as Uint32Array)[i] as number);
    }
  }

  private free(bucket: number): number {
    const tags = this.tags[bucket >> CHUNK_BITS] as Uint16Array;
    const from = (bucket & CHUNK_MASK) * BUCKET;
    let free = 0;
    for (let i = from; i < from + BUCKET; i++) if (tags[i] === 0) free++;
    return free;
  }

  /** Into the first free slot of a bucket that has one. */
  private fill(bucket: number, tag: number, row: number): void {
    const tags = this.tags[bucket >> CHUNK_BITS] as Uint16Array;
    let i = (bucket & CHUNK_MASK) * BUCKET;
    while (tags[i] !== 0) i++;
    tags[i] = tag;
    (this.rows[bucket >> CHUNK_BITS] as Uint32Array)[i] = row;
  }

  /** Into the first slot of the bucket that may be taken. */
  private put(
    bucket: number,
    tag: number,
    row: number,
    mayTake: (row: number, tag: number) => boolean,
  ): boolean {
    const tags = this.tags[bucket >> CHUNK_BITS] as Uint16Array;
    const rows = this.rows[bucket >> CHUNK_BITS] as Uint32Array;
    const from = (bucket & CHUNK_MASK) * BUCKET;
    for (let i = from; i < from + BUCKET; i++) {
      if (!mayTake(rows[i] as number, tags[i] as number)) continue;
      tags[i] = tag;
      rows[i] = row;
      return true;
    }
    return false;
  }

  private grow(): void {
    // What was begun is ended, so that no bucket waits long for its half.
    if (this.split === 0 && this.used < this.buckets * BUCKET * LOAD) return;
    for (let i = 0; i < SPLITS && this.level < this.lastLevel; i++) this.splitNext();
  }

  private splitNext(): void {
    const size = this.base * 2 ** this.level;
    const from = this.split;
    const to = from + size;
    this.split++;
    this.allocate();
    const tags = this.tags[from >> CHUNK_BITS] as Uint16Array;
    const rows = this.rows[from >> CHUNK_BITS] as Uint32Array;
    const newTags = this.tags[to >> CHUNK_BITS] as Uint16Array;
    const newRows = this.rows[to >> CHUNK_BITS] as Uint32Array;
    const at = (from & CHUNK_MASK) * BUCKET;
    const newAt = (to & CHUNK_MASK) * BUCKET;
    for (let i = 0; i < BUCKET; i++) {
      const tag = tags[at + i] as number;
      if (((tag >> this.level) & 1) === 0) continue;
      newTags[newAt + i] = tag;
      newRows[newAt + i] = rows[at + i] as number;
      tags[at + i] = 0;
    }
    if (this.split < size) return;
    this.level++;
    this.split = 0;
  }

  private allocate(): void {
    while (this.tags.length * CHUNK_BUCKETS < this.buckets) {
      this.tags.push(new Uint16Array(CHUNK_BUCKETS * BUCKET));
      this.rows.push(new Uint32Array(CHUNK_BUCKETS * BUCKET));
    }
  }
}

/** 0 marks an empty slot. */
function tagOf(word2: number): number {
  return word2 & 0xffff || 0xffff;
}

function keyOf(word0: number, tag: number): number {
  return (word0 >>> 0) * 0x1_0000 + tag;
}
