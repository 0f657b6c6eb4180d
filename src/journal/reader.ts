/**
 * The reading side of a journal: follows the log from where it stood and reads the slots that changed. Safe while
 * the owner writes: a line counts when its checksum fits, a slot when one of its halves does.
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Evidence, Ref } from '../ledger/evidence';
import { decodeLine } from './line';
import { type LogHeader, segmentName } from './log';
import { untoldOf } from './losses';
import type { OwnerIdentity } from './owner';
import { readSlot, SLOT_BYTES, type SlotState } from './slot';

const READ_BYTES = 1024 * 1024;

export interface JournalRead {
  evidence: { seq: number; evidence: Evidence }[];
  /** Slots that changed since the last read. */
  slots: { track: Ref; state: SlotState }[];
}

export class JournalReader {
  readonly id: string;
  owner: OwnerIdentity | null = null;
  /** Lines whose checksum did not fit. */
  damaged = 0;
  private segment = 0;
  private position = 0;
  private seq = 0;
  /** Number of the last line that told of losses. */
  private droppedSeq = 0;
  private readonly seen = new Map<Ref, number>();

  constructor(readonly folder: string) {
    this.id = basename(folder);
  }

  /**
   * New evidence since the last read. A folder that is gone reads as nothing new.
   * @param linesMax stops when there are so many, or up to a MiB more; another read goes on there
   */
  read(linesMax = Number.POSITIVE_INFINITY): JournalRead {
    // The slots first: a run that closes in between is then seen twice, never not at all.
    const slots = this.readSlots();
    return { evidence: this.readLog(linesMax), slots };
  }

  /**
   * When everything was read and the owner is proven dead: what it lost and could not tell any more, as a line behind
   * its last one. Null: nothing.
   */
  readUntold(): JournalRead['evidence'][number] | null {
    const evidence = untoldOf(this.folder, this.droppedSeq);
    return evidence === null ? null : { seq: this.seq++, evidence };
  }

  private readLog(linesMax: number): JournalRead['evidence'] {
    const found: JournalRead['evidence'] = [];
    for (;;) {
      const segments = this.segments();
      const at = segments.find((number) => number >= this.segment);
      if (at === undefined) return found;
      if (at !== this.segment) this.enter(at);
      this.readSegment(found, linesMax);
      if (found.length >= linesMax) return found;
      if (!segments.some((number) => number > this.segment)) return found;
      this.enter(segments.find((number) => number > this.segment) as number);
    }
  }

  private enter(segment: number): void {
    this.segment = segment;
    this.position = 0;
  }

  private readSegment(found: JournalRead['evidence'], linesMax: number): void {
    let fd: number;
    try {
      fd = openSync(join(this.folder, segmentName(this.segment)), 'r');
    } catch {
      return;
    }
    try {
      const buffer = Buffer.allocUnsafe(READ_BYTES);
      for (;;) {
        const length = readSync(fd, buffer, 0, READ_BYTES, this.position);
        const used = this.takeLines(buffer.subarray(0, length), found);
        if (used === 0) return;
        this.position += used;
        if (found.length >= linesMax) return;
      }
    } finally {
      closeSync(fd);
    }
  }

  /** Takes the whole lines at the head of `bytes`; answers how many bytes they were. */
  private takeLines(bytes: Buffer, found: JournalRead['evidence']): number {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(10, start);
      // Behind the last line stand NUL bytes; a newline behind one would be a line of a later write.
      if (end < 0 || bytes[start] === 0) return start;
      const json = decodeLine(bytes.toString('utf8', start, end));
      if (json === null) this.damaged++;
      else this.take(JSON.parse(json), found);
      start = end + 1;
    }
  }

  private take(value: Evidence | LogHeader, found: JournalRead['evidence']): void {
    if (!('t' in value)) {
      this.owner = value.owner;
      this.seq = value.seq;
      return;
    }
    if (value.t === 'dropped') this.droppedSeq = this.seq;
    found.push({ seq: this.seq++, evidence: value });
  }

  private readSlots(): JournalRead['slots'] {
    const changed: JournalRead['slots'] = [];
    let fd: number;
    try {
      fd = openSync(join(this.folder, 'slots'), 'r');
    } catch {
      return changed;
    }
    try {
      const bytes = new Uint8Array(Math.ceil(fstatSync(fd).size / SLOT_BYTES) * SLOT_BYTES);
      // The last slot may lack its second half, where it was made on a full disk.
      readSync(fd, bytes, 0, bytes.length, 0);
      const doubles = new Float64Array(bytes.buffer);
      const words = new Int32Array(bytes.buffer);
      for (let track = 0; track * SLOT_BYTES < bytes.length; track++) {
        const state = readSlot(doubles, words, track);
        if (state === null || this.seen.get(track) === state.seq) continue;
        this.seen.set(track, state.seq);
        changed.push({ track, state });
      }
    } finally {
      closeSync(fd);
    }
    return changed;
  }

  private segments(): number[] {
    try {
      return readdirSync(this.folder)
        .filter((name) => /^log-\d{6,}$/.test(name))
        .map((name) => Number(name.slice(4)))
        .sort((a, b) => a - b);
    } catch {
      return [];
    }
  }
}
