/**
 * Partitions that a member has, with records to read, and nothing is committed: a hanging handler, refused commits, a
 * member that sends heartbeats alone. Told while it lasts, and when it is over.
 *
 *     going on --nothing committed for the limit--> stalled --a commit, or no member, or no lag--> going on
 *
 * A commit of the same offset again is none: Java's consumers commit where they stand every 5 s.
 */
import type { WatchedMember, WatchedStall } from '../../ledger';
import type { EndSamples } from './end-samples';
import type { Place } from './place';

/** Nothing is told of what is shorter; members that may take longer between two polls have their own limit. */
export const STALLED_MS = 60_000;
/** So few records at a log's end may be markers of transactions, which nobody commits behind. */
const MARKERS_MAX = 10;
/** What goes on is told again this often. */
const AGAIN_MS = 30_000;

interface Open {
  stall: WatchedStall;
  toldAt: number;
}

export class GroupStalls {
  private readonly open = new Map<string, Open>();
  private due: WatchedStall[] = [];

  constructor(private readonly limitMs: number) {}

  /** One round over all partitions whose offset stands. */
  look(places: Iterable<{ place: Place; committed: number; samples: EndSamples }>): void {
    const before = new Set(this.open.keys());
    for (const { place, committed, samples } of places) {
      const { topic, topicId, partition } = place;
      const key = JSON.stringify([place.group.name, topic, topicId, partition]);
      const known = this.open.get(key);
      const stall = this.stallOf(place, committed, samples);
      if (stall === null) continue;
      before.delete(key);
      // The same one, however the age of its first record is reckoned now.
      const since = known?.stall.since ?? stall.since;
      if (known !== undefined && stall.at - known.toldAt < AGAIN_MS) continue;
      const told = { ...stall, since };
      this.open.set(key, { stall: told, toldAt: stall.at });
      this.due.push(told);
    }
    const now = Date.now();
    for (const key of before) {
      const { stall } = this.open.get(key) as Open;
      this.open.delete(key);
      this.due.push({ ...stall, at: now, endedAt: now });
    }
  }

  /** What is to be stored since it was asked last. */
  drain(): WatchedStall[] {
    const { due } = this;
    this.due = [];
    return due;
  }

  private stallOf(place: Place, committed: number, samples: EndSamples): WatchedStall | null {
    const { group, topic, topicId, partition } = place;
    const { end, at } = samples;
    if (group.state !== 'live' || end === null || end <= committed) return null;
    // A topic that the group reads no more has offsets all the same, and nobody to commit them.
    const owner = group.ownerOf(topic, topicId, partition);
    if (owner === null) return null;
    const age = samples.ageOf(committed, at);
    const since = Math.max(place.movedAt, group.since, age === null ? samples.firstAt : at - age);
    const limitMs = limitOf(owner, this.limitMs);
    if (at - since < limitMs) return null;
    const records = end - committed;
    if (records <= MARKERS_MAX && (samples.endBefore(since) ?? end) >= end) return null;
    const { clientId, host } = owner;
    const found = { group: group.name, topic, topicId, partition, since, at, committed, records, limitMs };
    return { ...found, owner: { clientId, host }, endedAt: null };
  }
}

/** Java's max.poll.interval.ms stands there; kafkajs lets a rebalance wait so long for a handler. */
function limitOf({ rebalanceTimeoutMs }: WatchedMember, leastMs: number): number {
  return Math.max(leastMs, rebalanceTimeoutMs ?? 0);
}
