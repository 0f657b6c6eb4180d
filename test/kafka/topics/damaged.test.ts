/**
 * Damaged batches and answers through the topic observer's decoder: nothing is thrown but what says so, nothing hangs,
 * and nothing is read beyond the bytes. The seeds are what real producers wrote, in every codec, as a real broker
 * answers it.
 *
 *     DUPESCOPE_TEST_FUZZ=10000000 DUPESCOPE_TEST_SEED=7 npx jest test/kafka/topics/damaged.test.ts
 */

import { Random } from '../../../src/demo/random';
import type { FetchedRecord } from '../../../src/identity';
import { type RawCluster, rawCluster, sendRaw } from '../../../src/kafka/raw-cluster';
import { BY_ID, BY_NAME, type FetchedPart, fetchRequest } from '../../../src/kafka/topics/fetch';
import { nextOffset, readRecords } from '../../../src/kafka/topics/records';
import { TopicSource } from '../../../src/kafka/topics/topic-source';
import { createTopic, testBrokers, testKafka, uniqueName } from '../../support/broker';
import { writeByJava } from './java-writer';

const INPUTS = Number(process.env.DUPESCOPE_TEST_FUZZ ?? 20_000);
const SEED = Number(process.env.DUPESCOPE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** One input may take so long, in ms, garbage collection and a busy machine included. */
const HANG_MS = 10_000;
jest.setTimeout(240_000 + INPUTS * 20);
const LIMITS = { maxWaitMs: 500, maxBytes: 4 * 1024 ** 2, maxPartitionBytes: 1024 ** 2, uncommitted: false };
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
/** Of Java's producer: see the fixtures. */
const RECORDS = 20;

interface Seed {
  codec: (typeof CODECS)[number];
  /** Answers by id and by name, and the record batches in the first. */
  byId: Buffer;
  byName: Buffer;
  batches: Buffer;
}

let seeds: Seed[];
beforeAll(async () => {
  const kafka = testKafka();
  const source = await TopicSource.open(kafka);
  const cluster = rawCluster(kafka) as RawCluster;
  await cluster.connect();
  await cluster.refreshMetadata();
  const names = await Promise.all(CODECS.map((codec) => createTopic(uniqueName(`damaged-${codec}`))));
  for (const [i, compression] of CODECS.entries()) {
    const topic = names[i] as string;
    await writeByJava({ brokers: testBrokers(), topic, count: RECORDS, compression });
  }
  const { topics } = await source.list();
  seeds = [];
  for (const [i, codec] of CODECS.entries()) {
    const told = topics.find(({ name }) => name === names[i]);
    const broker = await cluster.findBroker({ nodeId: String(told?.partitions[0]?.leader) });
    const topic = { name: names[i] as string, id: told?.id ?? null };
    const ask = (version: typeof BY_ID | typeof BY_NAME) =>
      sendRaw(broker, fetchRequest(version, LIMITS, [{ topic, partition: 0, offset: 0 }])) as Promise<
        FetchedPart[]
      >;
    const [byId, byName] = [(await ask(BY_ID))[0] as FetchedPart, (await ask(BY_NAME))[0] as FetchedPart];
    const batches = Buffer.from(byId.bytes.subarray(byId.from, byId.to));
    seeds.push({ codec, byId: Buffer.from(byId.bytes), byName: Buffer.from(byName.bytes), batches });
  }
  await source.close();
  await cluster.disconnect();
});

test('the seeds are whole', () => {
  for (const { codec, byId, byName, batches } of seeds) {
    for (const bytes of [batches, answered(byId, BY_ID), answered(byName, BY_NAME)]) {
      const { records, unread } = read(partOf(bytes as Buffer, 0));
      expect([codec, records.length, unread]).toEqual([codec, RECORDS, { old: 0, unreadable: 0 }]);
    }
    // The attributes of the first batch.
    expect((batches[22] as number) & 7).toBe(CODECS.indexOf(codec));
  }
});

test(`${INPUTS} damaged batches, seed ${SEED}: nothing is thrown, nothing is read beyond the bytes`, () => {
  const random = new Random(SEED);
  const counts = { whole: 0, records: 0, unreadable: 0 };
  for (let i = 0; i < INPUTS; i++) {
    // Damage to compressed bytes mostly ends in their codec, and costs more: one in eight.
    const seed = random.between(1, 8) === 1 ? random.pick(seeds) : (seeds[0] as Seed);
    const bytes = damaged(seed.batches, random.pick(seeds).batches, random);
    const startedAt = performance.now();
    try {
      // In two surroundings: what differs between them was read outside of the bytes.
      const one = read(partOf(bytes, 0x55));
      const other = read(partOf(bytes, 0xaa));
      if (!isSame(one, other)) throw new Error('it depends on what stands around it');
      within(one, bytes.length);
      counts.records += one.records.length;
      if (one.unread.unreadable > 0) counts.unreadable++;
      else if (one.records.length === RECORDS) counts.whole++;
    } catch (error) {
      throw new Error(`input ${i} of seed ${SEED}, ${seed.codec}: ${bytes.toString('base64')}`, {
        cause: error,
      });
    }
    const tookMs = performance.now() - startedAt;
    if (tookMs > HANG_MS)
      throw new Error(`input ${i} of seed ${SEED} took ${tookMs} ms: ${bytes.toString('base64')}`);
  }
  console.info(`DUPESCOPE_TEST_SEED=${SEED}`, counts);
  // The damage must reach what is read, and leave something to read.
  expect(counts.unreadable).toBeGreaterThan(INPUTS / 20);
  expect(counts.records).toBeGreaterThan(INPUTS / 20);
});

test(`${INPUTS} damaged answers: they end in Unreadable, or in parts that lie in the answer`, () => {
  const random = new Random(SEED + 1);
  let refused = 0;
  for (let i = 0; i < INPUTS; i++) {
    const seed = random.pick(seeds);
    const version = random.pick([BY_ID, BY_NAME] as const);
    const input = damaged(version === BY_ID ? seed.byId : seed.byName, seed.batches, random);
    // In memory of its own, so that what is inflated stands elsewhere.
    const bytes = Buffer.alloc(input.length);
    input.copy(bytes);
    let parts: FetchedPart[];
    try {
      parts = fetchRequest(version, LIMITS, []).decode(bytes);
    } catch (error) {
      if (!['Unreadable', 'KafkaJSProtocolError'].includes((error as Error).name)) {
        throw new Error(`input ${i} of seed ${SEED}: ${bytes.toString('base64')}`, { cause: error });
      }
      refused++;
      continue;
    }
    for (const part of parts) {
      if (part.from < 0 || part.to > bytes.length) throw new Error(`input ${i}: ${part.from} to ${part.to}`);
      within({ ...read(part), from: 0 }, bytes.length);
    }
  }
  expect(refused).toBeGreaterThan(INPUTS / 50);
});

interface Reading {
  records: FetchedRecord[];
  unread: { old: number; unreadable: number };
  next: number;
  /** The buffer that the bytes stand in, and where they begin in it. */
  bytes: Buffer;
  from: number;
}

/** The bytes with others before and behind them. */
function partOf(bytes: Buffer, filler: number): FetchedPart {
  const around = 64;
  const all = Buffer.alloc(bytes.length + 2 * around, filler);
  bytes.copy(all, around);
  const place = { bytes: all, from: around, to: around + bytes.length };
  return { topic: 't', partition: 0, error: 0, end: RECORDS, aborted: [], ...place };
}

function read(part: FetchedPart): Reading {
  const unread = { old: 0, unreadable: 0 };
  const records = [...readRecords(part, 0, unread)].flatMap((stretch) => stretch.records);
  return { records, unread, next: nextOffset(part, 0), bytes: part.bytes, from: part.from };
}

/** Slices of what was not compressed lie between its first byte and its last. */
function within({ records, bytes, from }: Reading, length: number): void {
  for (const { key, value, headers } of records) {
    const slices = [key, value, ...Object.values(headers ?? {}).flat()];
    for (const slice of slices) {
      if (!Buffer.isBuffer(slice) || slice.buffer !== bytes.buffer || slice.length === 0) continue;
      const at = slice.byteOffset - bytes.byteOffset;
      if (at < from || at + slice.length > from + length)
        throw new Error(`${at}+${slice.length} of ${length}`);
    }
  }
}

function isSame(a: Reading, b: Reading): boolean {
  return (
    a.next === b.next &&
    a.unread.unreadable === b.unread.unreadable &&
    a.unread.old === b.unread.old &&
    a.records.length === b.records.length &&
    a.records.every((record, i) => isEqual(record, b.records[i] as FetchedRecord))
  );
}

function isEqual(a: FetchedRecord, b: FetchedRecord): boolean {
  const text = ({ key, value, headers }: FetchedRecord) =>
    [key, value, ...Object.entries(headers ?? {}).flat(2)].join('\n');
  // A time may be out of all range: NaN.
  return a.offset === b.offset && Object.is(a.timestamp, b.timestamp) && text(a) === text(b);
}

function answered(bytes: Buffer, version: typeof BY_ID | typeof BY_NAME): Buffer {
  const [part] = fetchRequest(version, LIMITS, []).decode(bytes);
  return bytes.subarray(part?.from, part?.to);
}

const EDGES = [0, 1, 2, 4, 8, 16, 31, 32, 63, 64, 127, 128, 129, 192, 254, 255];

/** One to four changes: bits, edge values, cuts, insertions of another seed's bytes, lengths of all sizes. */
function damaged(bytes: Buffer, other: Buffer, random: Random): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (let left = random.between(1, 4); left > 0; left--) {
    const at = random.between(0, Math.max(0, result.length - 5));
    const length = random.between(0, 9);
    switch (random.between(0, 5)) {
      case 0:
        result[at] = (result[at] ?? 0) ^ (1 << random.between(0, 7));
        break;
      case 1:
        result[at] = random.pick(EDGES);
        break;
      case 2:
        result = result.subarray(0, random.between(at, result.length));
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 4: {
        const from = random.between(0, other.length);
        result = Buffer.concat([
          result.subarray(0, at),
          other.subarray(from, from + length),
          result.subarray(at),
        ]);
        break;
      }
      case 5:
        if (at + 4 <= result.length)
          result.writeInt32BE(random.pick([-1, 0, 1, 1e6, 2 ** 31 - 1, -(2 ** 31)]), at);
        break;
    }
  }
  return result;
}
