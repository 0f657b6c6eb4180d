/**
 * The journal's log: lines of evidence in numbered, preallocated segments. `crc32 json\n` a line, NUL bytes behind
 * the last one. Preallocated, because writing into blocks that exist works on a full disk too.
 *
 * A segment is deleted when all of its lines stand in the store, so a new one begins with the dictionary (sessions,
 * members, topics, tracks) that its later lines refer to.
 *
 * The bound. Everything that the store has not taken fills at most `limitBytes`, and an eighth more for definitions;
 * the head of the segment in use is not counted (a dictionary may be larger than a small limit, and nothing is told
 * without it). A segment holds at most a quarter of the limit, so that the store's progress always gives room back:
 *
 *     writing -(no room by the limit, or none on the disk)-> refusing -(the store takes segments; room on the disk)-> writing
 *
 * What is refused is its caller's to count. A definition that is refused leaves the head owed: the next line of any
 * kind begins a new segment, whose head has it, or is refused too.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Evidence } from '../ledger/evidence';
import { encodeLine } from './line';
import type { OwnerIdentity } from './owner';

/** A segment is preallocated in steps of this, and rotated when it holds that; both are less where the limit is small. */
const STEP_BYTES = 256 * 1024;
const ROTATE_BYTES = 1024 * 1024;
const SEGMENTS_MIN = 4;
/** Of the limit, on top of it: the store holds a session's lines back until its cluster is defined. */
const DEFINITIONS_SHARE = 1 / 8;
const ZEROS = Buffer.alloc(STEP_BYTES);

export interface LogHeader {
  version: 1;
  journal: string;
  owner: OwnerIdentity;
  /** Sequence number of the segment's first line of evidence. */
  seq: number;
}

interface Segment {
  number: number;
  lastSeq: number;
  bytes: number;
}

export function segmentName(number: number): string {
  return `log-${String(number).padStart(6, '0')}`;
}

export class LogWriter {
  private seq = 0;
  private fd = -1;
  private position = 0;
  private allocated = 0;
  /** Of the segment in use: bytes of its lines, the head apart. */
  private lines = 0;
  private appliedSeq = 0;
  private owed = false;
  private readonly full: Segment[] = [];
  private current: Segment = { number: 0, lastSeq: 0, bytes: 0 };
  private readonly rotateBytes: number;
  private readonly stepBytes: number;

  /**
   * @param limitBytes lines that the store has not taken may fill this much; beyond it `append` refuses
   * @param dictionary evidence that every segment must begin with
   */
  constructor(
    private readonly folder: string,
    private readonly header: Omit<LogHeader, 'seq'>,
    private readonly limitBytes: number,
    private readonly dictionary: () => readonly Evidence[],
  ) {
    this.rotateBytes = Math.min(ROTATE_BYTES, Math.floor(limitBytes / SEGMENTS_MIN));
    this.stepBytes = Math.min(STEP_BYTES, this.rotateBytes);
    this.begin();
  }

  /** Sequence number of the last line written. */
  get lastSeq(): number {
    return this.seq;
  }

  /** A definition was refused, and stands in no head yet. */
  get owesHead(): boolean {
    return this.owed;
  }

  /** The dictionary has what no line tells: nothing is written before a new head is. */
  oweHead(): void {
    this.owed = true;
  }

  /** Whether lines of so many bytes have room by the limit. */
  hasRoom(bytes: number): boolean {
    return this.hasRoomNext(bytes) || (!this.owed && this.hasRoomHere(bytes));
  }

  /** Begins a segment if a head is owed. False when there is no room by the limit for `bytes` behind it. */
  payHead(bytes: number): boolean {
    if (!this.owed) return true;
    if (!this.hasRoomNext(bytes)) return false;
    this.rotate();
    return true;
  }

  /**
   * Writes one line; false when there is no room by the limit. Throws what the file system throws.
   * @param isDefinition it may go beyond the limit, by a share
   */
  append(evidence: Evidence, isDefinition = false): boolean {
    const line = Buffer.from(encodeLine(evidence));
    if (!this.payHead(line.length)) return false;
    if (this.isFull(line.length) && this.hasRoomNext(line.length)) this.tryToRotate();
    const beyond = isDefinition ? this.limitBytes * DEFINITIONS_SHARE : 0;
    if (!this.hasRoomHere(line.length - beyond)) return false;
    this.put(line);
    this.lines += line.length;
    this.seq++;
    this.current.lastSeq = this.seq;
    return true;
  }

  /** The store has everything up to `seq`: segments that end there are not needed any more. */
  applied(seq: number): void {
    this.appliedSeq = Math.max(this.appliedSeq, seq);
    while (this.full[0] !== undefined && this.full[0].lastSeq <= this.appliedSeq) {
      rmSync(join(this.folder, segmentName(this.full[0].number)), { force: true });
      this.full.shift();
    }
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }

  /** The segment has lines, no fewer than its head, and no place for this one in what was allocated for it at first. */
  private isFull(bytes: number): boolean {
    const head = this.position - this.lines;
    return this.lines > 0 && this.position + bytes >= Math.max(this.rotateBytes, 2 * head);
  }

  private hasRoomHere(bytes: number): boolean {
    return this.fullBytes() + this.lines + bytes <= this.limitBytes;
  }

  /** In a new segment: the one in use then counts with its head, unless the store has it all. */
  private hasRoomNext(bytes: number): boolean {
    const left = this.current.lastSeq <= this.appliedSeq ? 0 : this.position;
    return this.fullBytes() + left + bytes <= this.limitBytes;
  }

  private fullBytes(): number {
    return this.full.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Where the disk has no room for another segment it goes on in this one; the limit still bounds it. */
  private tryToRotate(): void {
    try {
      this.rotate();
    } catch {
      // Tried again with the next line.
    }
  }

  /** Throws what the file system throws, and nothing has changed then. */
  private rotate(): void {
    const { fd, position, allocated, current } = this;
    current.bytes = position;
    this.full.push(current);
    try {
      this.begin();
    } catch (error) {
      this.full.pop();
      Object.assign(this, { fd, position, allocated, current });
      throw error;
    }
    closeSync(fd);
    this.owed = false;
    this.applied(this.appliedSeq);
  }

  private begin(): void {
    const number = this.current.number + 1;
    // Under its name only when it is whole: a reader that has seen the next segment never looks back.
    const path = join(this.folder, 'next-log');
    const { seq } = this;
    this.fd = openSync(path, 'w');
    try {
      this.position = 0;
      this.allocated = 0;
      this.put(Buffer.from(encodeLine({ ...this.header, seq: seq + 1 })));
      for (const evidence of this.dictionary()) {
        this.put(Buffer.from(encodeLine(evidence)));
        this.seq++;
      }
      renameSync(path, join(this.folder, segmentName(number)));
      this.current = { number, lastSeq: this.seq, bytes: 0 };
      this.lines = 0;
    } catch (error) {
      this.seq = seq;
      closeSync(this.fd);
      rmSync(path, { force: true });
      throw error;
    }
  }

  private put(line: Buffer): void {
    while (this.position + line.length >= this.allocated) this.allocate();
    if (writeSync(this.fd, line, 0, line.length, this.position) < line.length) noSpace();
    this.position += line.length;
  }

  private allocate(): void {
    const written = writeSync(this.fd, ZEROS, 0, this.stepBytes, this.allocated);
    this.allocated += written;
    if (written === 0) noSpace();
  }
}

function noSpace(): never {
  throw Object.assign(new Error('no space left for the journal'), { code: 'ENOSPC' });
}
