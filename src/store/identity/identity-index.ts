/**
 * Which identities were seen before, within the window of their topic. One turn takes one batch: what is new is
 * remembered, what is known becomes a finding, the observer's offset moves on, and all of it is one transaction. What
 * is held in memory changes only after the commit: a turn that fails leaves everything as it was.
 *
 * States: closed -> (first use: from the snapshot, else from the log) -> open -> closed. Where another writer wrote
 * the same log in the meantime, which the turn counter tells, what is in memory is dropped and opened anew.
 *
 * Cost of a record that was not seen before: see `npm run bench:identity`.
 */
import { rmSync } from 'node:fs';
import type { ObservedBatch, ObserverOffset } from '../../identity';
import { Dimensions } from '../dimensions';
import type { Store } from '../open';
import { type IdentityPlace, placeOfEntry, wantedHashes } from '../queries/identities';
import { Unread } from '../unread';
import { EXPIRE_BLOCKS, Expiry } from './expiry';
import { type Finding, Findings } from './findings';
import { IdentityLog } from './log';
import type { IndexMemory } from './memory';
import { Observed } from './observed';
import { openMemory } from './restore';
import { Sequences } from './sequences';
import { SnapshotWriter } from './snapshot';
import { Turn } from './turn';
import { type EffectiveWindow, TopicWindow, type WindowLimits } from './window';

export interface IdentityIndexOptions {
  /** Identities kept in all: 7.5 to 15 B of memory and about 17 B of disk each. Default 10 million. */
  capacity?: number;
  /** The window of a topic, by its name. Default: 7 days and `capacity` identities. */
  limits?: (topic: string) => WindowLimits;
  /** Where the snapshot is kept; null: none is. */
  snapshotPath: string | null;
  /** Identities remembered between two snapshots, at least. Default 1 million. */
  snapshotRecords?: number;
  /** Written of a snapshot in one step: what one turn waits for it. Default 4 MiB. */
  snapshotStepBytes?: number;
  /** Slots that the table begins with. Default 1,048,576 (6 MB). */
  firstSlots?: number;
  /** Blocks that can be told apart; lower than the 32 bits of a row allow only in tests. */
  slotsMax?: number;
}

export const DEFAULT_CAPACITY = 10_000_000;
export const DEFAULT_AGE_MS = 7 * 86_400_000;
const SNAPSHOT_STEP_BYTES = 4 * 1024 * 1024;
const SNAPSHOT_RECORDS = 1_000_000;
/** With more identities a snapshot is begun only when this share of them is new. */
const SNAPSHOT_SHARE = 0.2;

/** What one turn found. */
export interface Observation {
  /** Records with an identity, that are kept now. */
  remembered: number;
  /** Records that had been read before, with or without an identity. */
  reread: number;
  findings: readonly Finding[];
}

export class IdentityIndex {
  readonly capacity: number;
  private readonly log: IdentityLog;
  private readonly observed: Observed;
  private readonly findings: Findings;
  private readonly sequences: Sequences;
  private readonly dimensions: Dimensions;
  private readonly unread: Unread;
  private memory: IndexMemory | null = null;
  private snapshot: SnapshotWriter | null = null;
  private sinceSnapshot = 0;

  constructor(
    private readonly db: Store,
    private readonly options: IdentityIndexOptions,
  ) {
    this.capacity = options.capacity ?? DEFAULT_CAPACITY;
    this.log = new IdentityLog(db);
    this.observed = new Observed(db);
    this.findings = new Findings(db);
    this.sequences = new Sequences(db);
    this.dimensions = new Dimensions(db);
    this.unread = new Unread(db);
  }

  /** The key of this store's hashes, 16 bytes: what a RecordReader is made with. */
  get seed(): Uint8Array {
    return this.log.state().seed;
  }

  /** Bytes in memory for the index. */
  get bytes(): number {
    return this.opened().bytes;
  }

  /** Where the observer stands in every partition that it ever read. */
  offsets(): ObserverOffset[] {
    return this.observed.offsets();
  }

  /** How far back each topic's identities reach. */
  windows(): EffectiveWindow[] {
    return [...this.opened().windows.values()].map((window) => window.effective());
  }

  /** Opens now, so that what it costs is paid now: seconds with a snapshot. Answers how it was opened. */
  open(): { entries: number; from: 'snapshot' | 'log' } {
    const memory = this.opened();
    return { entries: memory.entries, from: memory.openedFrom };
  }

  /**
   * Tells that these partitions are going to be read: until they are live, the topic's window reaches back from what
   * was read of the one furthest behind. Without this a partition counts from its first batch on. With `limits` the
   * topic's window has those from now on.
   */
  expect(
    cluster: string,
    topic: string,
    topicId: string | null,
    partitions: readonly number[],
    limits?: WindowLimits,
  ): void {
    const window = this.windowOf(this.opened(), this.topicRow(cluster, topic, topicId, Date.now()), topic);
    if (limits !== undefined) window.limits = limits;
    for (const partition of partitions) {
      const newestAt = window.partitions.get(partition)?.newestAt ?? 0;
      window.partitions.set(partition, { newestAt, live: false });
    }
  }

  /**
   * One turn. When it returns, what it tells is as durable as the store is; when it throws, nothing has changed and
   * the same batch may be given again. A batch that was taken before changes nothing but the observer's offset.
   *
   * @param also what the caller writes in the same transaction
   */
  observe(batch: ObservedBatch, also?: () => void): Observation {
    const memory = this.opened();
    const turn = this.db
      .transaction(() => {
        if (this.log.state().turn !== memory.turn) return null;
        const topic = this.topicRow(batch.cluster, batch.topic, batch.topicId, batch.observedAt);
        const window = this.windowOf(memory, topic, batch.topic);
        const made = new Turn(memory, window, batch, this.sequences);
        made.read(this.observed, this.findings);
        made.expire(this.capacity);
        made.write(this.log, this.observed, this.findings);
        if (batch.unread !== undefined) {
          const cluster = this.dimensions.cluster(batch.cluster);
          this.unread.note(cluster, 'topics', batch.topic, batch.unread, batch.observedAt);
        }
        also?.();
        return made;
      })
      .immediate();
    if (turn === null) {
      // Another writer wrote this log: what is in memory is not all of it.
      this.forget();
      return this.observe(batch, also);
    }
    turn.apply();
    this.sinceSnapshot += turn.remembered;
    return turn;
  }

  /** Where a message stands, by its id; null where the index is not open, or another writer wrote the log since. */
  find(text: string): IdentityPlace[] | null {
    const { memory } = this;
    if (memory === null || this.log.state().turn !== memory.turn) return null;
    const places: IdentityPlace[] = [];
    for (const [topic, hashes] of wantedHashes(this.db, text)) {
      for (const words of hashes) {
        for (const row of memory.matches(topic, words, 0)) {
          places.push(placeOfEntry(topic, memory.entry(row)));
        }
      }
    }
    return places;
  }

  /**
   * Settles causes, gives up what the windows left behind, and writes on at a snapshot: between two turns, a bounded
   * part of each. Answers whether there is more to do at once.
   */
  maintain(now: number): boolean {
    const settled = this.findings.settle(now);
    const gaveUp = this.giveUpMore();
    const memory = this.memory;
    if (memory === null || this.options.snapshotPath === null) return settled > 0 || gaveUp;
    const least = this.options.snapshotRecords ?? SNAPSHOT_RECORDS;
    const due = Math.max(least, memory.entries * SNAPSHOT_SHARE);
    if (this.snapshot === null && this.sinceSnapshot >= due) this.beginSnapshot(memory);
    if (this.snapshot?.step(this.options.snapshotStepBytes ?? SNAPSHOT_STEP_BYTES) === true)
      this.snapshot = null;
    return settled > 0 || gaveUp || this.snapshot !== null;
  }

  /** Ends with a snapshot, where anything came since the last. The store stays open. */
  close(): void {
    if (this.memory !== null && this.options.snapshotPath !== null) {
      if (this.snapshot === null && this.sinceSnapshot > 0) this.beginSnapshot(this.memory);
      while (this.snapshot?.step(SNAPSHOT_STEP_BYTES) === false);
      this.snapshot = null;
    }
    this.forget();
  }

  /** What a turn left of what is beyond the limits. False: there was nothing. */
  private giveUpMore(): boolean {
    const { memory } = this;
    if (memory === null) return false;
    const expiry = new Expiry(memory, EXPIRE_BLOCKS);
    expiry.ofAll();
    expiry.toCapacity(this.capacity);
    if (expiry.isEmpty) return false;
    const isOurs = this.db
      .transaction(() => {
        if (this.log.state().turn !== memory.turn) return false;
        expiry.write(this.log);
        this.log.turn(memory.nextBlock);
        return true;
      })
      .immediate();
    if (!isOurs) {
      // Another writer wrote this log.
      this.forget();
      return false;
    }
    expiry.apply();
    memory.turn++;
    return true;
  }

  private beginSnapshot(memory: IndexMemory): void {
    this.snapshot = new SnapshotWriter(this.options.snapshotPath as string, this.seed, memory);
    this.sinceSnapshot = 0;
  }

  private forget(): void {
    this.snapshot?.abandon();
    this.snapshot = null;
    this.memory = null;
    this.sequences.forget();
  }

  private opened(): IndexMemory {
    if (this.memory !== null) return this.memory;
    const { snapshotPath, firstSlots, slotsMax } = this.options;
    const ways = { capacity: this.capacity, seed: this.seed, firstSlots, slotsMax };
    let memory = openMemory(this.log, { ...ways, snapshotPath }, (topic) => this.limitsOf(topic));
    if (memory === null) {
      // Damaged, or of another store or capacity: the log knows all of it.
      rmSync(snapshotPath as string, { force: true });
      memory = openMemory(this.log, { ...ways, snapshotPath: null }, (topic) =>
        this.limitsOf(topic),
      ) as IndexMemory;
    }
    for (const { topic, partition, newestAt } of this.observed.rows()) {
      memory.windows.get(topic)?.partitions.set(partition, { newestAt, live: false });
    }
    // What was replayed of the log is worth a new one.
    this.sinceSnapshot = memory.replayed;
    this.memory = memory;
    return memory;
  }

  private windowOf(memory: IndexMemory, topic: number, name: string): TopicWindow {
    const known = memory.windows.get(topic);
    if (known !== undefined) return known;
    const window = TopicWindow.empty(topic, this.limitsNamed(name));
    memory.windows.set(topic, window);
    return window;
  }

  private limitsOf(topic: number): WindowLimits {
    return this.limitsNamed(this.observed.nameOf(topic));
  }

  private limitsNamed(name: string): WindowLimits {
    return this.options.limits?.(name) ?? { ageMs: DEFAULT_AGE_MS, records: this.capacity };
  }

  private topicRow(cluster: string, topic: string, topicId: string | null, at: number): number {
    return this.dimensions.topic(this.dimensions.cluster(cluster), topic, topicId, at);
  }
}
