/**
 * Cluster id and topic ids, asked with one Metadata v12 request over kafkajs's own connection (the application's
 * SASL and TLS). kafkajs itself stops at v6, which knows no topic ids. Where it sends no raw requests, or the broker is
 * older than Kafka 2.8, the public API answers and topic ids stay unknown.
 */
import type { Kafka } from './client-shape';
import { type RawRequest, rawCluster, sendRaw } from './raw-cluster';

export interface ClusterMetadata {
  clusterId: string | null;
  /** Topic id (32 hex digits) by name; null where the broker tells none or the topic is not there. */
  topicIds: Map<string, string | null>;
}

/** One topic as the brokers tell it. */
export interface ToldTopic {
  name: string;
  /** 32 hex digits; null where the broker tells none. */
  id: string | null;
  /** Kafka's own: `__consumer_offsets` and the like. */
  internal: boolean;
  /** `leader` is a node's id, -1 where there is none now. */
  partitions: { partition: number; leader: number }[];
}

export const METADATA = { apiKey: 3, apiVersion: 12, apiName: 'Metadata' } as const;
const ZERO_ID = '0'.repeat(32);

export async function readMetadata(kafka: Kafka, topics: readonly string[]): Promise<ClusterMetadata> {
  const cluster = rawCluster(kafka);
  if (cluster === null) return readPublic(kafka);
  try {
    await cluster.connect();
    await cluster.refreshMetadata();
    const broker = await cluster.findControllerBroker();
    return (await sendRaw(broker, metadataRequest(topics))) ?? (await readPublic(kafka));
  } catch {
    return await readPublic(kafka);
  } finally {
    await cluster.disconnect().catch(() => undefined);
  }
}

async function readPublic(kafka: Kafka): Promise<ClusterMetadata> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return { clusterId: (await admin.describeCluster()).clusterId, topicIds: new Map() };
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** @param topics null: all that may be described */
export function metadataRequest(
  topics: readonly string[] | null,
): RawRequest<ClusterMetadata & { topics: ToldTopic[] }> {
  return { ...METADATA, body: encodeRequest(topics), decode: decodeResponse };
}

function encodeRequest(topics: readonly string[] | null): Buffer {
  const parts: Buffer[] = [Buffer.from([0]), unsignedVarint(topics === null ? 0 : topics.length + 1)];
  for (const topic of topics ?? []) {
    const name = Buffer.from(topic);
    parts.push(Buffer.alloc(16), unsignedVarint(name.length + 1), name, Buffer.from([0]));
  }
  // No auto-creation, no authorised operations, no tags. The first byte above ends the request header's tags.
  parts.push(Buffer.from([0, 0, 0]));
  return Buffer.concat(parts);
}

function unsignedVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** Reads what is needed of a Metadata v12 answer. Throws on a short or odd one. */
export function decodeResponse(payload: Buffer): ClusterMetadata & { topics: ToldTopic[] } {
  const reader = new CompactReader(payload);
  reader.tags(); // of the response header
  reader.skip(4); // throttle time
  for (let brokers = reader.length(); brokers > 0; brokers--) {
    reader.skip(4); // node id
    reader.string();
    reader.skip(4); // port
    reader.string(); // rack
    reader.tags();
  }
  const clusterId = reader.string();
  reader.skip(4); // controller
  const topicIds = new Map<string, string | null>();
  const told: ToldTopic[] = [];
  for (let topics = reader.length(); topics > 0; topics--) {
    const error = reader.int16();
    const name = reader.string();
    const id = reader.hex(16);
    const internal = reader.int8() !== 0;
    const parts: ToldTopic['partitions'] = [];
    for (let partitions = reader.length(); partitions > 0; partitions--) {
      reader.skip(2); // error
      parts.push({ partition: reader.int32(), leader: reader.int32() });
      reader.skip(4); // leader epoch
      for (let lists = 0; lists < 3; lists++) reader.skip(4 * reader.length());
      reader.tags();
    }
    reader.skip(4); // authorised operations
    reader.tags();
    if (name === null) continue;
    const known = error === 0 && id !== ZERO_ID ? id : null;
    topicIds.set(name, known);
    if (error === 0) told.push({ name, id: known, internal, partitions: parts });
  }
  return { clusterId, topicIds, topics: told };
}

class CompactReader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  skip(count: number): void {
    this.at += count;
    if (this.at > this.bytes.length) throw new RangeError('the Metadata answer is shorter than it says');
  }

  int8(): number {
    return this.bytes.readInt8(this.at++);
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.bytes.readUInt8(this.at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new RangeError('a length in the Metadata answer is out of range');
  }

  /** Length of a compact array or string; null counts as empty. */
  length(): number {
    return Math.max(0, this.varint() - 1);
  }

  string(): string | null {
    const length = this.varint();
    if (length === 0) return null;
    const start = this.at;
    this.skip(length - 1);
    return this.bytes.toString('utf8', start, this.at);
  }

  hex(count: number): string {
    const start = this.at;
    this.skip(count);
    return this.bytes.toString('hex', start, this.at);
  }

  tags(): void {
    for (let count = this.varint(); count > 0; count--) {
      this.varint();
      this.skip(this.varint());
    }
  }
}
