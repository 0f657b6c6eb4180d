/**
 * Record batches (magic 2) as a fetch answers them, walked without making an object a record. The last batch of an
 * answer may be cut off; older message sets (magic 0 and 1, before Kafka 0.11) are not read and are counted.
 */
import { int64At } from './bytes';

/** Bytes before the records of a batch. */
const HEADER = 61;
/** Bytes before its length starts to count. */
const PREFIX = 12;

export class BatchHeader {
  baseOffset = 0;
  /** Offset of its last record; compaction may have taken that record away. */
  lastOffset = 0;
  baseTimestamp = 0;
  maxTimestamp = 0;
  /** -1: not idempotent. */
  producerId = -1;
  compression = 0;
  isTransactional = false;
  isControl = false;
  isAppendTime = false;
  records = 0;
  /** Where its records start, and where the batch ends. */
  start = 0;
  end = 0;
}

/**
 * Reads the header of the batch that begins at `at`. 'cut': not all of it is there. 'old': an older format, or one to
 * come. 'unreadable': not a batch. In the last two `end` is set, and `lastOffset` to its first offset.
 */
export function readHeader(
  bytes: Buffer,
  at: number,
  end: number,
  into: BatchHeader,
): 'batch' | 'cut' | 'old' | 'unreadable' {
  if (end - at < PREFIX + 5) return 'cut';
  const length = bytes.readInt32BE(at + 8);
  into.baseOffset = into.lastOffset = int64At(bytes, at);
  into.end = at + PREFIX + length;
  if (length < 5 || Number.isNaN(into.baseOffset)) {
    into.end = end;
    return 'unreadable';
  }
  if (into.end > end) return 'cut';
  if (bytes[at + 16] !== 2) return 'old';
  if (length < HEADER - PREFIX) return 'unreadable';
  const attributes = bytes.readInt16BE(at + 21);
  into.compression = attributes & 7;
  into.isAppendTime = (attributes & 8) !== 0;
  into.isTransactional = (attributes & 16) !== 0;
  into.isControl = (attributes & 32) !== 0;
  const lastDelta = bytes.readInt32BE(at + 23);
  into.baseTimestamp = int64At(bytes, at + 27);
  into.maxTimestamp = int64At(bytes, at + 35);
  into.producerId = int64At(bytes, at + 43);
  into.records = bytes.readInt32BE(at + 57);
  into.start = at + HEADER;
  if (lastDelta < 0 || into.records < 0) return 'unreadable';
  into.lastOffset = into.baseOffset + lastDelta;
  return 'batch';
}

/** Where the record's key and value stand; a start of -1 is null. */
export class RecordPlace {
  offset = 0;
  /** Unix ms. */
  at = 0;
  keyStart = -1;
  keyEnd = -1;
  valueStart = -1;
  valueEnd = -1;
}

/** Walks the records between two places of a buffer. */
export class RecordWalk {
  private at: number;
  private left: number;

  constructor(
    private readonly bytes: Buffer,
    private readonly header: BatchHeader,
    start: number,
    private readonly end: number,
  ) {
    this.at = start;
    this.left = header.records;
  }

  /** False at the end, and where the bytes stop making sense: then `broken` is true. */
  next(into: RecordPlace): boolean {
    if (this.left === 0) return false;
    this.left--;
    const length = this.varint();
    const end = this.at + length;
    if (this.broken || length < 0 || end > this.end) return this.fail();
    this.at++; // attributes
    const delta = this.varint();
    into.at = this.header.isAppendTime ? this.header.maxTimestamp : this.header.baseTimestamp + delta;
    into.offset = this.header.baseOffset + this.varint();
    const keyLength = this.varint();
    into.keyStart = keyLength < 0 ? -1 : this.at;
    if (keyLength > 0) this.at += keyLength;
    into.keyEnd = keyLength < 0 ? -1 : this.at;
    // Before the next read: a length from nowhere must not lead out of the record.
    if (this.at > end) return this.fail();
    const valueLength = this.varint();
    into.valueStart = valueLength < 0 ? -1 : this.at;
    if (valueLength > 0) this.at += valueLength;
    into.valueEnd = valueLength < 0 ? -1 : this.at;
    if (this.broken || this.at > end || into.offset < this.header.baseOffset) return this.fail();
    // Headers are not looked at.
    this.at = end;
    return true;
  }

  broken = false;

  private fail(): boolean {
    this.broken = true;
    this.left = 0;
    return false;
  }

  /** Zigzag; up to 10 bytes, as a double: times need more than 32 bits. */
  private varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) break;
      const byte = this.bytes[this.at++] as number;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      factor *= 128;
    }
    this.broken = true;
    return 0;
  }
}
