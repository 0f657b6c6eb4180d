/**
 * The value of an offset commit, read into one reused object: this runs once a record, 1M times in a catch-up.
 *
 *     v0, v2  int64 offset | string metadata | int64 commit time
 *     v1      the same | int64 expiry
 *     v3      int64 offset | int32 leader epoch | string metadata | int64 commit time
 *     v4      flexible: int64 | int32 | compact string | int64 | tags; tag 0 is the topic's id (Kafka 4)
 */
import { int64At } from './bytes';

export class CommitValue {
  offset = 0;
  /** -1: not known. */
  leaderEpoch = -1;
  /** When the broker took it, unix ms. */
  at = 0;
  /** Where the metadata's bytes stand. */
  metadataStart = 0;
  metadataEnd = 0;
  /** Where the 16 bytes of the topic's id stand; -1: not told. */
  topicIdAt = -1;
}

const HIGHEST_VERSION = 4;

/** What became of one value. */
export type CommitRead = 'read' | 'unknown version' | 'unreadable';

export function readCommit(bytes: Buffer, start: number, end: number, into: CommitValue): CommitRead {
  if (end - start < 2) return 'unreadable';
  const version = bytes.readInt16BE(start);
  if (version < 0 || version > HIGHEST_VERSION) return 'unknown version';
  let at = start + 2;
  // The shortest of all: offset, an empty text, a time.
  if (end - at < 8 + 1 + 8) return 'unreadable';
  into.offset = int64At(bytes, at);
  at += 8;
  into.leaderEpoch = -1;
  if (version >= 3) {
    into.leaderEpoch = bytes.readInt32BE(at);
    at += 4;
  }
  into.topicIdAt = -1;
  return (version === 4 ? readFlexible(bytes, at, end, into) : readFixed(bytes, at, end, version, into)) &&
    !Number.isNaN(into.offset) &&
    !Number.isNaN(into.at)
    ? 'read'
    : 'unreadable';
}

function readFixed(bytes: Buffer, from: number, end: number, version: number, into: CommitValue): boolean {
  if (end - from < 2) return false;
  const length = bytes.readInt16BE(from);
  const metadataEnd = from + 2 + length;
  if (length < 0 || metadataEnd + (version === 1 ? 16 : 8) !== end) return false;
  into.metadataStart = from + 2;
  into.metadataEnd = metadataEnd;
  into.at = int64At(bytes, metadataEnd);
  return true;
}

function readFlexible(bytes: Buffer, from: number, end: number, into: CommitValue): boolean {
  const cursor = { at: from };
  const length = uvarint(bytes, cursor, end) - 1;
  if (length < 0 || length > end - cursor.at - 8) return false;
  into.metadataStart = cursor.at;
  cursor.at += length;
  into.metadataEnd = cursor.at;
  into.at = int64At(bytes, cursor.at);
  cursor.at += 8;
  let seen = -1;
  for (let count = uvarint(bytes, cursor, end); count !== 0; count--) {
    const tag = uvarint(bytes, cursor, end);
    const size = uvarint(bytes, cursor, end);
    // Tags rise: a repeated or unordered one is no Kafka's.
    if (count < 0 || tag <= seen || size < 0 || size > end - cursor.at) return false;
    seen = tag;
    if (tag === 0) {
      if (size !== 16) return false;
      into.topicIdAt = cursor.at;
    }
    cursor.at += size;
  }
  return cursor.at === end;
}

/** -1 where it does not end in time. */
function uvarint(bytes: Buffer, cursor: { at: number }, end: number): number {
  let value = 0;
  for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
    if (cursor.at >= end) return -1;
    const byte = bytes[cursor.at++] as number;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
  return -1;
}
