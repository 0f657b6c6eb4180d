/**
 * Fetch of many topics from one leader, without a session and without a group. v13 (Kafka 3.1) names topics by their
 * ids, so that a topic which was deleted and made again is never read as the one before; v4 is for older brokers.
 */
import { ByteReader } from '../offsets/bytes';
import type { RawRequest } from '../raw-cluster';

export interface FetchLimits {
  /** How long the broker waits for a first byte, in ms. */
  maxWaitMs: number;
  /** Bound of the whole answer, and of one partition's part; the first batch of an answer comes whatever its size. */
  maxBytes: number;
  maxPartitionBytes: number;
  /** Records of open and aborted transactions too. */
  uncommitted: boolean;
}

export interface FetchTopic {
  name: string;
  /** 32 hex digits; needed for v13. */
  id: string | null;
}

export interface FetchPosition {
  topic: FetchTopic;
  partition: number;
  offset: number;
}

export interface AbortedTransaction {
  producerId: number;
  firstOffset: number;
}

export interface FetchedPart {
  /** The topic's id with v13, else its name. */
  topic: string;
  partition: number;
  /** Kafka's error code, 0 for none. */
  error: number;
  /** What may be read now ends here: the last stable offset, or with `uncommitted` the high watermark. */
  end: number;
  aborted: AbortedTransaction[];
  /** The answer, and where this partition's record batches stand in it. */
  bytes: Buffer;
  from: number;
  to: number;
}

export const BY_ID = 13;
export const BY_NAME = 4;
/** Of the whole answer; v13 alone has it. */
export class FetchFailed extends Error {
  override readonly name = 'KafkaJSProtocolError';
  constructor(readonly code: number) {
    super(`Kafka's error code ${code} to a fetch`);
  }
}

export function fetchRequest(
  version: typeof BY_ID | typeof BY_NAME,
  limits: FetchLimits,
  positions: readonly FetchPosition[],
): RawRequest<FetchedPart[]> {
  const byId = version === BY_ID;
  return {
    apiKey: 1,
    apiVersion: version,
    apiName: 'Fetch',
    body: byId ? encodeById(limits, positions) : encodeByName(limits, positions),
    decode: (payload) => (byId ? decodeById(payload, limits) : decodeByName(payload, limits)),
  };
}

/** Positions of one topic stand together, in their order. */
function byTopic(positions: readonly FetchPosition[]): [FetchTopic, FetchPosition[]][] {
  const topics = new Map<FetchTopic, FetchPosition[]>();
  for (const position of positions) {
    const known = topics.get(position.topic);
    if (known === undefined) topics.set(position.topic, [position]);
    else known.push(position);
  }
  return [...topics];
}

function encodeById(limits: FetchLimits, positions: readonly FetchPosition[]): Buffer {
  const topics = byTopic(positions);
  const body = Buffer.alloc(64 + topics.length * 32 + positions.length * 40);
  let at = body.writeUInt8(0, 0); // the header's tags
  at = body.writeInt32BE(-1, at); // no replica
  at = body.writeInt32BE(limits.maxWaitMs, at);
  at = body.writeInt32BE(1, at); // least bytes
  at = body.writeInt32BE(limits.maxBytes, at);
  at = body.writeInt8(limits.uncommitted ? 0 : 1, at);
  at = body.writeInt32BE(0, at); // no session
  at = body.writeInt32BE(-1, at);
  at = writeUvarint(body, topics.length + 1, at);
  for (const [topic, parts] of topics) {
    at += body.write(topic.id ?? '', at, 'hex');
    at = writeUvarint(body, parts.length + 1, at);
    for (const { partition, offset } of parts) {
      at = body.writeInt32BE(partition, at);
      at = body.writeInt32BE(-1, at); // leader epoch
      at = body.writeBigInt64BE(BigInt(offset), at);
      at = body.writeInt32BE(-1, at); // last fetched epoch
      at = body.writeBigInt64BE(-1n, at); // log start of a follower
      at = body.writeInt32BE(limits.maxPartitionBytes, at);
      at = body.writeUInt8(0, at);
    }
    at = body.writeUInt8(0, at);
  }
  at = body.writeUInt8(1, at); // no forgotten topics
  at = body.writeUInt8(1, at); // no rack
  at = body.writeUInt8(0, at);
  return body.subarray(0, at);
}

/** @throws Unreadable, FetchFailed */
function decodeById(payload: Buffer, limits: FetchLimits): FetchedPart[] {
  const reader = new ByteReader(payload, 0, payload.length);
  const fetched: FetchedPart[] = [];
  reader.skipTags();
  reader.skip(4); // throttle time
  const failure = reader.int16();
  if (failure !== 0) throw new FetchFailed(failure);
  reader.skip(4); // session
  for (let topics = reader.arrayLength(true, 18); topics > 0; topics--) {
    const topic = reader.uuid();
    for (let left = reader.arrayLength(true, 37); left > 0; left--) {
      const partition = reader.int32();
      const error = reader.int16();
      const highWatermark = reader.int64();
      const lastStable = reader.int64();
      reader.skip(8); // log start
      const aborted = abortedOf(reader, true);
      reader.skip(4); // preferred replica
      const { start, end } = reader.compactPlace();
      reader.skipTags();
      const readable = limits.uncommitted ? highWatermark : lastStable;
      fetched.push({ topic, partition, error, end: readable, aborted, bytes: payload, from: start, to: end });
    }
    reader.skipTags();
  }
  return fetched;
}

function encodeByName(limits: FetchLimits, positions: readonly FetchPosition[]): Buffer {
  const topics = byTopic(positions);
  const names = topics.reduce((sum, [{ name }]) => sum + Buffer.byteLength(name), 0);
  const body = Buffer.alloc(32 + names + topics.length * 8 + positions.length * 16);
  let at = body.writeInt32BE(-1, 0); // no replica
  at = body.writeInt32BE(limits.maxWaitMs, at);
  at = body.writeInt32BE(1, at); // least bytes
  at = body.writeInt32BE(limits.maxBytes, at);
  at = body.writeInt8(limits.uncommitted ? 0 : 1, at);
  at = body.writeInt32BE(topics.length, at);
  for (const [{ name }, parts] of topics) {
    at = body.writeInt16BE(Buffer.byteLength(name), at);
    at += body.write(name, at);
    at = body.writeInt32BE(parts.length, at);
    for (const { partition, offset } of parts) {
      at = body.writeInt32BE(partition, at);
      at = body.writeBigInt64BE(BigInt(offset), at);
      at = body.writeInt32BE(limits.maxPartitionBytes, at);
    }
  }
  return body.subarray(0, at);
}

/** @throws Unreadable */
function decodeByName(payload: Buffer, limits: FetchLimits): FetchedPart[] {
  const reader = new ByteReader(payload, 0, payload.length);
  const fetched: FetchedPart[] = [];
  reader.skip(4); // throttle time
  for (let topics = reader.arrayLength(false, 6); topics > 0; topics--) {
    const topic = reader.string(false);
    for (let left = reader.arrayLength(false, 30); left > 0; left--) {
      const partition = reader.int32();
      const error = reader.int16();
      const highWatermark = reader.int64();
      const lastStable = reader.int64();
      const aborted = abortedOf(reader, false);
      const { start, end } = reader.place();
      const readable = limits.uncommitted || lastStable < 0 ? highWatermark : lastStable;
      fetched.push({ topic, partition, error, end: readable, aborted, bytes: payload, from: start, to: end });
    }
  }
  return fetched;
}

/** Null stands for none. */
function abortedOf(reader: ByteReader, flexible: boolean): AbortedTransaction[] {
  const aborted: AbortedTransaction[] = [];
  const count = reader.nullableLength(flexible, 16);
  for (let i = 0; i < count; i++) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() });
    if (flexible) reader.skipTags();
  }
  return aborted.sort((a, b) => a.firstOffset - b.firstOffset);
}

function writeUvarint(body: Buffer, value: number, at: number): number {
  let rest = value;
  let to = at;
  for (; rest >= 0x80; rest >>>= 7) to = body.writeUInt8((rest & 0x7f) | 0x80, to);
  return body.writeUInt8(rest, to);
}
