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
import type { WatchBatch, WatchedState } from '../../ledger';
import { CommitValue, readCommit } from '../offsets/commit-value';
import { readKey } from '../offsets/key';
import { KeyTable } from '../offsets/key-table';
import type { BatchHeader, RecordPlace } from '../offsets/record-batch';
import { Committed } from './committed';
import { GroupRecords } from './group-records';
import { newPartition, type PartitionState, resumeOf, wait } from './log-partition';
import { Place, type Reset } from './place';
import { SkipCount } from './skip-count';

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

export class OffsetsLog {
  readonly skipped = new SkipCount();
  /** Records applied since the start. */
  records = 0;
  private readonly partitions = new Map<number, PartitionState>();
  private readonly keys = new KeyTable<Place | null>();
  private readonly groups: GroupRecords;
  private readonly committed: Committed;
  private readonly places = new Map<string, Place>();
  /** Of each group, where offsets are asked for. */
  private readonly polledPlaces = new Map<string, Set<Place>>();
  private readonly value = new CommitValue();

  constructor(
    readonly options: OffsetsLogOptions,
    stored: WatchedState,
  ) {
    this.groups = new GroupRecords(options.watches, this.skipped);
    this.committed = new Committed(options.retentionMs);
    for (const { partition, next } of stored.positions) {
      this.partitions.set(partition, { ...newPartition(partition), next, stored: next });
    }
    for (const group of stored.groups) this.groups.group(group.group).restore(group);
    for (const offset of stored.offsets) {
      // Asked for at some time between records that are still to be read: it would make rewinds of old commits.
      if (offset.source.partition === POLLED && !options.polling) continue;
      const place = this.place(offset.group, offset.topic, offset.partition, offset.source.partition);
      place.restore(offset);
      this.committed.restored(place);
    }
  }

  /** What is told of at most this often, whatever is going on. */
  get hasFindings(): boolean {
    return this.committed.hasRewinds || this.groups.hasChanged;
  }

  *allPlaces(): Iterable<Place> {
    yield* this.places.values();
  }

  /** Commits of -1 and -2 whose meaning is to be asked of the topic's log. */
  pendingResets(): readonly Reset[] {
    return this.committed.pendingResets();
  }

  /** Where that topic's partition begins and ends now: see `Committed.resolve`. */
  resolve(reset: Reset, bounds: { start: number; end: number } | null, endThen: number | null = null): void {
    this.committed.resolve(reset, bounds, endThen);
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
      this.committed.endTransaction(state, bytes, header, record, isNew);
      return;
    }
    const { keyStart, keyEnd } = record;
    if (keyStart < 0 || keyEnd - keyStart < 2) {
      this.skipped.add('unreadable');
      return;
    }
    if (bytes.readInt16BE(keyStart) > 1) {
      if (isNew) this.groups.record(bytes, record);
      return;
    }
    let place = this.keys.find(bytes, keyStart, keyEnd);
    if (place === undefined) place = this.learnKey(partition, bytes, keyStart, keyEnd);
    if (place === null) return;
    if (record.valueStart < 0) {
      if (isNew) this.committed.tombstone(state, place, record);
      return;
    }
    const { value } = this;
    const read = readCommit(bytes, record.valueStart, record.valueEnd, value);
    if (read !== 'read') {
      this.skipped.add(read);
      return;
    }
    if (header.isTransactional) {
      wait(state, header.producerId, place, bytes, value, record.offset);
    } else {
      this.committed.commit(state, place, bytes, value, record.offset);
    }
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
      if (offset < place.offset)
        this.committed.lowered(place, { from: place.offset, to: offset, at, source: null });
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
    const told = this.groups.drain();
    const batch: WatchBatch = {
      cluster,
      positions: [],
      ...this.committed.drain(),
      groups: told.map(({ group }) => group),
      generations: told.flatMap(({ generations }) => generations),
      lag: [],
      ends: [],
      stalls: [],
      skipped: this.skipped.drain(),
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
    return batch;
  }

  /** Once a key: null for groups that are not watched, and for what cannot be read. */
  private learnKey(partition: number, bytes: Buffer, start: number, end: number): Place | null {
    const key = readKey(bytes, start, end);
    let place: Place | null = null;
    if (typeof key === 'string') {
      this.skipped.add(key);
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
    const made = new Place(this.groups.group(group), topic, partition, sourcePartition);
    this.places.set(name, made);
    if (this.options.polling) {
      const own = this.polledPlaces.get(group) ?? new Set();
      this.polledPlaces.set(group, own.add(made));
    }
    return made;
  }

  /** No record stands behind it: the log's own must not be compared with it later. */
  private polledPlace(place: Place): void {
    place.sourcePartition = POLLED;
    place.sourceOffset = -1;
    this.committed.touch(place);
  }

  private partitionState(partition: number): PartitionState {
    const known = this.partitions.get(partition);
    if (known !== undefined) return known;
    const made = newPartition(partition);
    this.partitions.set(partition, made);
    return made;
  }
}
