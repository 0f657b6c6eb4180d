/**
 * The one writer of this process, run in a worker thread: follows this process's own journal, takes over those of
 * the dead, takes in what other hosts report, and answers what the ledger knows. Every turn is one transaction; a turn that fails changes nothing
 * and is tried again, the evidence waits in the journal meanwhile.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DupescopeError } from '../errors';
import type { ExpectedTopic, ObservedBatch, ObserverState } from '../identity';
import {
  isProvenDead,
  JournalReader,
  journalsIn,
  type Report,
  type ReportAnswer,
  removeJournal,
} from '../journal';
import type { WatchBatch, WatchedState } from '../ledger';
import type { WindowLimits } from './identity';
import { JournalIntake } from './intake';
import { journalRoot } from './journal-root';
import { type IdentityLimits, Observing } from './observing';
import { openStore, type Store, storeError } from './open';
import { type PartitionPast, type PastQuestion, pastOf } from './past';
import type { IdentityPlace } from './queries/identities';
import { ReportIntakes } from './report-intakes';
import { type RetentionLimits, retain } from './retention';
import { Tables } from './tables';

/** Members that go on as they began are brought up to date this often; whatever else there is, every turn. */
const GROW_EVERY_MS = 500;
/** Skipped records and stalled commits are looked for this often. */
const LOOK_EVERY_MS = 5_000;
/** Partitions that moved within this long before the last look are looked at again: another host may lag behind. */
const LOOK_BACK_MS = 60_000;

export interface WriterOptions {
  storePath: string;
  /** Id of this process's own journal, null for a process that observes nothing itself. */
  ownJournal: string | null;
  retention: RetentionLimits;
  /** Of the identity index. Default: its own. */
  identities?: IdentityLimits;
}

export class Writer {
  private db: Store | null = null;
  private tables: Tables | null = null;
  private index: Observing | null = null;
  private readonly windows = new Map<string, WindowLimits>();
  private readonly intakes = new Map<string, JournalIntake<JournalReader>>();
  private readonly reported = new ReportIntakes((intake, died) => this.transact([intake], died));
  private readonly root: string;
  /** When this process's own journal was last taken in by a turn. */
  private grownAt = 0;
  /** The start is busy enough: the first look at what is too old comes later. */
  private retainedAt = Date.now();

  constructor(private readonly options: WriterOptions) {
    this.root = journalRoot(options.storePath);
  }

  /** Takes in this process's own journal, all of it. Answers the number of its last line in the store. */
  flush(): number {
    const { ownJournal } = this.options;
    if (ownJournal === null) return 0;
    const intake = this.intakeOf(ownJournal);
    if (intake.read() || intake.isSilent(Date.now())) this.transact([intake], false);
    return intake.appliedSeq;
  }

  /** As `flush`, but mere growth may wait for a later turn: most turns of steady consuming then write nothing. */
  follow(now: number): number {
    const { ownJournal } = this.options;
    if (ownJournal === null) return 0;
    const intake = this.intakeOf(ownJournal);
    const more = intake.read();
    const waits = now >= this.grownAt && now - this.grownAt < GROW_EVERY_MS && !intake.isPressing;
    if ((more && !waits) || intake.isSilent(now)) {
      this.grownAt = now;
      this.transact([intake], false);
    }
    return intake.appliedSeq;
  }

  /** Takes in the journals of the dead and removes them; with `living` those of living neighbours too. */
  sweep(living: boolean): void {
    for (const id of this.journals()) {
      if (id === this.options.ownJournal) continue;
      const intake = this.intakeOf(id);
      const more = intake.read();
      const owner = intake.source.owner;
      // No header yet: its owner is being born, or died in that moment and left nothing to tell.
      if (owner === null) continue;
      const lock = isProvenDead(intake.source.folder, owner);
      if (lock !== null) {
        try {
          intake.read(true);
          this.transact([intake], true);
          removeJournal(intake.source.folder);
        } finally {
          lock.release();
          this.intakes.delete(id);
        }
      } else if (living && more) {
        this.transact([intake], false);
      }
    }
    for (const id of this.intakes.keys()) {
      if (!existsSync(join(this.root, id))) this.intakes.delete(id);
    }
  }

  /** What the ledger knows of these partitions, everything on this host's disk included. */
  past(question: PastQuestion): PartitionPast {
    this.sweep(true);
    this.flush();
    const heardAt = (journal: string) =>
      this.intakes.has(journal) ? Date.now() : this.reported.heardAt(journal);
    return pastOf(this.store().db, this.store().tables, question, heardAt);
  }

  /** Takes in a report; when this returns, what it acknowledges is durable. Null: reports before it are missing. */
  report(report: Report): ReportAnswer | null {
    return this.reported.take(this.store().tables, report, Date.now());
  }

  /** What is stored of a cluster's watched groups. */
  watchedState(cluster: string): WatchedState {
    return this.store().tables.watched.state(cluster);
  }

  /** Takes in what the group watcher found; when this returns, it is durable. Throws 'watch-gap'. */
  watched(batch: WatchBatch): void {
    const { db, tables } = this.store();
    this.guarded(
      () => db.transaction(() => tables.watched.apply(batch, tables.nextVersion(), Date.now())).immediate(),
      () => tables.watched.undo(),
    );
  }

  /** Where the topic observer of that cluster goes on. */
  observerState(cluster: string): ObserverState {
    return this.observing((index) => index.state(cluster));
  }

  expect(topics: readonly ExpectedTopic[]): void {
    for (const { topic, limits } of topics) this.windows.set(topic, limits);
    this.observing((index) => index.expect(topics));
  }

  /** Takes in what a topic observer read; when this returns, it is durable. Throws 'observe-gap'. */
  observed(seed: Uint8Array, batches: readonly ObservedBatch[]): void {
    this.observing((index) => index.observe(seed, batches));
  }

  /** Where a message stands, by its id; null where no topic is observed by this process. */
  find(text: string): IdentityPlace[] | null {
    return this.index?.find(text) ?? null;
  }

  /** Explains the redeliveries and rewinds that are new or may be explained better now. */
  settle(now: number): void {
    const { causes, rewinds } = this.store().tables;
    causes.settle(now);
    rewinds.settle(now);
    const { index } = this;
    if (index !== null) {
      this.guarded(
        () => index.maintain(now),
        () => undefined,
      );
    }
    this.look(now);
  }

  /** Looks for what no single fact tells: records that were passed over, commits that do not come. */
  private look(now: number): void {
    const { db, tables } = this.store();
    const { chores } = tables;
    if (!chores.isDue('look', LOOK_EVERY_MS, now)) return;
    db.transaction(() => {
      const before = chores.take('look', LOOK_EVERY_MS, now);
      if (before === null) return;
      const version = tables.nextVersion();
      tables.skips.check(before - LOOK_BACK_MS, now, version);
      tables.stalls.check(now, version);
      tables.watchedStalls.check(now, version);
    }).immediate();
  }

  retain(now: number): void {
    if (now - this.retainedAt < this.options.retention.everyMs) return;
    this.retainedAt = now;
    this.reported.forgetSilent(now);
    retain(this.store().db, this.options.retention, now);
  }

  /** Opens the store now, so that what is wrong with it is told at once. */
  open(): void {
    this.store();
    mkdirSync(this.root, { recursive: true });
  }

  /** Keeps a snapshot of the identity index, which a large one takes a second for. */
  close(): void {
    try {
      this.index?.close();
    } catch {
      // Without a snapshot the next start reads the log of identities instead.
    }
    this.drop();
  }

  /** Without a snapshot: what is in memory may not be what the file holds. */
  private drop(): void {
    this.index = null;
    this.db?.close();
    this.db = null;
    this.tables = null;
  }

  private observing<T>(use: (index: Observing) => T): T {
    const { db } = this.store();
    let answer: T | undefined;
    this.guarded(
      () => {
        const { storePath, identities } = this.options;
        this.index ??= new Observing(db, storePath, identities ?? { capacity: null }, this.windows);
        answer = use(this.index);
      },
      () => undefined,
    );
    return answer as T;
  }

  private transact(intakes: JournalIntake[], died: boolean): void {
    const { db } = this.store();
    this.guarded(
      () => {
        db.transaction(() => {
          for (const intake of intakes) intake.apply(died, Date.now());
        }).immediate();
        for (const intake of intakes) intake.committed();
      },
      () => {
        for (const intake of intakes) intake.undo();
      },
    );
  }

  private guarded(work: () => void, undo: () => void): void {
    try {
      work();
    } catch (error) {
      undo();
      const translated = storeError(this.options.storePath, error);
      // A damaged or vanished file may be replaced: open anew next time.
      if (!['store-busy', 'store-full', 'watch-gap', 'observe-gap'].includes(translated.code)) this.drop();
      throw translated;
    }
  }

  private store(): { db: Store; tables: Tables } {
    if (this.db !== null && !existsSync(this.options.storePath)) {
      this.drop();
      this.forgetIntakes();
    }
    if (this.db === null || this.tables === null) {
      this.db = openStore(this.options.storePath);
      this.tables = new Tables(this.db);
      this.forgetIntakes();
    }
    return { db: this.db, tables: this.tables };
  }

  /** Intakes hold row ids of the store that was open. */
  private forgetIntakes(): void {
    this.intakes.clear();
    this.reported.clear();
  }

  private intakeOf(id: string): JournalIntake<JournalReader> {
    const { tables } = this.store();
    const known = this.intakes.get(id);
    if (known !== undefined) return known;
    const made = new JournalIntake(new JournalReader(join(this.root, id)), tables);
    this.intakes.set(id, made);
    return made;
  }

  private journals(): string[] {
    try {
      return journalsIn(this.root);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ENOENT') return [];
      throw new DupescopeError('store-unwritable', `The journal folder ${this.root} cannot be read.`, {
        cause: error,
      });
    }
  }
}
