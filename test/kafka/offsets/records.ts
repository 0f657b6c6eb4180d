/** Records of the offsets log: a real broker's (see fixtures/Capture.java), and batches made of them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CapturedRecord {
  origin: string;
  key: Buffer;
  value: Buffer | null;
  /** What Kafka's own classes read; null for tombstones and for types that are not looked at. */
  expected: Record<string, unknown> | null;
}

export function capturedRecords(): CapturedRecord[] {
  const text = readFileSync(join(__dirname, 'fixtures/records.json'), 'utf8');
  const rows = JSON.parse(text) as (Omit<CapturedRecord, 'key' | 'value'> & {
    key: string;
    value: string | null;
  })[];
  return rows.map((row) => ({
    ...row,
    key: Buffer.from(row.key, 'base64'),
    value: row.value === null ? null : Buffer.from(row.value, 'base64'),
  }));
}

export interface BatchOptions {
  baseOffset: number;
  at?: number;
  /** Makes the batch a transactional one. */
  producerId?: number;
  isControl?: boolean;
}

/** A record batch (magic 2), uncompressed; the checksum is left out, nobody looks at it. */
export function recordBatch(
  records: readonly { key: Buffer | null; value: Buffer | null }[],
  { baseOffset, at = 0, producerId, isControl = false }: BatchOptions,
): Buffer {
  const parts = records.map(({ key, value }, i) => {
    const body = Buffer.concat([
      Buffer.from([0]),
      varint(0),
      varint(i),
      ...sized(key),
      ...sized(value),
      varint(0),
    ]);
    return Buffer.concat([varint(body.length), body]);
  });
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(61);
  header.writeBigInt64BE(BigInt(baseOffset), 0);
  header.writeInt32BE(49 + body.length, 8);
  header.writeInt8(2, 16);
  header.writeInt16BE((producerId === undefined ? 0 : 16) | (isControl ? 32 : 0), 21);
  header.writeInt32BE(records.length - 1, 23);
  header.writeBigInt64BE(BigInt(at), 27);
  header.writeBigInt64BE(BigInt(at), 35);
  header.writeBigInt64BE(BigInt(producerId ?? -1), 43);
  header.writeInt32BE(records.length, 57);
  return Buffer.concat([header, body]);
}

/** The marker that ends a transaction. */
export function marker(commits: boolean, options: BatchOptions): Buffer {
  const key = Buffer.from([0, 0, 0, commits ? 1 : 0]);
  return recordBatch([{ key, value: Buffer.alloc(6) }], { ...options, isControl: true });
}

export function commitKey(group: string, topic: string, partition: number): Buffer {
  const end = Buffer.alloc(4);
  end.writeInt32BE(partition);
  return Buffer.concat([int16(1), text(group), text(topic), end]);
}

/** Value v3. */
export function commitValue(offset: number, at = 0): Buffer {
  const value = Buffer.alloc(2 + 8 + 4 + 2 + 8);
  value.writeInt16BE(3, 0);
  value.writeBigInt64BE(BigInt(offset), 2);
  value.writeInt32BE(-1, 10);
  value.writeBigInt64BE(BigInt(at), 16);
  return value;
}

export function groupKey(group: string): Buffer {
  return Buffer.concat([int16(2), text(group)]);
}

function sized(bytes: Buffer | null): Buffer[] {
  return bytes === null ? [varint(-1)] : [varint(bytes.length), bytes];
}

/** Zigzag. */
function varint(value: number): Buffer {
  let rest = value < 0 ? -value * 2 - 1 : value * 2;
  const bytes: number[] = [];
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}
