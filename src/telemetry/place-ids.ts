/**
 * Ids that follow from a record's place, so that processes that know nothing of one another agree on them.
 *
 * A record without a trace of its own gets one: (cluster id, topic id, partition, offset) gives the trace id and the
 * id of a remote parent that is never exported, so that all attempts of all groups stand in one trace, and any SDK
 * takes the trace id over from that parent. Which session gave the record to its handler for the nth time gives that
 * attempt's span id: the ledger's answer about the delivery before is enough to link to its span.
 *
 * SHA-256 once a partition and session; the offset is stirred in by 32-bit mixing (murmur3's finalizer), 0.3 us a
 * record instead of 2. Each word of an id is a bijection of the offset's low word: no two records of a partition meet.
 */
import { createHash } from 'node:crypto';

export interface Place {
  clusterId: string | null;
  topic: string;
  topicId: string | null;
  partition: number;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** A word is two of these and two digits: each piece less is a string less to be made. */
const HEX3 = Array.from({ length: 4096 }, (_, bits) => bits.toString(16).padStart(3, '0'));
/** Odd constants, one a word of an id. */
const SALTS = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1, 0xd3a2646d] as const;
const SESSIONS_MAX = 64;

export class PlaceIds {
  private readonly base: Int32Array;
  private readonly sessions = new Map<string, Int32Array>();

  constructor(
    { clusterId, topic, topicId, partition }: Place,
    private readonly group: string,
  ) {
    this.base = wordsOf([clusterId, topicId ?? topic, partition]);
  }

  /** Of a record that carries no trace: 32 hexadecimal digits. */
  trace(offset: number): string {
    return id(this.base, 0, offset, 0) + id(this.base, 2, offset, 0);
  }

  /** Of the parent of all its deliveries: 16 hexadecimal digits. */
  parent(offset: number): string {
    return id(this.base, 4, offset, 0);
  }

  /** Of the span of the nth attempt, made by that session: 16 hexadecimal digits. */
  attempt(session: string, offset: number, attempt: number): string {
    let base = this.sessions.get(session);
    if (base === undefined) {
      base = wordsOf([this.base.join(), this.group, session]);
      if (this.sessions.size >= SESSIONS_MAX) this.sessions.clear();
      this.sessions.set(session, base);
    }
    return id(base, 0, offset, attempt);
  }

  /** 0 to 1, the same for a record in every process. */
  dice(offset: number): number {
    return (word(this.base, 1, offset, 0) >>> 0) / 2 ** 32;
  }
}

function wordsOf(parts: readonly unknown[]): Int32Array {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest();
  return Int32Array.from({ length: 8 }, (_, i) => digest.readInt32BE(4 * i));
}

/** Two words as 16 hexadecimal digits. */
function id(base: Int32Array, from: number, offset: number, attempt: number): string {
  return hex(word(base, from, offset, attempt)) + hex(word(base, from + 1, offset, attempt));
}

function word(base: Int32Array, index: number, offset: number, attempt: number): number {
  const salt = SALTS[index] as number;
  const high = Math.imul(Math.floor(offset / 2 ** 32) + 1, salt) + Math.imul(attempt, 0x5bd1e995);
  return mixed((base[index] as number) ^ (mixed((offset | 0) ^ salt) + high));
}

function mixed(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hex(value: number): string {
  return `${HEX3[value >>> 20]}${HEX3[(value >>> 8) & 4095]}${HEX[value & 255]}`;
}
