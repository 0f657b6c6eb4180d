/**
 * Small numbers for the blocks that are kept, so that a row fits 32 bits for ever: row = slot * 250 + place in the
 * block. Block numbers only grow; slots are used again.
 *
 * States of a slot: free -> live (its block is kept) -> resting (the block is given up, tags may still point here)
 * -> free, once the sweep has passed over the whole table since. So the 32 bits of a row never wrap: they bound the
 * blocks kept at a time, 4.29 thousand million entries.
 */
import { BLOCK_ENTRIES } from './block';

const SLOTS_MAX = Math.floor(2 ** 32 / BLOCK_ENTRIES);
const FREE = 0;

export class BlockSlots {
  /** Number of the block, 0 where none is kept. */
  block = new Float64Array(1_024);
  /** Its topic's row. */
  topic = new Int32Array(1_024);
  /** The oldest and the newest time in it, unix ms. */
  oldest = new Float64Array(1_024);
  newest = new Float64Array(1_024);
  /** Slots that were ever used. */
  length = 0;
  private free: number[] = [];
  /** Given up since the pass that is under way began, and in the pass before. */
  private resting: number[] = [];
  private rested: number[] = [];

  /** @param max artificial bound, for tests */
  constructor(private readonly max = SLOTS_MAX) {}

  /** Slots that tags of entries given up may point to. */
  get needsSweep(): boolean {
    return this.resting.length > 0 || this.rested.length > 0;
  }

  get bytes(): number {
    return this.block.byteLength + this.topic.byteLength + this.oldest.byteLength + this.newest.byteLength;
  }

  /** A slot for that block; throws where none is left. */
  take(block: number, topic: number): number {
    const slot = this.free.pop() ?? this.length++;
    if (slot >= this.max) throw new RangeError(`more than ${this.max} blocks of identities`);
    if (slot >= this.block.length) this.enlarge();
    this.block[slot] = block;
    this.topic[slot] = topic;
    this.oldest[slot] = Number.POSITIVE_INFINITY;
    this.newest[slot] = Number.NEGATIVE_INFINITY;
    return slot;
  }

  /** An entry of that time came into the block. */
  saw(slot: number, at: number): void {
    if (at < (this.oldest[slot] as number)) this.oldest[slot] = at;
    if (at > (this.newest[slot] as number)) this.newest[slot] = at;
  }

  giveUp(slot: number): void {
    this.block[slot] = FREE;
    this.resting.push(slot);
  }

  /** A pass of the sweep ended: no tag points any more to what had been given up when it began. */
  passed(): void {
    this.free.push(...this.rested);
    this.rested = this.resting;
    this.resting = [];
  }

  isLive(row: number): boolean {
    return this.block[Math.floor(row / BLOCK_ENTRIES)] !== FREE;
  }

  /** After the arrays were filled from a snapshot. */
  restored(length: number): void {
    this.length = length;
    for (let slot = 0; slot < length; slot++) if (this.block[slot] === FREE) this.resting.push(slot);
  }

  /** Room for at least so many. */
  enlarge(least = 0): void {
    const size = Math.max(this.block.length * 2, least);
    const grown = <T extends Float64Array | Int32Array>(from: T, to: T): T => {
      to.set(from as never);
      return to;
    };
    this.block = grown(this.block, new Float64Array(size));
    this.topic = grown(this.topic, new Int32Array(size));
    this.oldest = grown(this.oldest, new Float64Array(size));
    this.newest = grown(this.newest, new Float64Array(size));
  }
}
