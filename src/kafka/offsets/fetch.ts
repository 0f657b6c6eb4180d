/**
 * Fetch v4 (Kafka 0.11 to 4), uncommitted records included: transactions are told apart by the reader. Sent by hand
 * over kafkajs's connection: no group is joined, so nothing of ours is written to the log that is read, and READ on
 * the topic is the only permission needed.
 */
import type { RawRequest } from '../raw-cluster';
import { ByteReader, int64At } from './bytes';

export interface FetchOptions {
  topic: string;
  /** How long the broker waits for a first byte, in ms. */
  maxWaitMs: number;
  /** Bound of the whole answer, and of one partition's part; a larger batch comes all the same when it is the first. */
  maxBytes: number;
  maxPartitionBytes: number;
}

export interface FetchedPartition {
  partition: number;
  /** Kafka's error code, 0 for none. */
  error: number;
  logEnd: number;
  /** The answer, and where this partition's record batches stand in it. */
  bytes: Buffer;
  start: number;
  end: number;
}

export const FETCH_ERRORS = {
  OFFSET_OUT_OF_RANGE: 1,
  TOPIC_AUTHORIZATION_FAILED: 29,
} as const;

export function fetchRequest(
  options: FetchOptions,
  positions: readonly { partition: number; offset: number }[],
): RawRequest<FetchedPartition[]> {
  return {
    apiKey: 1,
    apiVersion: 4,
    apiName: 'Fetch',
    body: encode(options, positions),
    decode: decodeFetch,
  };
}

function encode(options: FetchOptions, positions: readonly { partition: number; offset: number }[]): Buffer {
  const topic = Buffer.from(options.topic);
  const body = Buffer.alloc(4 * 4 + 1 + 4 + 2 + topic.length + 4 + positions.length * 16);
  let at = body.writeInt32BE(-1, 0); // no replica
  at = body.writeInt32BE(options.maxWaitMs, at);
  at = body.writeInt32BE(1, at); // least bytes
  at = body.writeInt32BE(options.maxBytes, at);
  at = body.writeInt8(0, at); // read uncommitted
  at = body.writeInt32BE(1, at); // topics
  at = body.writeInt16BE(topic.length, at);
  at += topic.copy(body, at);
  at = body.writeInt32BE(positions.length, at);
  for (const { partition, offset } of positions) {
    at = body.writeInt32BE(partition, at);
    at = body.writeBigInt64BE(BigInt(offset), at);
    at = body.writeInt32BE(options.maxPartitionBytes, at);
  }
  return body;
}

/** @throws Unreadable */
export function decodeFetch(payload: Buffer): FetchedPartition[] {
  const reader = new ByteReader(payload, 0, payload.length);
  const fetched: FetchedPartition[] = [];
  reader.skip(4); // throttle time
  for (let topics = reader.arrayLength(false, 6); topics > 0; topics--) {
    reader.string(false);
    for (let left = reader.arrayLength(false, 30); left > 0; left--) {
      const partition = reader.int32();
      const error = reader.int16();
      const logEnd = reader.int64();
      reader.skip(8); // last stable offset
      const aborted = reader.int32();
      if (aborted > 0) reader.skip(aborted * 16);
      const { start, end } = reader.place();
      fetched.push({ partition, error, logEnd, bytes: payload, start, end });
    }
  }
  return fetched;
}

/**
 * ListOffsets v1: where a partition begins (-2) or ends (-1), or its first record of that time (unix ms) or later: -1
 * where there is none. Null: the broker does not say.
 */
export function edgeRequest(topic: string, partition: number, edge: number): RawRequest<number | null> {
  const name = Buffer.from(topic);
  const body = Buffer.alloc(4 + 4 + 2 + name.length + 4 + 4 + 8);
  let at = body.writeInt32BE(-1, 0); // no replica
  at = body.writeInt32BE(1, at);
  at = body.writeInt16BE(name.length, at);
  at += name.copy(body, at);
  at = body.writeInt32BE(1, at);
  at = body.writeInt32BE(partition, at);
  body.writeBigInt64BE(BigInt(edge), at);
  return {
    apiKey: 2,
    apiVersion: 1,
    apiName: 'ListOffsets',
    body,
    decode: (payload) => {
      // One topic, one partition: index, error, timestamp, offset at the end.
      if (payload.length < 22 || payload.readInt16BE(payload.length - 18) !== 0) return null;
      const offset = int64At(payload, payload.length - 8);
      return Number.isNaN(offset) ? null : offset;
    },
  };
}
