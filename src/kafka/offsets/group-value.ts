/** The value of a classic group's metadata: generation, members, who reads what. */
import { ByteReader, type Unreadable, whole } from './bytes';

/** A member of a group, as the group's coordinator has it. */
export interface GroupMember {
  memberId: string;
  /** Of a static member. */
  instanceId: string | null;
  clientId: string;
  /** As Java prints an address: `/10.0.0.7`. */
  host: string;
  sessionTimeoutMs: number | null;
  rebalanceTimeoutMs: number | null;
  /** Partitions by topic; null where the assignment is not that of a consumer, or not known. */
  assignment: Readonly<Record<string, readonly number[]>> | null;
}

export interface ClassicGroup {
  protocolType: string;
  generation: number;
  /** The assignor that the members agreed on; null: none yet. */
  protocol: string | null;
  /** When the group came into this state, unix ms; null before v2, and where it was not told (-1). */
  at: number | null;
  members: GroupMember[];
}

/** What each version of the value has, besides what all have. */
const VERSIONS = [
  { stateAt: false, rebalanceTimeout: false, instanceId: false, flexible: false },
  { stateAt: false, rebalanceTimeout: true, instanceId: false, flexible: false },
  { stateAt: true, rebalanceTimeout: true, instanceId: false, flexible: false },
  { stateAt: true, rebalanceTimeout: true, instanceId: true, flexible: false },
  { stateAt: true, rebalanceTimeout: true, instanceId: true, flexible: true },
] as const;
type Version = (typeof VERSIONS)[number];

/** Bytes that the shortest member takes. */
const LEAST_MEMBER_BYTES = 9;

export function readClassicGroup(
  bytes: Buffer,
  start: number,
  end: number,
): ClassicGroup | 'unknown version' | 'unreadable' {
  if (end - start < 2) return 'unreadable';
  const version = VERSIONS[bytes.readInt16BE(start)];
  if (version === undefined) return 'unknown version';
  const read = whole(new ByteReader(bytes, start + 2, end), (reader) => groupOf(reader, version));
  return read ?? 'unreadable';
}

/** @throws Unreadable */
function groupOf(reader: ByteReader, version: Version): ClassicGroup {
  const { flexible } = version;
  const protocolType = reader.string(flexible);
  const generation = reader.int32();
  const protocol = reader.nullableString(flexible);
  reader.nullableString(flexible); // leader
  const at = version.stateAt ? reader.int64() : -1;
  const members: GroupMember[] = [];
  for (let count = reader.arrayLength(flexible, LEAST_MEMBER_BYTES); count > 0; count--) {
    members.push(memberOf(reader, version, protocolType === 'consumer'));
  }
  if (flexible) reader.skipTags();
  return { protocolType, generation, protocol, at: at < 0 ? null : at, members };
}

function memberOf(reader: ByteReader, version: Version, isConsumer: boolean): GroupMember {
  const { flexible } = version;
  const memberId = reader.string(flexible);
  const instanceId = version.instanceId ? reader.nullableString(flexible) : null;
  const clientId = reader.string(flexible);
  const host = reader.string(flexible);
  const rebalanceTimeoutMs = version.rebalanceTimeout ? reader.int32() : null;
  const sessionTimeoutMs = reader.int32();
  reader.nested(flexible); // subscription: the assignment says what came of it
  const assignment = reader.nested(flexible);
  if (flexible) reader.skipTags();
  return {
    memberId,
    instanceId,
    clientId,
    host,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    // Other kinds of groups (connect) use the field for bytes of their own.
    assignment: isConsumer ? readAssignment(assignment) : null,
  };
}

/** int16 version | array of { string topic, array of int32 } | user data. Null where it is none; empty: nothing. */
export function readAssignment(reader: ByteReader): Record<string, number[]> | null {
  if (reader.done) return Object.create(null) as Record<string, number[]>;
  try {
    const version = reader.int16();
    if (version < 0) return null;
    // Topics are names from outside: `__proto__` is one.
    const assignment = Object.create(null) as Record<string, number[]>;
    for (let topics = reader.arrayLength(false, 6); topics > 0; topics--) {
      const topic = reader.string(false);
      const partitions: number[] = [];
      for (let left = reader.arrayLength(false, 4); left > 0; left--) partitions.push(reader.int32());
      assignment[topic] = partitions;
    }
    return assignment;
  } catch (error) {
    if ((error as Unreadable).name === 'Unreadable') return null;
    throw error;
  }
}
