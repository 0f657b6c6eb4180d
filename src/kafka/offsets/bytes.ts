/**
 * Reading Kafka's primitive types from one stretch of a buffer. Whatever is not there as it should be ends in
 * `Unreadable`, at once: no length is believed that does not fit into what is left.
 */
import { isUtf8 } from 'node:buffer';

/** These bytes are not what their version says. Made once: fuzzed and foreign records are many. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}
export const UNREADABLE = new Unreadable('the bytes are not what their version says');

const TWO_32 = 4_294_967_296;

/** A signed 64-bit integer; NaN where it is no safe integer. */
export function int64At(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}

export class ByteReader {
  constructor(
    private readonly bytes: Buffer,
    private at: number,
    private readonly end: number,
  ) {}

  /** Nothing is left. */
  get done(): boolean {
    return this.at === this.end;
  }

  skip(count: number): void {
    this.take(count);
  }

  int8(): number {
    return this.bytes.readInt8(this.take(1));
  }

  int16(): number {
    return this.bytes.readInt16BE(this.take(2));
  }

  int32(): number {
    return this.bytes.readInt32BE(this.take(4));
  }

  int64(): number {
    const value = int64At(this.bytes, this.take(8));
    if (Number.isNaN(value)) throw UNREADABLE;
    return value;
  }

  /** 32 hex digits. */
  uuid(): string {
    const start = this.take(16);
    return this.bytes.toString('hex', start, start + 16);
  }

  uvarint(): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
      const byte = this.bytes.readUInt8(this.take(1));
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    throw UNREADABLE;
  }

  /** Null for a length of -1. */
  nullableString(flexible: boolean): string | null {
    const length = flexible ? this.uvarint() - 1 : this.int16();
    if (length === -1) return null;
    return this.text(length);
  }

  string(flexible: boolean): string {
    const text = this.nullableString(flexible);
    if (text === null) throw UNREADABLE;
    return text;
  }

  /** A reader of the bytes of that field. */
  nested(flexible: boolean): ByteReader {
    const length = flexible ? this.uvarint() - 1 : this.int32();
    const start = this.take(length);
    return new ByteReader(this.bytes, start, start + length);
  }

  /** Where the bytes of that field stand in the buffer; nothing for a length below 0. */
  place(): { start: number; end: number } {
    const length = Math.max(0, this.int32());
    const start = this.take(length);
    return { start, end: start + length };
  }

  /** The same with a compact length; nothing for null. */
  compactPlace(): { start: number; end: number } {
    const length = Math.max(0, this.uvarint() - 1);
    const start = this.take(length);
    return { start, end: start + length };
  }

  /** As `arrayLength`, 0 for null. */
  nullableLength(flexible: boolean, leastBytes: number): number {
    const length = flexible ? this.uvarint() - 1 : this.int32();
    if (length * leastBytes > this.end - this.at) throw UNREADABLE;
    return Math.max(0, length);
  }

  /** How many elements follow, each of at least `leastBytes`: no array is longer than its bytes allow. */
  arrayLength(flexible: boolean, leastBytes: number): number {
    const length = flexible ? this.uvarint() - 1 : this.int32();
    if (length < 0 || length * leastBytes > this.end - this.at) throw UNREADABLE;
    return length;
  }

  /** Tagged fields that are not looked at. */
  skipTags(): void {
    for (let count = this.uvarint(); count > 0; count--) {
      this.uvarint();
      this.skip(this.uvarint());
    }
  }

  private text(length: number): string {
    const start = this.take(length);
    const part = this.bytes.subarray(start, start + length);
    // A replacement character would make one group of two.
    if (!isUtf8(part)) throw UNREADABLE;
    return part.toString('utf8');
  }

  private take(count: number): number {
    const start = this.at;
    if (count < 0 || count > this.end - start) throw UNREADABLE;
    this.at = start + count;
    return start;
  }
}

/** What `read` answers, or null where the bytes are unreadable or some are left over. */
export function whole<T>(reader: ByteReader, read: (reader: ByteReader) => T): T | null {
  try {
    const value = read(reader);
    return reader.done ? value : null;
  } catch (error) {
    if (error === UNREADABLE) return null;
    throw error;
  }
}
