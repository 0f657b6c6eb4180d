/**
 * The offsets log, record by record, made into states of groups and offsets and into rewinds. No request is sent
 * here: same records, same answer, however they are cut into answers of fetches.
 *
 * A commit within a transaction counts from its COMMIT marker on, and only where nothing newer was committed in the
 * meantime, as in the group's coordinator. What waits for its marker is read again after a restart: `resume`
 * stays at the first such record, and what lies below `next` is not applied twice.
 *
 * The hot path is `record`: a commit takes 2 us of CPU in all, fetch and store included (bench/group-watcher.js), because a known key
 * costs a hash and a comparison, and a value no object.
 */
import type {
  OpenRewind,
  RewindFacts,
  RewindFollowed,
  RewindFound,
  SourcePlace,
  StartedOver,
  WatchBatch,
  WatchedState,
} from '../../ledger';
import { CommitValue, readCommit } from '../offsets/commit-value';
import { readConsumerMember, readGroupEpoch, readMemberAssignment } from '../offsets/consumer-group';
import { readClassicGroup } from '../offsets/group-value';
import { readKey } from '../offsets/key';
import { KeyTable } from '../offsets/key-table';
import type { BatchHeader, RecordPlace } from '../offsets/record-batch';
import { GroupLife } from './group-life';
import { METADATA_MAX, Place, type Reset } from './place';

/** Stands for a partition of the log where an offset was asked for. */
const POLLED = -1;

export interface OffsetsLogOptions {
  /** Committed offsets are asked for, no record is read. */
  polling: boolean;
  /** Which groups are watched. */
  watches: (group: string) => boolean;
  /** offsets.retention.minutes of the brokers, in ms; null: not known. */
  retentionMs: number | null;
}

/** Records that were not used, and why. Counted since the start. */
export interface SkippedRecords {
  /** Keys and values of kinds and versions that are not looked at: share groups, streams groups, what is to come. */
  unknown: number;
  /** Bytes that are not what their version says. */
  unreadable: number;
}

interface Waiting {
  place: Place;
  offset: number;
  leaderEpoch: number;
  metadata: string;
  topicId: Buffer | null;
  at: number;
  sourceOffset: number;
}

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

interface Transaction {
  first: number;
  commits: Waiting[];
}

interface PartitionState {
  partition: number;
  /** The next record to apply, and what stands in the store of it. */
  next: number;
  stored: number | null;
  /** Open transactions by producer id. */
  open: Map<number, Transaction>;
  /** Read anew after the log was cut: nothing below counts as a rewind. */
  quietBelow: number;
}

const NOBODY_KNOWN = {
  state: 'unknown',
  since: null,
  stateBefore: 'unknown',
  generation: null,
  members: 0,
  owner: null,
} as const;

export class OffsetsLog {
  readonly skipped: SkippedRecords = { unknown: 0, unreadable: 0 };
  /** Of these, handed to the store. */
  private told: SkippedRecords = { unknown: 0, unreadable: 0 };
  /** Records applied since the start. */
  records = 0;
  private readonly partitions = new Map<number, PartitionState>();
  private readonly keys = new KeyTable<Place | null>();
  private readonly groups = new Map<string, GroupLife>();
  private readonly places = new Map<string, Place>();
  /** Of each group, where offsets are asked for. */
  private readonly polledPlaces = new Map<string, Set<Place>>();
  private readonly changed: Place[] = [];
  private readonly changedGroups = new Set<GroupLife>();
  private readonly resets = new Set<Reset>();
  private rewinds: RewindFound[] = [];
  private followed: RewindFollowed[] = [];
  private readonly value = new CommitValue();

  constructor(
    readonly options: OffsetsLogOptions,
    stored: WatchedState,
  ) {
    for (const { partition, next } of stored.positions) {
      this.partitions.set(partition, { ...newPartition(partition), next, stored: next });
    }
    for (const group of stored.groups) this.group(group.group).restore(group);
    for (const offset of stored.offsets) {
      // Asked for at some time between records that are still to be read: it would make rewinds of old commits.
      if (offset.source.partition === POLLED && !options.polling) continue;
      const place = this.place(offset.group, offset.topic, offset.partition, offset.source.partition);
      place.restore(offset);
      if (place.reset !== null) this.resets.add(place.reset);
    }
  }

  /** What is told of at most this often, whatever is going on. */
  get hasFindings(): boolean {
    return this.rewinds.length > 0 || this.changedGroups.size > 0;
  }

  *allPlaces(): Iterable<Place> {
    yield* this.places.values();
  }

  /** Commits of -1 and -2 whose meaning is to be asked of the topic's log. */
  pendingResets(): readonly Reset[] {
    return [...this.resets];
  }

  partition(partition: number): { next: number } {
    return this.partitionState(partition);
  }

  /** The log ends before what was read of it: read on from `start`, and take nothing below `end` for news. */
  startOver(partition: number, start: number, end: number): void {
    const state = this.partitionState(partition);
    state.next = start;
    state.quietBelow = end;
    state.open.clear();
    for (const place of this.places.values()) {
      if (place.sourcePartition === partition) place.sourceOffset = -1;
    }
  }

  /** The records up to `next` are applied (or were compacted away). */
  advance(partition: number, next: number): void {
    const state = this.partitionState(partition);
    if (next > state.next) state.next = next;
  }

  /** One record of a batch. Records that were applied before are told apart by their offset. */
  record(partition: number, bytes: Buffer, header: BatchHeader, record: RecordPlace): void {
    const state = this.partitionState(partition);
    const isNew = record.offset >= state.next;
    if (!isNew && !header.isTransactional) return;
    if (isNew) this.records++;
    if (header.isControl) {
      this.endTransaction(state, bytes, header, record, isNew);
      return;
    }
    const { keyStart, keyEnd } = record;
    if (keyStart < 0 || keyEnd - keyStart < 2) {
      this.skipped.unreadable++;
      return;
    }
    if (bytes.readInt16BE(keyStart) > 1) {
      if (isNew) this.groupRecord(bytes, record);
      return;
    }
    let place = this.keys.find(bytes, keyStart, keyEnd);
    if (place === undefined) place = this.learnKey(partition, bytes, keyStart, keyEnd);
    if (place === null) return;
    if (record.valueStart < 0) {
      if (isNew) this.tombstone(state, place, record);
      return;
    }
    const { value } = this;
    const read = readCommit(bytes, record.valueStart, record.valueEnd, value);
    if (read !== 'read') {
      if (read === 'unreadable') this.skipped.unreadable++;
      else this.skipped.unknown++;
      return;
    }
    if (header.isTransactional) {
      this.wait(state, header.producerId, place, bytes, record.offset);
    } else {
      this.commit(state, place, bytes, record.offset);
    }
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

  /** All that a group has committed, where the log may not be read: no member, no moment between two looks. */
  polled(
    group: string,
    committed: readonly { topic: string; partition: number; offset: number }[],
    at: number,
  ): void {
    const told = new Set<Place>();
    for (const { topic, partition, offset } of committed) {
      if (offset < 0) continue;
      const place = this.place(group, topic, partition, POLLED);
      told.add(place);
      if (offset === place.offset && place.goneAt === 0) continue;
      if (offset < place.offset) this.lowered(place, { from: place.offset, to: offset, at, source: null });
      place.offset = offset;
      place.at = at;
      place.movedAt = at;
      place.goneAt = 0;
      place.commits++;
      this.polledPlace(place);
    }
    for (const place of this.polledPlaces.get(group) ?? []) {
      if (place.offset < 0 || place.goneAt !== 0 || told.has(place)) continue;
      place.goneAt = at;
      this.polledPlace(place);
    }
  }

  /** Everything that is to be stored since it was asked last, with the positions that belong to it. */
  drain(cluster: string): WatchBatch {
    const told = [...this.changedGroups].map((group) => group.drain());
    const batch: WatchBatch = {
      cluster,
      positions: [],
      offsets: this.changed.map((place) => place.snapshot()),
      groups: told.map(({ group }) => group),
      generations: told.flatMap(({ generations }) => generations),
      rewinds: this.rewinds,
      followed: this.followed,
      lag: [],
      ends: [],
      stalls: [],
      skipped: this.skippedSince(),
    };
    for (const state of this.partitions.values()) {
      if (state.next === state.stored) continue;
      batch.positions.push({
        partition: state.partition,
        from: state.stored,
        next: state.next,
        resume: resumeOf(state),
      });
      state.stored = state.next;
    }
    for (const place of this.changed) {
      place.changed = false;
      place.commits = 0;
    }
    this.changed.length = 0;
    this.changedGroups.clear();
    this.rewinds = [];
    this.followed = [];
    return batch;
  }

  /** What `this.value` says is committed now. */
  private commit(state: PartitionState, place: Place, bytes: Buffer, sourceOffset: number): void {
    const { value } = this;
    const topicIdBefore = place.topicId;
    if (value.topicIdAt >= 0) place.learnTopicId(bytes, value.topicIdAt);
    place.learnMetadata(bytes, value);
    place.leaderEpoch = value.leaderEpoch;
    this.set(state, place, value.offset, value.at, topicIdBefore, sourceOffset);
    place.sourceOffset = sourceOffset;
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

  private tombstone(state: PartitionState, place: Place, record: RecordPlace): void {
    for (const transaction of state.open.values()) {
      transaction.commits = transaction.commits.filter((waiting) => waiting.place !== place);
    }
    if (place.offset < 0 || place.goneAt !== 0) return;
    const { state: life, since } = place.group;
    place.goneAt = record.at;
    // As the broker reckons: since the last member left, else since the commit.
    place.idleMs = Math.max(0, record.at - (life === 'empty' && since > 0 ? since : place.at));
    place.sourceOffset = record.offset;
    this.touch(place);
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

  private lowered(place: Place, found: Lowered): void {
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
      retentionMs: this.options.retentionMs,
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

  private wait(
    state: PartitionState,
    producerId: number,
    place: Place,
    bytes: Buffer,
    sourceOffset: number,
  ): void {
    let transaction = state.open.get(producerId);
    if (transaction === undefined) {
      transaction = { first: sourceOffset, commits: [] };
      state.open.set(producerId, transaction);
    }
    const { offset, leaderEpoch, at, metadataStart, metadataEnd, topicIdAt } = this.value;
    transaction.commits.push({
      place,
      offset,
      leaderEpoch,
      at,
      metadata: bytes.toString('utf8', metadataStart, metadataEnd).slice(0, METADATA_MAX),
      topicId: topicIdAt < 0 ? null : Buffer.from(bytes.subarray(topicIdAt, topicIdAt + 16)),
      sourceOffset,
    });
  }

  private endTransaction(
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

  private groupRecord(bytes: Buffer, record: RecordPlace): void {
    const key = readKey(bytes, record.keyStart, record.keyEnd);
    if (key === 'unreadable' || key === 'unknown version') {
      this.skip(key);
      return;
    }
    if (key.kind === 'commit' || !this.options.watches(key.group)) return;
    const { valueStart: start, valueEnd: end, at } = record;
    const group = this.group(key.group);
    const isTombstone = start < 0;
    switch (key.kind) {
      case 'classic': {
        if (isTombstone) {
          group.deleted(at);
          break;
        }
        const value = readClassicGroup(bytes, start, end);
        if (typeof value === 'string') this.skip(value);
        else group.classic(value, at);
        break;
      }
      case 'epoch': {
        if (isTombstone) {
          group.deleted(at);
          break;
        }
        const epoch = readGroupEpoch(bytes, start, end);
        if (epoch === null) this.skip('unreadable');
        else group.epoch(epoch, at);
        break;
      }
      case 'member': {
        const member = isTombstone ? null : readConsumerMember(bytes, start, end);
        if (!isTombstone && member === null) this.skip('unreadable');
        else group.member(key.memberId, member, at);
        break;
      }
      case 'assignment': {
        const assignment = isTombstone ? null : readMemberAssignment(bytes, start, end);
        if (!isTombstone && assignment === null) this.skip('unreadable');
        else group.assigned(key.memberId, assignment);
        break;
      }
    }
    if (group.changed) this.changedGroups.add(group);
  }

  private skippedSince(): SkippedRecords {
    const { unknown, unreadable } = this.skipped;
    const since = { unknown: unknown - this.told.unknown, unreadable: unreadable - this.told.unreadable };
    this.told = { unknown, unreadable };
    return since;
  }

  private skip(why: 'unknown version' | 'unreadable'): void {
    if (why === 'unreadable') this.skipped.unreadable++;
    else this.skipped.unknown++;
  }

  /** Once a key: null for groups that are not watched, and for what cannot be read. */
  private learnKey(partition: number, bytes: Buffer, start: number, end: number): Place | null {
    const key = readKey(bytes, start, end);
    let place: Place | null = null;
    if (typeof key === 'string') {
      this.skip(key);
      // Not remembered: broken keys are rare, and there is no end of them.
      return null;
    }
    if (key.kind === 'commit' && this.options.watches(key.group)) {
      place = this.place(key.group, key.topic, key.partition, partition);
    }
    this.keys.add(bytes, start, end, place);
    return place;
  }

  private place(group: string, topic: string, partition: number, sourcePartition: number): Place {
    const name = JSON.stringify([group, topic, partition]);
    const known = this.places.get(name);
    if (known !== undefined) return known;
    const made = new Place(this.group(group), topic, partition, sourcePartition);
    this.places.set(name, made);
    if (this.options.polling) {
      const own = this.polledPlaces.get(group) ?? new Set();
      this.polledPlaces.set(group, own.add(made));
    }
    return made;
  }

  private group(name: string): GroupLife {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const made = new GroupLife(name);
    this.groups.set(name, made);
    return made;
  }

  /** No record stands behind it: the log's own must not be compared with it later. */
  private polledPlace(place: Place): void {
    place.sourcePartition = POLLED;
    place.sourceOffset = -1;
    this.touch(place);
  }

  private touch(place: Place): void {
    if (place.changed) return;
    place.changed = true;
    this.changed.push(place);
  }

  private partitionState(partition: number): PartitionState {
    const known = this.partitions.get(partition);
    if (known !== undefined) return known;
    const made = newPartition(partition);
    this.partitions.set(partition, made);
    return made;
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

function newPartition(partition: number): PartitionState {
  return { partition, next: 0, stored: null, open: new Map(), quietBelow: 0 };
}

function resumeOf(state: PartitionState): number {
  let resume = state.next;
  for (const { first } of state.open.values()) resume = Math.min(resume, first);
  return resume;
}
