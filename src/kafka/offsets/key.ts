/** Keys of `__consumer_offsets`: int16 type, then names. Types that are not listed are skipped and counted. */
import { ByteReader, whole } from './bytes';

export type OffsetsKey =
  | { kind: 'commit'; group: string; topic: string; partition: number }
  /** A classic group. */
  | { kind: 'classic'; group: string }
  /** A group of the new consumer protocol: its epoch, one member, what that member has. */
  | { kind: 'epoch'; group: string }
  | { kind: 'member'; group: string; memberId: string }
  | { kind: 'assignment'; group: string; memberId: string };

/** The kinds by the key's number; 0 and 1 differ in their values alone. */
const KINDS = new Map<number, OffsetsKey['kind']>([
  [0, 'commit'],
  [1, 'commit'],
  [2, 'classic'],
  [3, 'epoch'],
  [5, 'member'],
  [8, 'assignment'],
]);

export function readKey(
  bytes: Buffer,
  start: number,
  end: number,
): OffsetsKey | 'unknown version' | 'unreadable' {
  if (end - start < 2) return 'unreadable';
  const kind = KINDS.get(bytes.readInt16BE(start));
  if (kind === undefined) return 'unknown version';
  const read = whole(new ByteReader(bytes, start + 2, end), (reader) => keyOf(reader, kind));
  return read ?? 'unreadable';
}

function keyOf(reader: ByteReader, kind: OffsetsKey['kind']): OffsetsKey {
  const group = reader.string(false);
  switch (kind) {
    case 'commit': {
      const topic = reader.string(false);
      const partition = reader.int32();
      return { kind, group, topic, partition };
    }
    case 'classic':
    case 'epoch':
      return { kind, group };
    case 'member':
    case 'assignment':
      return { kind, group, memberId: reader.string(false) };
  }
}
