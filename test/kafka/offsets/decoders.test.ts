import { CommitValue, readCommit } from '../../../src/kafka/offsets/commit-value';
import {
  readConsumerMember,
  readGroupEpoch,
  readMemberAssignment,
} from '../../../src/kafka/offsets/consumer-group';
import { readClassicGroup } from '../../../src/kafka/offsets/group-value';
import { readKey } from '../../../src/kafka/offsets/key';
import { type CapturedRecord, capturedRecords } from './records';

const captured = capturedRecords();
const ofType = (type: number) =>
  captured.filter(({ key, value }) => key.readInt16BE(0) === type && value !== null);

function commitOf(value: Buffer): object | string {
  // Among other bytes, as it comes in an answer.
  const bytes = Buffer.concat([Buffer.alloc(5, 255), value, Buffer.alloc(5, 255)]);
  const into = new CommitValue();
  const read = readCommit(bytes, 5, 5 + value.length, into);
  if (read !== 'read') return read;
  const { offset, leaderEpoch, at, metadataStart, metadataEnd, topicIdAt } = into;
  return {
    offset,
    leaderEpoch,
    commitTimestamp: at,
    metadata: bytes.toString('utf8', metadataStart, metadataEnd),
    topicId: topicIdAt < 0 ? null : bytes.toString('base64url', topicIdAt, topicIdAt + 16),
  };
}

test('the capture has what it is for', () => {
  const versions = (type: number) => new Set(ofType(type).map(({ value }) => value?.readInt16BE(0)));
  expect(versions(1)).toEqual(new Set([0, 1, 2, 3, 4]));
  expect(versions(2)).toEqual(new Set([0, 1, 2, 3, 4]));
  for (const type of [3, 5, 8]) expect(ofType(type).length).toBeGreaterThan(0);
});

test.each(ofType(1))('$origin: a commit as Kafka reads it', ({ value, expected }: CapturedRecord) => {
  const { expireTimestamp: _unused, ...told } = expected as Record<string, unknown>;
  expect(commitOf(value as Buffer)).toEqual({ leaderEpoch: -1, topicId: null, ...told });
});

test.each(ofType(2))('$origin: a classic group as Kafka reads it', ({ value, expected }: CapturedRecord) => {
  const group = readClassicGroup(value as Buffer, 0, (value as Buffer).length);
  if (typeof group === 'string') throw new Error(group);
  const told = expected as {
    protocolType: string;
    generation: number;
    currentStateTimestamp?: number;
    members: Record<string, unknown>[];
  };
  expect(group).toMatchObject({
    protocolType: told.protocolType,
    generation: told.generation,
    at: told.currentStateTimestamp ?? null,
  });
  expect(group.members.map(({ assignment: _own, ...member }) => member)).toEqual(
    told.members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.groupInstanceId ?? null,
      clientId: member.clientId,
      host: member.clientHost,
      sessionTimeoutMs: member.sessionTimeout,
      rebalanceTimeoutMs: member.rebalanceTimeout ?? null,
    })),
  );
});

test('who reads what', () => {
  for (const { value } of ofType(2).filter(({ origin }) => origin.startsWith('GroupMetadataValue'))) {
    const group = readClassicGroup(value as Buffer, 0, (value as Buffer).length);
    if (typeof group === 'string') throw new Error(group);
    expect(group.members.map(({ assignment }) => ({ ...assignment }))).toEqual([
      { orders: [0, 2], refunds: [0] },
      { orders: [1, 3], refunds: [1] },
    ]);
  }
});

test('a group of the new consumer protocol', () => {
  const [epoch, member, assignment] = [3, 5, 8].map((type) => ofType(type)[0] as CapturedRecord);
  const bytes = (record: CapturedRecord | undefined) => record?.value as Buffer;
  expect(readGroupEpoch(bytes(epoch), 0, bytes(epoch).length)).toBe(epoch?.expected?.epoch);
  const told = member?.expected as Record<string, unknown>;
  expect(readConsumerMember(bytes(member), 0, bytes(member).length)).toEqual({
    instanceId: told.instanceId,
    clientId: told.clientId,
    host: told.clientHost,
    rebalanceTimeoutMs: told.rebalanceTimeoutMs,
  });
  const topics = assignment?.expected?.assignedPartitions as { topicId: string; partitions: number[] }[];
  expect(readMemberAssignment(bytes(assignment), 0, bytes(assignment).length)).toEqual(
    Object.fromEntries(
      topics.map((topic) => [Buffer.from(topic.topicId, 'base64url').toString('hex'), topic.partitions]),
    ),
  );
});

test('keys: every type of the capture is known or skipped, and names what it should', () => {
  for (const { key } of captured) {
    const read = readKey(key, 0, key.length);
    const type = key.readInt16BE(0);
    if ([6, 7].includes(type)) expect(read).toBe('unknown version');
    else
      expect(read).toMatchObject({
        group: expect.stringMatching(/^(billing|capture-\d+-(classic|consumer))$/),
      });
  }
  for (const type of [-1, 4, 9, 16, 23, 30_000]) {
    const key = Buffer.from([0, 0, 0, 1, 97]);
    key.writeInt16BE(type);
    expect(readKey(key, 0, key.length)).toBe('unknown version');
  }
});

describe('nothing is read that is not there', () => {
  const readers: Record<number, (bytes: Buffer) => unknown> = {
    1: (bytes) => commitOf(bytes),
    2: (bytes) => readClassicGroup(bytes, 0, bytes.length),
    3: (bytes) => readGroupEpoch(bytes, 0, bytes.length) ?? 'unreadable',
    5: (bytes) => readConsumerMember(bytes, 0, bytes.length) ?? 'unreadable',
    8: (bytes) => readMemberAssignment(bytes, 0, bytes.length) ?? 'unreadable',
  };

  test.each(captured.filter(({ key, value }) => value !== null && readers[key.readInt16BE(0)]))(
    '$origin',
    ({ key, value }) => {
      const read = readers[key.readInt16BE(0)] as (bytes: Buffer) => unknown;
      const bytes = value as Buffer;
      for (let length = 0; length < bytes.length; length++) {
        expect(read(Buffer.from(bytes.subarray(0, length)))).toBe('unreadable');
      }
      // Bytes left over are another version's.
      expect(read(Buffer.concat([bytes, Buffer.from([0])]))).toBe('unreadable');
      const later = Buffer.from(bytes);
      later.writeInt16BE(5, 0);
      expect(read(later)).toMatch(/unknown version|unreadable/);
    },
  );

  test('a group whose name is no UTF-8 is not another group', () => {
    const key = Buffer.concat([Buffer.from([0, 2, 0, 2]), Buffer.from([0xc3, 0x28])]);
    expect(readKey(key, 0, key.length)).toBe('unreadable');
  });

  test('an offset that is no safe integer', () => {
    const value = Buffer.from((ofType(1)[0] as CapturedRecord).value as Buffer);
    value.writeBigInt64BE(2n ** 53n, 2);
    expect(commitOf(value)).toBe('unreadable');
  });
});
