/**
 * What each group has committed, kept up with commit by commit, and the rewinds that follow from it. A commit of
 * kafkajs's -1 or -2 waits until it is known where it led to (`resolve`).
 */
import type {
  OpenRewind,
  RewindFacts,
  RewindFollowed,
  RewindFound,
  SourcePlace,
  StartedOver,
} from '../../ledger';
import type { CommitValue } from '../offsets/commit-value';
import type { BatchHeader, RecordPlace } from '../offsets/record-batch';
import { forgetWaiting, type PartitionState } from './log-partition';
import type { Place, Reset } from './place';

/** kafkajs's default assignor, of no other client. */
const KAFKAJS_ASSIGNOR = 'RoundRobinAssigner';

interface Lowered {
  from: number;
  to: number;
  at: number;
  source: SourcePlace | null;
  resetTo?: number | null;
  bounds?: RewindFacts['bounds'];
  topicIdBefore?: string | null;
  /** Told later than it was: as it was then. */
  then?: Partial<RewindFacts>;
}

const NOBODY_KNOWN = {
  state: 'unknown',
  since: null,
  stateBefore: 'unknown',
  generation: null,
  members: 0,
  owner: null,
} as const;

export class Committed {
  /** Places to be stored. */
  private changed: Place[] = [];
  private readonly resets = new Set<Reset>();
  private rewinds: RewindFound[] = [];
  private followed: RewindFollowed[] = [];

  /** @param retentionMs offsets.retention.minutes of the brokers, in ms; null: not known */
  constructor(private readonly retentionMs: number | null) {}

  get hasRewinds(): boolean {
    return this.rewinds.length > 0;
  }

  /** A stored place is known again. */
  restored(place: Place): void {
    if (place.reset !== null) this.resets.add(place.reset);
  }

  /** Commits of -1 and -2 whose meaning is to be asked of the topic's log. */
  pendingResets(): readonly Reset[] {
    return [...this.resets];
  }

  /** What `value` says is committed now. */
  commit(state: PartitionState, place: Place, bytes: Buffer, value: CommitValue, sourceOffset: number): void {
    const topicIdBefore = place.topicId;
    if (value.topicIdAt >= 0) place.learnTopicId(bytes, value.topicIdAt);
    place.learnMetadata(bytes, value);
    place.leaderEpoch = value.leaderEpoch;
    this.set(state, place, value.offset, value.at, topicIdBefore, sourceOffset);
    place.sourceOffset = sourceOffset;
  }

  /** A marker: what the transaction committed counts now, where nothing newer was committed meanwhile. */
  endTransaction(
    state: PartitionState,
    bytes: Buffer,
    header: BatchHeader,
    record: RecordPlace,
    isNew: boolean,
  ): void {
    const transaction = state.open.get(header.producerId);
    state.open.delete(header.producerId);
    // int16 version | int16 type: 0 aborts, 1 commits.
    const commits = record.keyEnd - record.keyStart >= 4 && bytes.readInt16BE(record.keyStart + 2) === 1;
    if (transaction === undefined || !isNew || !commits) return;
    for (const waiting of transaction.commits) {
      const { place, sourceOffset } = waiting;
      if (sourceOffset < place.sourceOffset) continue;
      const topicIdBefore = place.topicId;
      if (waiting.topicId !== null) place.learnTopicId(waiting.topicId, 0);
      place.metadata = waiting.metadata;
      place.leaderEpoch = waiting.leaderEpoch;
      this.set(state, place, waiting.offset, record.at, topicIdBefore, record.offset);
      place.sourceOffset = sourceOffset;
    }
  }

  /** @param foundAt the record that makes it count: the commit's own, or its transaction's marker */
  private set(
    state: PartitionState,
    place: Place,
    offset: number,
    at: number,
    topicIdBefore: string | null,
    foundAt: number,
  ): void {
    const quiet = foundAt < state.quietBelow;
    if (offset < 0) {
      if (!quiet && place.offset >= 0) this.reset(place, offset, at, foundAt);
    } else {
      const { reset } = place;
      const startedOver = quiet || offset < place.offset ? null : startOver(place, offset, topicIdBefore);
      if (place.lowered !== null) this.follow(place, place.lowered, offset, at);
      if (offset < place.offset && !quiet) {
        // It follows from the reset before it, whose answer is awaited and tells why.
        if (reset !== null && !reset.passed) reset.lower = { to: offset, at, topicIdBefore };
        else {
          const source = { partition: state.partition, offset: foundAt };
          this.lowered(place, { from: place.offset, to: offset, at, source, topicIdBefore });
        }
      }
      // At or above: the reset may have led below all the same, its answer is awaited.
      if (place.reset !== null) place.reset.passed = true;
      if (offset !== place.offset) place.movedAt = at;
      if (startedOver !== null) {
        this.reset(place, -2, at, foundAt);
        Object.assign(place.reset as Reset, { startedOver, passed: true });
      }
      place.offset = offset;
    }
    place.at = at;
    place.goneAt = 0;
    place.commits++;
    this.touch(place);
  }

  /** The place's offset was taken away. */
  tombstone(state: PartitionState, place: Place, record: RecordPlace): void {
    forgetWaiting(state, place);
    if (place.offset < 0 || place.goneAt !== 0) return;
    const { state: life, since } = place.group;
    place.goneAt = record.at;
    // As the broker reckons: since the last member left, else since the commit.
    place.idleMs = Math.max(0, record.at - (life === 'empty' && since > 0 ? since : place.at));
    place.sourceOffset = record.offset;
    this.touch(place);
  }

  /**
   * Where the log of that topic's partition begins and ends now: decides where kafkajs's -1 or -2 led to, and where a
   * group began that had lost its offsets.
   * @param endThen where the log had ended before that group had members again; null: not known
   */
  resolve(reset: Reset, bounds: { start: number; end: number } | null, endThen: number | null = null): void {
    const { place, from, at, startedOver, lower } = reset;
    if (!this.resets.delete(reset)) return;
    place.reset = null;
    this.touch(place);
    if (startedOver !== undefined) {
      if (bounds !== null && endThen !== null) this.readAgain(reset, startedOver, bounds, endThen);
      return;
    }
    const edge = bounds === null ? from : reset.to === -2 ? bounds.start : bounds.end;
    const to = lower === undefined ? edge : Math.min(edge, lower.to);
    if (to >= from) return;
    const source = { partition: place.sourcePartition, offset: reset.sourceOffset };
    const topicIdBefore = lower?.topicIdBefore ?? null;
    this.lowered(place, { from, to, at, source, resetTo: reset.to, bounds, topicIdBefore });
    if (!reset.passed) place.offset = to;
    if (lower !== undefined && place.lowered !== null) this.follow(place, place.lowered, lower.to, lower.at);
  }

  /**
   * From the start, where it cannot have begun at the end: that would have been at `endThen` or above, and what is first
   * committed no lower. At `endThen` itself, clients commit that commit a place which they began at.
   */
  private readAgain(
    { place, from, at, sourceOffset }: Reset,
    { committed, handledAlone, committedAt, goneAt, idleMs }: StartedOver,
    bounds: { start: number; end: number },
    endThen: number,
  ): void {
    if (bounds.start >= from || committed > endThen || (committed === endThen && !handledAlone)) return;
    const source = { partition: place.sourcePartition, offset: sourceOffset };
    const then = { committedAt, goneAt, idleMs, startedOver: { committed, logEnd: endThen } };
    this.lowered(place, { from, to: bounds.start, at, source, bounds, then });
    if (place.lowered !== null) this.follow(place, place.lowered, committed, at);
  }

  private reset(place: Place, to: number, at: number, sourceOffset: number): void {
    this.forgetReset(place);
    place.reset = { place, to, from: place.offset, at, sourceOffset, passed: false };
    this.resets.add(place.reset);
  }

  private forgetReset(place: Place): void {
    if (place.reset !== null) this.resets.delete(place.reset);
    place.reset = null;
  }

  /** A place was committed at a lower offset. */
  lowered(place: Place, found: Lowered): void {
    const { from, to, at, source } = found;
    const { group } = place;
    const owner = group.ownerOf(place.topic, place.topicId, place.partition);
    const facts: RewindFacts = {
      resetTo: found.resetTo ?? null,
      bounds: found.bounds ?? null,
      committedAt: place.at === 0 ? null : place.at,
      goneAt: place.goneAt === 0 ? null : place.goneAt,
      idleMs: place.goneAt === 0 ? null : place.idleMs,
      groupGoneAt: group.goneAt,
      topicIdBefore: found.topicIdBefore ?? place.topicId,
      topicId: place.topicId,
      state: group.state,
      since: group.since === 0 ? null : group.since,
      stateBefore: group.stateBefore,
      generation: group.generation,
      members: group.memberCount,
      owner: owner === null ? null : { memberId: owner.memberId, clientId: owner.clientId, host: owner.host },
      retentionMs: this.retentionMs,
      seenBy: source === null ? 'poll' : 'log',
      // Who is in the group is not known while it is only asked for: what the log last told may be long past.
      ...(source === null ? NOBODY_KNOWN : {}),
      ...found.then,
    };
    const { topic, topicId, partition } = place;
    place.lowered = source === null ? null : { source, from, followed: false };
    this.rewinds.push({ group: group.name, topic, topicId, partition, at, from, to, source, facts });
  }

  /** The group commits again after a rewind. */
  private follow(place: Place, lowered: OpenRewind, offset: number, at: number): void {
    const recovered = offset >= lowered.from;
    if (lowered.followed && !recovered) return;
    const { topic, topicId, partition } = place;
    this.followed.push({
      group: place.group.name,
      topic,
      topicId,
      partition,
      source: lowered.source,
      nextAt: at,
      recoveredAt: recovered ? at : null,
    });
    place.lowered = recovered ? null : { ...lowered, followed: true };
  }

  /** It is to be stored. */
  touch(place: Place): void {
    if (place.changed) return;
    place.changed = true;
    this.changed.push(place);
  }

  /** What is to be stored since it was asked last. */
  drain(): { offsets: ReturnType<Place['snapshot']>[]; rewinds: RewindFound[]; followed: RewindFollowed[] } {
    const { changed, rewinds, followed } = this;
    const offsets = changed.map((place) => place.snapshot());
    for (const place of changed) {
      place.changed = false;
      place.commits = 0;
    }
    this.changed = [];
    this.rewinds = [];
    this.followed = [];
    return { offsets, rewinds, followed };
  }
}

/** What is to be asked of a commit that is not lower than what had been taken away before; null: nothing. */
function startOver(place: Place, committed: number, topicIdBefore: string | null): StartedOver | null {
  const { group, goneAt, idleMs, at } = place;
  // Members that were there all along went on from where they were, and a tool sets what it wants.
  if (goneAt === 0 || group.state !== 'live' || group.since < goneAt) return null;
  if (place.topicId !== topicIdBefore) return null;
  const handledAlone = group.assignor === KAFKAJS_ASSIGNOR;
  return { committed, joinedAt: group.since, handledAlone, committedAt: at, goneAt, idleMs };
}
