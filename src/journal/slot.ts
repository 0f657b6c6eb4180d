/**
 * A slot: where one track stands, 20 doubles, in two halves that are written in turn, so that a reader (another
 * thread, another process, or a recovery after a kill) always finds one whole half.
 *
 * States of a slot: empty (never written, seq 0) -> open (its run grows) <-> closed (its run stands in the log,
 * or none has begun yet). `last` is certain; the records in (last..reserved] may have been handed over without
 * another write and are what a kill leaves uncertain.
 */

export const SLOT_DOUBLES = 20;
export const HALF_BYTES = SLOT_DOUBLES * 8;
export const SLOT_BYTES = 2 * HALF_BYTES;

/** Positions of the values in a half. */
export const Field = {
  seq: 0,
  run: 1,
  member: 2,
  first: 3,
  last: 4,
  reserved: 5,
  handled: 6,
  firstAt: 7,
  lastAt: 8,
  /** Bit set of `Flag`. */
  flags: 9,
  committed: 10,
  exposedSince: 11,
  /** Greatest exposure found at a commit within the hour `peakHour`: records, and ms since the oldest was handled. */
  peakRecords: 12,
  peakMs: 13,
  /** Hours since 1970, by the observed process's clock. */
  peakHour: 14,
  /** The stretch of hits of the open run that is not in the log yet. */
  hitFirst: 15,
  hitLast: 16,
  hitAgeMs: 17,
  /** What a transaction is about to commit; below 0: none. */
  promised: 18,
  checksum: 19,
} as const;

export const Flag = {
  /** The run in this slot is still growing and not in the log. */
  open: 1,
  /** `committed` was acknowledged to this session (else: assumed from where it began). */
  commitSeen: 2,
  /** A handler has the records [handled..last] now. */
  busy: 4,
  /** There is a stretch of hits. */
  hits: 8,
  /** Offsets are committed by transactions: a record is handled when that is answered. */
  withheld: 16,
} as const;

export interface SlotState {
  seq: number;
  run: number;
  member: number;
  first: number;
  last: number;
  reserved: number;
  handled: number;
  firstAt: number;
  lastAt: number;
  open: boolean;
  busy: boolean;
  committed: number;
  commitSeen: boolean;
  exposedSince: number;
  peakRecords: number;
  peakMs: number;
  peakHour: number;
  /** The latest stretch of hits of the open run; `ageMs` -1: the check did not say. */
  hits: { first: number; last: number; ageMs: number } | null;
  withheld: boolean;
  /** The offset that a transaction is about to commit; -1: none. */
  promised: number;
}

/**
 * Checksum of a half's first 19 doubles, as a double: cheap (about 20 ns), and enough to tell a half that is torn
 * between two writes of the same process; media errors are not its business.
 */
export function checksumOf(words: Int32Array, offset: number): number {
  let sum = 0x2545f491;
  const end = offset + 2 * Field.checksum;
  for (let i = offset; i < end; i++) sum = (Math.imul(sum, 31) + (words[i] as number)) | 0;
  return sum;
}

/** The newest whole half of the slot that begins at byte `at` of `bytes`, null when empty or torn twice. */
export function readSlot(doubles: Float64Array, words: Int32Array, slot: number): SlotState | null {
  const base = slot * 2 * SLOT_DOUBLES;
  let best = -1;
  let bestSeq = 0;
  for (const half of [base, base + SLOT_DOUBLES]) {
    const seq = doubles[half + Field.seq] as number;
    if (seq > bestSeq && doubles[half + Field.checksum] === checksumOf(words, half * 2)) {
      best = half;
      bestSeq = seq;
    }
  }
  if (best < 0) return null;
  const at = (field: number): number => doubles[best + field] as number;
  const flags = at(Field.flags);
  return {
    seq: bestSeq,
    run: at(Field.run),
    member: at(Field.member),
    first: at(Field.first),
    last: at(Field.last),
    reserved: at(Field.reserved),
    handled: at(Field.handled),
    firstAt: at(Field.firstAt),
    lastAt: at(Field.lastAt),
    open: (flags & Flag.open) !== 0,
    busy: (flags & Flag.busy) !== 0,
    committed: at(Field.committed),
    commitSeen: (flags & Flag.commitSeen) !== 0,
    exposedSince: at(Field.exposedSince),
    peakRecords: at(Field.peakRecords),
    peakMs: at(Field.peakMs),
    peakHour: at(Field.peakHour),
    hits:
      (flags & Flag.hits) === 0
        ? null
        : { first: at(Field.hitFirst), last: at(Field.hitLast), ageMs: at(Field.hitAgeMs) },
    withheld: (flags & Flag.withheld) !== 0,
    promised: (flags & Flag.withheld) === 0 ? -1 : at(Field.promised),
  };
}
