/**
 * What the windows give up: whole blocks, the oldest first. A topic that was silent for longer than its window has all
 * of it beyond its limits at the next record; dropping it at once would hold the writer for seconds (4 KB a block: 50M
 * identities are 800 MB). So a turn gives up little more than it writes, and what is left is given up between the turns
 * of observing. What waits for that is not found any more: what is asked for is held against the limits by itself.
 */
import { BLOCK_ENTRIES, type Block } from './block';
import type { IdentityLog } from './log';
import type { IndexMemory } from './memory';
import type { EndedBy, TopicWindow, WindowRow } from './window';

/** Blocks given up between two turns of observing: 125,000 identities, 2 MB. */
export const EXPIRE_BLOCKS = 500;
/** Of a turn: so many, and twice what it writes, so that a backlog shrinks whatever comes. */
const TURN_BLOCKS = 4;
const TURN_SHARE = 2;

interface GivenUp {
  window: TopicWindow;
  row: WindowRow;
  blocks: number;
}

export class Expiry {
  private readonly givenUp: GivenUp[] = [];

  /** @param left blocks that may be given up */
  constructor(
    private readonly memory: IndexMemory,
    private left: number,
  ) {}

  /** Of a turn that writes so many blocks. */
  static ofTurn(memory: IndexMemory, blocks: number): Expiry {
    return new Expiry(memory, TURN_BLOCKS + TURN_SHARE * blocks);
  }

  /** Counts that window's changes in `row`, and gives up what is beyond its limits. */
  ofTopic(window: TopicWindow, row: WindowRow): void {
    const own: GivenUp = { window, row, blocks: 0 };
    this.givenUp.push(own);
    this.beyondLimits(own);
  }

  /** Of all topics. */
  ofAll(): void {
    for (const window of this.memory.windows.values()) {
      if (this.left === 0) return;
      if (endedBy(this.memory, { window, row: window.row, blocks: 0 }) !== null) {
        this.beyondLimits(this.of(window));
      }
    }
  }

  /** The oldest of all while there are too many; before them what is beyond its topic's limits, and waits. */
  toCapacity(capacity: number): void {
    let over = this.entries() - capacity;
    if (over <= 0) return;
    const before = this.left;
    this.ofAll();
    over -= (before - this.left) * BLOCK_ENTRIES;
    while (over > 0 && this.left > 0) {
      const oldest = this.oldest();
      if (oldest === null) return;
      this.giveUpFirst(oldest, 'memory');
      over -= BLOCK_ENTRIES;
    }
  }

  get isEmpty(): boolean {
    return this.givenUp.every(({ blocks }) => blocks === 0);
  }

  /** First block of that window that stays; undefined: none but what the turn writes. */
  firstKept(window: TopicWindow): number | undefined {
    const blocks = this.givenUp.find((one) => one.window === window)?.blocks ?? 0;
    const slot = window.slots[window.head + blocks];
    return slot === undefined ? undefined : this.memory.slots.block[slot];
  }

  /** @param own the window that the turn writes to, and the first block that it writes; its row says its first block */
  write(log: IdentityLog, own?: { window: TopicWindow; block: Block | undefined }): void {
    const { slots } = this.memory;
    for (const { window, row, blocks } of this.givenUp) {
      for (let i = 0; i < blocks; i++) {
        log.drop(slots.block[window.slots[window.head + i] as number] as number);
      }
      const next = window.slots[window.head + blocks];
      const kept = next === undefined ? own?.block?.entries[0]?.at : slots.oldest[next];
      if (kept !== undefined && (blocks > 0 || row.oldestAt === 0)) row.oldestAt = kept;
      if (window !== own?.window) row.firstBlock = this.firstKept(window) as number;
      log.window(row, window.limits);
    }
  }

  /** After the commit. */
  apply(): void {
    const { memory } = this;
    for (const { window, row, blocks } of this.givenUp) {
      for (let i = 0; i < blocks; i++) {
        const slot = window.slots[window.head + i] as number;
        memory.slots.giveUp(slot);
        memory.changed(slot);
      }
      window.dropFirst(blocks);
      Object.assign(window.row, row);
    }
  }

  /** As many as are left in all, those that the turn writes included. */
  private entries(): number {
    let entries = this.memory.entries;
    for (const { window, row } of this.givenUp) entries += row.entries - window.row.entries;
    return entries;
  }

  private beyondLimits(one: GivenUp): void {
    while (this.left > 0) {
      const by = endedBy(this.memory, one);
      if (by === null) return;
      this.giveUpFirst(one, by);
    }
  }

  private giveUpFirst(one: GivenUp, by: EndedBy): void {
    this.left--;
    one.blocks++;
    one.row.entries -= BLOCK_ENTRIES;
    one.row.endedBy = by;
  }

  private of(window: TopicWindow): GivenUp {
    const begun = this.givenUp.find((one) => one.window === window);
    if (begun !== undefined) return begun;
    const fresh: GivenUp = { window, row: { ...window.row }, blocks: 0 };
    this.givenUp.push(fresh);
    return fresh;
  }

  /** The topic whose first block is the oldest of all. */
  private oldest(): GivenUp | null {
    let found: TopicWindow | null = null;
    let lowest = Number.POSITIVE_INFINITY;
    for (const window of this.memory.windows.values()) {
      const begun = this.givenUp.find((one) => one.window === window)?.blocks ?? 0;
      if (window.head + begun >= window.slots.length - 1) continue;
      const block = this.firstKept(window) as number;
      if (block < lowest) {
        lowest = block;
        found = window;
      }
    }
    return found === null ? null : this.of(found);
  }
}

/** Which limit the first block of the topic is beyond; null where it is still needed. The tail is never given up. */
function endedBy({ slots }: IndexMemory, { window, row, blocks }: GivenUp): EndedBy | null {
  const at = window.head + blocks;
  const slot = window.slots[at];
  if (slot === undefined || at >= window.slots.length - 1) return null;
  // Every block but the tail is full.
  const behind = (window.slots.length - 1 - at) * BLOCK_ENTRIES;
  const lastOrdinal = window.tailOrdinal - behind + BLOCK_ENTRIES - 1;
  if (row.nextOrdinal - lastOrdinal > window.limits.records) return 'records';
  return (slots.newest[slot] as number) < row.horizonAt - window.limits.ageMs ? 'age' : null;
}
