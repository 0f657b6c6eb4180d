/**
 * Groups of the new consumer protocol (KIP-848, Kafka 4): the three of their records that tell epochs, members and
 * assignments. Assignments name topics by id. All values are v0 and flexible; what later versions add are tags.
 */
import { ByteReader, whole } from './bytes';

export interface ConsumerMember {
  instanceId: string | null;
  clientId: string;
  host: string;
  rebalanceTimeoutMs: number;
}

/** Partitions by topic id. */
export type AssignmentById = Readonly<Record<string, readonly number[]>>;

/** Key 3. Null: unreadable or of an unknown version. */
export function readGroupEpoch(bytes: Buffer, start: number, end: number): number | null {
  return value(bytes, start, end, (reader) => {
    const epoch = reader.int32();
    reader.skipTags();
    return epoch;
  });
}

/** Key 5. */
export function readConsumerMember(bytes: Buffer, start: number, end: number): ConsumerMember | null {
  return value(bytes, start, end, (reader) => {
    const instanceId = reader.nullableString(true);
    reader.nullableString(true); // rack
    const clientId = reader.string(true);
    const host = reader.string(true);
    for (let topics = reader.arrayLength(true, 1); topics > 0; topics--) reader.string(true);
    reader.nullableString(true); // subscribed regular expression
    const rebalanceTimeoutMs = reader.int32();
    reader.nullableString(true); // server's assignor
    reader.skipTags();
    return { instanceId, clientId, host, rebalanceTimeoutMs };
  });
}

/** Key 8: what the member has now; what it is about to give up is still its own. */
export function readMemberAssignment(bytes: Buffer, start: number, end: number): AssignmentById | null {
  return value(bytes, start, end, (reader) => {
    reader.skip(4 + 4 + 1); // epoch, previous epoch, state
    const assignment: Record<string, number[]> = {};
    for (let lists = 0; lists < 2; lists++) {
      for (let topics = reader.arrayLength(true, 18); topics > 0; topics--) {
        const topicId = reader.uuid();
        assignment[topicId] ??= [];
        for (let left = reader.arrayLength(true, 4); left > 0; left--)
          assignment[topicId].push(reader.int32());
        reader.skipTags();
      }
    }
    reader.skipTags();
    return assignment;
  });
}

function value<T>(bytes: Buffer, start: number, end: number, read: (reader: ByteReader) => T): T | null {
  if (end - start < 2 || bytes.readInt16BE(start) !== 0) return null;
  return whole(new ByteReader(bytes, start + 2, end), read);
}
