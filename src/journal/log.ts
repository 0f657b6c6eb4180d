/**
 * The journal's log: lines of evidence in numbered, preallocated segments. `crc32 json\n` a line, NUL bytes behind
 * the last one. Preallocated, because writing into blocks that exist works on a full disk too.
 *
 * A segment is deleted when all of its lines stand in the store, so a new one begins with the dictionary (sessions,
 * members, topics, tracks) that its later lines refer to.
 */
import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Evidence } from '../ledger/evidence';
import type { OwnerIdentity } from './owner';

/** A segment is preallocated in steps of this and rotated when it holds that much. */
const STEP_BYTES = 256 * 1024;
const ROTATE_BYTES = 1024 * 1024;
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

export function encodeLine(value: Evidence | LogHeader): string {
  const json = JSON.stringify(value);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

export class LogWriter {
  private seq = 0;
  private fd = -1;
  private position = 0;
  private allocated = 0;
  private readonly full: Segment[] = [];
  private current: Segment = { number: 0, lastSeq: 0, bytes: 0 };

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
    this.begin();
  }

  /** Sequence number of the last line written. */
  get lastSeq(): number {
    return this.seq;
  }

  /** Writes one line; false when there is no room by the limit. Throws what the file system throws. */
  append(evidence: Evidence): boolean {
    if (this.position > ROTATE_BYTES) this.tryToRotate();
    const line = Buffer.from(encodeLine(evidence));
    if (this.heldBytes() + line.length > this.limitBytes) return false;
    this.put(line);
    this.seq++;
    this.current.lastSeq = this.seq;
    return true;
  }

  /** The store has everything up to `seq`: segments that end there are not needed any more. */
  applied(seq: number): void {
    while (this.full[0] !== undefined && this.full[0].lastSeq <= seq) {
      rmSync(join(this.folder, segmentName(this.full[0].number)), { force: true });
      this.full.shift();
    }
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }

  private heldBytes(): number {
    return this.full.reduce((sum, segment) => sum + segment.bytes, this.position);
  }

  /** Where there is no room for another segment it goes on in this one; the limit still bounds it. */
  private tryToRotate(): void {
    const { fd, position, allocated, current } = this;
    current.bytes = position;
    this.full.push(current);
    try {
      this.begin();
    } catch {
      this.full.pop();
      Object.assign(this, { fd, position, allocated, current });
      return;
    }
    closeSync(fd);
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
    } catch (error) {
      this.seq = seq;
      closeSync(this.fd);
      rmSync(path, { force: true });
      throw error;
    }
  }

  private put(line: Buffer): void {
    while (this.position + line.length >= this.allocated) this.allocate();
    writeSync(this.fd, line, 0, line.length, this.position);
    this.position += line.length;
  }

  private allocate(): void {
    const written = writeSync(this.fd, ZEROS, 0, ZEROS.length, this.allocated);
    this.allocated += written;
    if (written === 0) throw Object.assign(new Error('no space left for the journal'), { code: 'ENOSPC' });
  }
}
