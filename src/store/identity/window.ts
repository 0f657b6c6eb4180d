/**
 * How far back a topic's identities reach: by age and by number, and by the bound that all topics share. What a limit
 * takes is whole blocks, the oldest first; what is asked for is held against the limits entry by entry.
 *
 * Age is told by record times, against the topic's horizon: the newest record time, or while partitions are still
 * catching up the newest of the one that is furthest behind. So a topic that is read from its beginning has the same
 * window as one that is followed. A time that lies after the observer's clock counts as now.
 */
import { reachOf, type WindowReach } from '../../identity';
import { BLOCK_ENTRIES, type Block } from './block';

export interface WindowLimits {
  /** A copy is found when the copy before it is not older than this, in ms. Default 7 days. */
  ageMs: number;
  /** Identities kept of a topic. Default 10 million. */
  records: number;
}

export type EndedBy = 'age' | 'records' | 'memory';

/** How far back a topic's identities reach now. */
export interface EffectiveWindow {
  topic: number;
  entries: number;
  /** From the oldest entry to the horizon, in ms: copies this far apart are found. */
  reachMs: number;
  limits: WindowLimits;
  /** Which limit took the last entry given up; null: nothing was, all that was read is remembered. */
  endedBy: EndedBy | null;
  /** It reaches less far back than `limits.ageMs` says, because of a limit of number or memory. */
  shorter: boolean;
}

export interface WindowRow {
  topic: number;
  firstBlock: number;
  tailBlock: number;
  nextOrdinal: number;
  entries: number;
  oldestAt: number;
  horizonAt: number;
  endedBy: EndedBy | null;
}

interface Reading {
  newestAt: number;
  live: boolean;
}

/** One topic's part of the log. */
export class TopicWindow {
  /** Slots of its blocks, the oldest at `head`, the tail included. */
  slots: number[] = [];
  head = 0;
  /** The block that still grows; null before the first entry, and until it is needed after a start. */
  tail: Block | null = null;
  readonly partitions = new Map<number, Reading>();

  constructor(
    readonly row: WindowRow,
    public limits: WindowLimits,
  ) {}

  static empty(topic: number, limits: WindowLimits): TopicWindow {
    const none = { firstBlock: 0, tailBlock: 0, nextOrdinal: 0, entries: 0, oldestAt: 0, horizonAt: 0 };
    return new TopicWindow({ topic, ...none, endedBy: null }, limits);
  }

  get hasTail(): boolean {
    return this.slots.length > this.head;
  }

  /** Ordinal of the tail's first entry. Every block but the tail is full. */
  get tailOrdinal(): number {
    const { nextOrdinal, entries } = this.row;
    return nextOrdinal - (entries - (this.slots.length - this.head - 1) * BLOCK_ENTRIES);
  }

  /** The entry is near enough to the one of that ordinal, which is about to come. */
  holds(entry: { ordinal: number; at: number }, ordinal: number): boolean {
    return (
      ordinal - entry.ordinal <= this.limits.records && entry.at >= this.row.horizonAt - this.limits.ageMs
    );
  }

  /** The horizon once that partition has been read so far. Never goes back. */
  horizonAfter(partition: number, reading: Reading): number {
    let newest = reading.newestAt;
    let behind = reading.live ? Number.POSITIVE_INFINITY : reading.newestAt;
    for (const [other, { newestAt, live }] of this.partitions) {
      if (other === partition) continue;
      newest = Math.max(newest, newestAt);
      if (!live) behind = Math.min(behind, newestAt);
    }
    return Math.max(this.row.horizonAt, Math.min(newest, behind));
  }

  effective(): EffectiveWindow {
    const { topic, entries, oldestAt, horizonAt, endedBy } = this.row;
    const from = entries === 0 ? horizonAt : oldestAt;
    const { ageMs } = this.limits;
    const { reachMs, shorter } = reachOf({ oldestAt: from, horizonAt, ageMs, endedBy }) as WindowReach;
    return { topic, entries, reachMs, limits: this.limits, endedBy, shorter };
  }

  /** The slots in use, compacted now and then. */
  dropFirst(count: number): void {
    this.head += count;
    if (this.head > 1_024 && this.head * 2 > this.slots.length) {
      this.slots = this.slots.slice(this.head);
      this.head = 0;
    }
  }
}
