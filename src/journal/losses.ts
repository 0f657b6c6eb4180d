/**
 * What a journal had no room for, in numbers: kept in the file `losses`, in two halves that are written in turn, so
 * that a kill does not take them along. Preallocated, as a full disk is one of the reasons for losses.
 *
 *     nothing untold -> (a line is refused) untold, in the file -> (there is room) told by a `dropped` line -> nothing
 *
 * The file says how far the log went when it was written: a `dropped` line behind that has told it all.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DetailDropped } from '../ledger/evidence';
import { decodeLine, encodeLine } from './line';
import { RunNumbers } from './run-numbers';

const FILE = 'losses';
const HALF_BYTES = 4096;
const REASON_MAX = 200;
/** So many ranges of numbers fit into a half beside the rest, at 2 x 12 digits each. */
const RANGES_MAX = 120;

interface Half {
  /** Grows with every write: the newer half counts. */
  n: number;
  /** Number of the log's last line at that moment. */
  seq: number;
  told: DetailDropped;
}

export class LossBook {
  /** -1: there is no file yet. */
  private fd = -1;
  private n = 0;
  private events = 0;
  private deliveries = 0;
  private reason = '';
  private runs = new RunNumbers(RANGES_MAX);

  /** Throws what the file system throws. @param seq number of the log's last line */
  open(folder: string, seq: number): void {
    const fd = openSync(join(folder, FILE), 'w');
    try {
      const length = 2 * HALF_BYTES;
      if (writeSync(fd, Buffer.alloc(length), 0, length, 0) < length) {
        throw Object.assign(new Error('no space left for the journal'), { code: 'ENOSPC' });
      }
      this.fd = fd;
      if (!this.isEmpty) this.write(seq);
    } catch (error) {
      this.fd = -1;
      closeSync(fd);
      throw error;
    }
  }

  get isEmpty(): boolean {
    return this.events === 0;
  }

  /** @param runs numbers of the runs that the refused line tells of: the first, and how many */
  add(deliveries: number, runs: [first: number, count: number], reason: string, seq: number): void {
    this.events++;
    this.deliveries += deliveries;
    this.runs.add(runs[0], runs[0] + runs[1] - 1);
    this.reason = reason.slice(0, REASON_MAX);
    this.write(seq);
  }

  untold(): DetailDropped {
    const { events, deliveries, reason } = this;
    return { t: 'dropped', at: Date.now(), events, deliveries, reason, runs: this.runs.ranges() };
  }

  /** A line of the log tells of it. */
  told(seq: number): void {
    this.events = 0;
    this.deliveries = 0;
    this.runs = new RunNumbers(RANGES_MAX);
    this.write(seq);
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }

  private write(seq: number): void {
    if (this.fd < 0) return;
    const half: Half = { n: ++this.n, seq, told: this.untold() };
    const bytes = Buffer.alloc(HALF_BYTES);
    bytes.write(encodeLine(half));
    writeSync(this.fd, bytes, 0, HALF_BYTES, (this.n & 1) * HALF_BYTES);
  }
}

/**
 * What a dead process lost and could not tell any more; null: nothing.
 * @param toldSeq number of the last `dropped` line in its log; 0: there is none
 */
export function untoldOf(folder: string, toldSeq: number): DetailDropped | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(folder, FILE));
  } catch {
    return null; // of a version that kept none
  }
  const halves = [0, HALF_BYTES]
    .map((at) => halfIn(bytes.toString('utf8', at, at + HALF_BYTES)))
    .filter((half) => half !== null);
  const newest = halves.sort((a, b) => b.n - a.n)[0];
  if (newest === undefined || newest.told.events === 0 || toldSeq > newest.seq) return null;
  return newest.told;
}

function halfIn(text: string): Half | null {
  const end = text.indexOf('\n');
  const json = end < 0 ? null : decodeLine(text.slice(0, end));
  return json === null ? null : (JSON.parse(json) as Half);
}
