/**
 * The writing side of a process's journal: owned by its main thread, never waits for anything, never throws into
 * its caller. What could not be written is counted and told as soon as there is room again.
 *
 * Life: open (folder, lock, log, slots) -> written to -> closed (process ends; the folder stays unless the store
 * has taken everything, and is then recovered by whoever finds it).
 */
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence, Ref } from '../ledger/evidence';
import { LogWriter } from './log';
import { lockOwner, type OwnerLock, thisProcess } from './owner';
import { HALF_BYTES, SLOT_BYTES } from './slot';

const SLOTS_STEP = 64;
const DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024;

export interface JournalOptions {
  /** Folder that holds the journals of all processes of one store: `<store>.journal`. */
  root: string;
  /** Evidence that the store has not taken may fill this much of the disk, in bytes. Default 64 MiB. */
  limitBytes?: number;
}

export interface Losses {
  events: number;
  deliveries: number;
  /** Writes in place that failed; the next good one of the same track heals them. */
  slotWrites: number;
  reason: string;
}

export class Journal {
  readonly id: string;
  readonly folder: string;
  readonly losses: Losses = { events: 0, deliveries: 0, slotWrites: 0, reason: '' };
  /** Counts everything written, lines and slots: equal numbers mean that nothing has changed in between. */
  changes = 0;
  private readonly dictionary: Evidence[] = [];
  private readonly log: LogWriter;
  private readonly lock: OwnerLock;
  private readonly slotsFd: number;
  private allocatedSlots = 0;
  private refs = 0;
  private tracks = 0;
  private runs = 0;
  private told = { events: 0, deliveries: 0 };

  constructor(options: JournalOptions) {
    this.id = `${process.pid}-${randomUUID()}`;
    this.folder = join(options.root, this.id);
    mkdirSync(this.folder, { recursive: true });
    const lock = lockOwner(this.folder);
    if (lock === null) throw new Error(`the new journal folder ${this.folder} is locked by someone else`);
    this.lock = lock;
    try {
      this.log = new LogWriter(
        this.folder,
        { version: 1, journal: this.id, owner: thisProcess() },
        options.limitBytes ?? DEFAULT_LIMIT_BYTES,
        () => this.dictionary,
      );
      this.slotsFd = openSync(join(this.folder, 'slots'), 'w');
      this.growSlots();
    } catch (error) {
      // Half a journal would wait for ever for someone to recover it.
      lock.release();
      rmSync(this.folder, { recursive: true, force: true });
      throw error;
    }
  }

  get lastSeq(): number {
    return this.log.lastSeq;
  }

  /** A number for a session, topic or member, unique in this journal. */
  nextRef(): Ref {
    return ++this.refs;
  }

  /** The number of a new run, or of the first of `count` new ones; growing, unique in this journal. */
  nextRun(count = 1): number {
    const run = this.runs + 1;
    this.runs += count;
    return run;
  }

  /** A slot for a new track. */
  nextTrack(): Ref {
    const track = this.tracks++;
    while (track >= this.allocatedSlots) this.growSlots();
    return track;
  }

  /** Evidence that later lines refer to; repeated at the head of every segment. */
  define(evidence: Evidence): void {
    this.dictionary.push(evidence);
    this.append(evidence);
  }

  append(evidence: Evidence): void {
    this.changes++;
    try {
      this.tellLosses(evidence.t);
      if (!this.log.append(evidence)) this.lost(evidence, 'the journal is full: the store has not taken it');
    } catch (error) {
      this.lost(evidence, (error as Error).message);
    }
  }

  /** Hot path: one half of a slot, in place. 0.5 us; survives the death of the process. */
  writeSlot(track: Ref, half: 0 | 1, bytes: Uint8Array): void {
    this.changes++;
    try {
      writeSync(this.slotsFd, bytes, 0, HALF_BYTES, track * SLOT_BYTES + half * HALF_BYTES);
    } catch (error) {
      this.losses.slotWrites++;
      this.losses.reason = (error as Error).message;
    }
  }

  /** The store has taken every line up to `seq`. */
  applied(seq: number): void {
    try {
      this.log.applied(seq);
    } catch {
      // A segment that cannot be deleted now is deleted with the folder.
    }
  }

  /** Drops definitions that nothing will refer to again (a session that ended for good). */
  forget(drop: (evidence: Evidence) => boolean): void {
    const kept = this.dictionary.filter((evidence) => !drop(evidence));
    this.dictionary.splice(0, this.dictionary.length, ...kept);
  }

  /** @param remove the store has taken everything: leave nothing behind. */
  close(remove: boolean): void {
    this.log.close();
    closeSync(this.slotsFd);
    if (remove) rmSync(this.folder, { recursive: true, force: true });
    this.lock.release();
  }

  private growSlots(): void {
    const from = this.allocatedSlots * SLOT_BYTES;
    writeSync(this.slotsFd, Buffer.alloc(SLOTS_STEP * SLOT_BYTES), 0, SLOTS_STEP * SLOT_BYTES, from);
    this.allocatedSlots += SLOTS_STEP;
  }

  private lost(evidence: Evidence, reason: string): void {
    this.losses.events++;
    if (evidence.t === 'run') this.losses.deliveries += evidence.last - evidence.first + 1;
    this.losses.reason = reason;
  }

  private tellLosses(about: Evidence['t']): void {
    const events = this.losses.events - this.told.events;
    if (events === 0 || about === 'dropped') return;
    const deliveries = this.losses.deliveries - this.told.deliveries;
    const told = { events: this.losses.events, deliveries: this.losses.deliveries };
    if (this.log.append({ t: 'dropped', at: Date.now(), events, deliveries, reason: this.losses.reason })) {
      this.told = told;
    }
  }
}
