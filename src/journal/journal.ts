/**
 * The writing side of a process's journal: owned by its main thread, never waits for anything, never throws into
 * its caller.
 *
 * The log has a bound (see `log`), and the disk has one. What is refused at either:
 *   - definitions are written later, in the head of the next segment, before anything else is;
 *   - other lines are counted, in the file `losses` (see there), and told by a `dropped` line before anything else is
 *     written: when the store has taken something, or with the next line. It names the runs that were lost, as the
 *     store may have read the beginning of one from its slot: what it has of them is not lost.
 * So at every moment deliveries = those in the store + those that `dropped` lines tell, or the log, the slots and
 * `losses` have what is missing.
 *
 * Life: [waiting (the disk was full at the start)] -> open (folder, lock, log, slots) -> written to -> closed (process
 * ends; the folder stays unless the store has taken everything, and is then recovered by whoever finds it).
 * While it waits, lines are counted in memory and definitions stand in the dictionary: it opens with both.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence, Ref } from '../ledger/evidence';
import { encodeLine } from './line';
import { LogWriter } from './log';
import { LossBook } from './losses';
import { lockOwner, type OwnerLock, thisProcess } from './owner';
import { removeJournal } from './removal';
import { HALF_BYTES, SLOT_BYTES } from './slot';

const SLOTS_STEP = 64;
/** A journal that waits for room on the disk looks for it this often. */
const OPEN_EVERY_MS = 1_000;
const DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024;

export interface JournalOptions {
  /** Folder that holds the journals of all processes of one store: `<store>.journal`. */
  root: string;
  /** Evidence that the store has not taken may fill this much of the disk, in bytes. Default 64 MiB. */
  limitBytes?: number;
  /** The disk is full: called once, and the journal is made when there is room. Without it the constructor throws. */
  onFull?: (error: unknown) => void;
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
  private log: LogWriter | null = null;
  private lock: OwnerLock | null = null;
  /** -1: the journal waits. */
  private slotsFd = -1;
  private waiting: NodeJS.Timeout | null = null;
  private allocatedSlots = 0;
  private refs = 0;
  private tracks = 0;
  private runs = 0;
  private readonly untold = new LossBook();

  /** Throws what the file system throws. */
  constructor(private readonly options: JournalOptions) {
    this.id = `${process.pid}-${randomUUID()}`;
    this.folder = join(options.root, this.id);
    try {
      this.open();
    } catch (error) {
      if (options.onFull === undefined || !isFull(error)) throw error;
      this.waiting = setInterval(() => this.tryToOpen(), OPEN_EVERY_MS).unref();
      this.losses.reason = (error as Error).message;
      options.onFull(error);
    }
  }

  private open(): void {
    const { folder } = this;
    try {
      mkdirSync(folder, { recursive: true });
      this.lock = lockOwner(folder);
      if (this.lock === null) throw new Error(`the new journal folder ${folder} is locked by someone else`);
      this.log = new LogWriter(
        folder,
        { version: 1, journal: this.id, owner: thisProcess() },
        this.options.limitBytes ?? DEFAULT_LIMIT_BYTES,
        () => this.dictionary,
      );
      this.slotsFd = openSync(join(folder, 'slots'), 'w');
      do this.growSlots();
      while (this.allocatedSlots < this.tracks);
      this.untold.open(folder, this.log.lastSeq);
    } catch (error) {
      // Half a journal would wait for ever for someone to recover it.
      this.log?.close();
      if (this.slotsFd >= 0) closeSync(this.slotsFd);
      this.lock?.release();
      this.log = null;
      this.lock = null;
      this.slotsFd = -1;
      this.allocatedSlots = 0;
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private tryToOpen(): void {
    try {
      this.open();
    } catch {
      return;
    }
    if (this.waiting !== null) clearInterval(this.waiting);
    this.waiting = null;
    this.changes++;
    this.tellOwed();
  }

  get lastSeq(): number {
    return this.log?.lastSeq ?? 0;
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
    try {
      while (this.slotsFd >= 0 && track >= this.allocatedSlots) this.growSlots();
    } catch (error) {
      // No room on the disk now: writing the slot asks for it again.
      this.losses.reason = (error as Error).message;
    }
    return track;
  }

  /** Evidence that later lines refer to; repeated at the head of every segment. */
  define(evidence: Evidence): void {
    this.changes++;
    this.dictionary.push(evidence);
    const { log } = this;
    // Its head will have it.
    if (log === null) return;
    try {
      const isOwed = log.owesHead;
      // A head that was owed has this one too. Losses wait: definitions have a share of their own.
      if (isOwed ? log.payHead(0) : log.append(evidence, true)) return;
    } catch {
      // What is wrong is told with the next line that is lost.
    }
    log.oweHead();
  }

  append(evidence: Evidence): void {
    this.changes++;
    try {
      const { log } = this;
      if (log !== null && this.settle(log, sizeOf(evidence)) && log.append(evidence)) return;
      const full = 'the journal is full: the store has not taken it';
      this.lost(evidence, log === null ? this.losses.reason : full);
    } catch (error) {
      this.lost(evidence, (error as Error).message);
    }
  }

  /** Definitions or losses wait for room. */
  get owes(): boolean {
    return this.log === null || this.log.owesHead || !this.untold.isEmpty;
  }

  /** Hot path: one half of a slot, in place. 0.5 us; survives the death of the process. */
  writeSlot(track: Ref, half: 0 | 1, bytes: Uint8Array): void {
    this.changes++;
    if (this.slotsFd < 0) return;
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
      this.log?.applied(seq);
    } catch {
      // A segment that cannot be deleted now is deleted with the folder.
    }
    this.tellOwed();
  }

  private tellOwed(): void {
    try {
      if (this.log !== null && this.owes && this.settle(this.log, 0)) this.changes++;
    } catch {
      // Still no room: with the next line.
    }
  }

  /** Drops definitions that nothing will refer to again (a session that ended for good). */
  forget(drop: (evidence: Evidence) => boolean): void {
    const kept = this.dictionary.filter((evidence) => !drop(evidence));
    this.dictionary.splice(0, this.dictionary.length, ...kept);
  }

  /** @param remove the store has taken everything: leave nothing behind. */
  close(remove: boolean): void {
    if (this.waiting !== null) clearInterval(this.waiting);
    if (this.log === null) return;
    this.log.close();
    this.untold.close();
    closeSync(this.slotsFd);
    // What waits for room is found by whoever recovers the folder.
    if (remove && !this.owes) removeJournal(this.folder);
    this.lock?.release();
  }

  private growSlots(): void {
    const from = this.allocatedSlots * SLOT_BYTES;
    writeSync(this.slotsFd, Buffer.alloc(SLOTS_STEP * SLOT_BYTES), 0, SLOTS_STEP * SLOT_BYTES, from);
    this.allocatedSlots += SLOTS_STEP;
  }

  private lost(evidence: Evidence, reason: string): void {
    const deliveries = deliveriesIn(evidence);
    this.losses.events++;
    this.losses.deliveries += deliveries;
    this.losses.reason = reason;
    try {
      this.untold.add(deliveries, runsIn(evidence), reason, this.lastSeq);
    } catch {
      // Told from memory, unless the process is killed.
    }
  }

  /**
   * Writes what is owed. False when there is no room by the limit for that and `bytes` more; throws what the file
   * system throws.
   */
  private settle(log: LogWriter, bytes: number): boolean {
    if (!log.payHead(bytes)) return false;
    if (this.untold.isEmpty) return true;
    const line = this.untold.untold();
    if (!log.hasRoom(sizeOf(line) + bytes) || !log.append(line)) return false;
    this.untold.told(log.lastSeq);
    return true;
  }
}

function isFull(error: unknown): boolean {
  return /^(ENOSPC|EDQUOT|SQLITE_FULL|SQLITE_IOERR)/.test(String((error as { code?: unknown }).code));
}

function sizeOf(evidence: Evidence): number {
  return Buffer.byteLength(encodeLine(evidence));
}

/** How many deliveries are lost with a line. */
export function deliveriesIn(evidence: Evidence): number {
  if (evidence.t === 'run') return evidence.last - evidence.first + 1;
  if (evidence.t !== 'batch') return 0;
  return evidence.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The first of the runs whose deliveries a line tells, and how many they are. */
function runsIn(evidence: Evidence): [first: number, count: number] {
  if (evidence.t === 'run') return [evidence.run, 1];
  return evidence.t === 'batch' ? [evidence.run, evidence.ranges.length] : [0, 0];
}
