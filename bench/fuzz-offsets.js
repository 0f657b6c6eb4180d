/**
 * Mutated records of the offsets log through every decoder: no crash, no hang, no wrong group.
 *
 *     npm run bench:fuzz-offsets -- [--inputs 10000000] [--seed 1] [--json]
 *
 * The seeds are what a real broker wrote (test/kafka/offsets/fixtures). Keys, commits and groups are compared with a
 * second reading of the protocol, written apart below: both must say the same. Batches and whole answers go through
 * the watcher's log, and every group and topic that comes out must stand in the input, letter by letter.
 */
const { readFileSync } = require('node:fs');
const { isUtf8 } = require('node:buffer');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { CommitValue, readCommit } = require('../dist/kafka/offsets/commit-value');
const {
  readConsumerMember,
  readGroupEpoch,
  readMemberAssignment,
} = require('../dist/kafka/offsets/consumer-group');
const { decodeFetch } = require('../dist/kafka/offsets/fetch');
const { readClassicGroup } = require('../dist/kafka/offsets/group-value');
const { readKey } = require('../dist/kafka/offsets/key');
const { BatchHeader, RecordPlace, RecordWalk, readHeader } = require('../dist/kafka/offsets/record-batch');
const { OffsetsLog } = require('../dist/kafka/watch/offsets-log');

/** One input may take so long, in ms, garbage collection and a busy machine included. */
const HANG_MS = 1_000;
/** A new log from time to time: places of mutated names are without end. */
const LOG_INPUTS = 2_000;

const { values: options } = parseArgs({
  options: {
    inputs: { type: 'string', default: '10000000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

function main() {
  const inputs = Number(options.inputs);
  const random = generator(Number(options.seed));
  const seeds = seedsOf();
  const counts = { inputs, read: 0, unreadable: 0, 'unknown version': 0, differing: 0, wrongGroups: 0 };
  let slowestMs = 0;
  const beganAt = performance.now();
  for (let i = 0; i < inputs; i++) {
    if (i % LOG_INPUTS === 0) log = newLog();
    const seed = seeds[random(seeds.length)];
    const input = mutated(seed.bytes, seeds[random(seeds.length)].bytes, random);
    const at = performance.now();
    try {
      seed.check(input, counts);
    } catch (error) {
      console.error(`input ${i} of seed ${options.seed}: ${seed.kind} ${input.toString('base64')}`);
      throw error;
    }
    const tookMs = performance.now() - at;
    slowestMs = Math.max(slowestMs, tookMs);
    if (tookMs > HANG_MS)
      throw new Error(`input ${i}: ${seed.kind} took ${tookMs} ms: ${input.toString('base64')}`);
  }
  const result = { ...counts, seconds: (performance.now() - beganAt) / 1000, slowestMs };
  console.log(options.json ? JSON.stringify(result) : result);
  if (counts.differing > 0 || counts.wrongGroups > 0) process.exitCode = 1;
}

function seedsOf() {
  const path = join(__dirname, '../test/kafka/offsets/fixtures/records.json');
  const records = JSON.parse(readFileSync(path, 'utf8')).map(({ key, value }) => ({
    key: Buffer.from(key, 'base64'),
    value: value === null ? null : Buffer.from(value, 'base64'),
  }));
  const values = { 1: checkCommit, 2: checkGroup, 3: checkNewGroup, 5: checkNewGroup, 8: checkNewGroup };
  const seeds = records.map(({ key }) => ({ kind: 'key', bytes: key, check: checkKey }));
  for (const { key, value } of records) {
    const type = key.readInt16BE(0);
    if (value !== null && values[type])
      seeds.push({ kind: `value of key ${type}`, bytes: value, check: values[type] });
  }
  for (let i = 0; i < records.length; i += 4) {
    const bytes = batchOf(records.slice(i, i + 4), i, i % 8 === 0 ? 7 : -1);
    seeds.push(
      { kind: 'batch', bytes, check: checkBatch },
      { kind: 'answer', bytes: answerOf(bytes), check: checkAnswer },
    );
  }
  return seeds;
}

const value = new CommitValue();

function checkCommit(input, counts) {
  const read = readCommit(input, 0, input.length, value);
  const topicId =
    read === 'read' && value.topicIdAt >= 0
      ? input.toString('hex', value.topicIdAt, value.topicIdAt + 16)
      : '';
  const { offset, leaderEpoch, at, metadataStart, metadataEnd } = value;
  const found =
    read === 'read'
      ? [offset, leaderEpoch, at, input.toString('hex', metadataStart, metadataEnd), topicId].join()
      : read;
  compare(counts, read, found, reference(input, commitReference));
}

function checkKey(input, counts) {
  const read = readKey(input, 0, input.length);
  const found = typeof read === 'string' ? read : Object.values(read).join('\n');
  compare(counts, typeof read === 'string' ? read : 'read', found, reference(input, keyReference));
}

function checkGroup(input, counts) {
  const read = readClassicGroup(input, 0, input.length);
  const found =
    typeof read === 'string'
      ? read
      : JSON.stringify([
          read.protocolType,
          read.generation,
          read.at ?? -1,
          read.members.map((m) => [
            m.memberId,
            m.instanceId,
            m.clientId,
            m.host,
            m.rebalanceTimeoutMs,
            m.sessionTimeoutMs,
          ]),
        ]);
  compare(counts, typeof read === 'string' ? read : 'read', found, reference(input, groupReference));
}

function checkNewGroup(input, counts) {
  for (const read of [readGroupEpoch, readConsumerMember, readMemberAssignment]) {
    counts[read(input, 0, input.length) === null ? 'unreadable' : 'read']++;
  }
}

let log;

function newLog() {
  const state = { positions: [], offsets: [], groups: [] };
  return new OffsetsLog({ watches: () => true, retentionMs: null, polling: false }, state);
}

function checkBatch(input, counts) {
  apply(input, 0, input.length);
  const { offsets, groups, rewinds } = log.drain('cluster');
  counts.read++;
  for (const { group, topic } of [...offsets, ...rewinds]) {
    if (!input.includes(group) || !input.includes(topic)) counts.wrongGroups++;
  }
  for (const { group } of groups) if (!input.includes(group)) counts.wrongGroups++;
}

function checkAnswer(input, counts) {
  let parts;
  try {
    parts = decodeFetch(input);
  } catch (error) {
    if (error.name !== 'Unreadable') throw error;
    counts.unreadable++;
    return;
  }
  for (const { start, end } of parts) apply(input, start, end);
  log.drain('cluster');
  counts.read++;
}

const header = new BatchHeader();
const record = new RecordPlace();

/** As `applyFetched`, without its promises and codecs. */
function apply(bytes, start, end) {
  for (let at = start; at < end; at = header.end) {
    const kind = readHeader(bytes, at, end, header);
    if (kind === 'cut') return;
    if (header.end <= at) throw new Error('a batch that does not lead on');
    if (kind !== 'batch' || header.compression !== 0) continue;
    const walk = new RecordWalk(bytes, header, header.start, header.end);
    while (walk.next(record)) log.record(0, bytes, header, record);
  }
}

function compare(counts, outcome, found, expected) {
  counts[outcome]++;
  if (found === expected) return;
  counts.differing++;
  if (counts.differing < 5) console.error(`found ${found}, expected ${expected}`);
}

/** The second reading: slow, with exceptions, and with BigInt. */
function reference(bytes, read) {
  let at = 0;
  const take = (count) => {
    if (count < 0 || at + count > bytes.length) throw new RangeError('short');
    at += count;
    return bytes.subarray(at - count, at);
  };
  const text = (length) => {
    const part = take(length);
    if (!isUtf8(part)) throw new RangeError('text');
    return part.toString();
  };
  const uvarint = () => {
    let result = 0n;
    for (let shift = 0n; shift < 35n; shift += 7n) {
      const byte = BigInt(take(1)[0]);
      result |= (byte & 127n) << shift;
      if (byte < 128n) return Number(result);
    }
    throw new RangeError('varint');
  };
  const int64 = () => {
    const number = Number(take(8).readBigInt64BE());
    if (!Number.isSafeInteger(number)) throw new RangeError('unsafe');
    return number;
  };
  const reader = {
    int16: () => take(2).readInt16BE(),
    int32: () => take(4).readInt32BE(),
    int64,
    uvarint,
    take,
    string: (flexible, mayBeNull) => {
      const length = flexible ? uvarint() - 1 : take(2).readInt16BE();
      if (length === -1 && mayBeNull) return null;
      return text(length);
    },
    bytes: (flexible) => take(flexible ? uvarint() - 1 : take(4).readInt32BE()),
    tags: (each) => {
      for (let left = uvarint(); left > 0; left--) {
        const tag = uvarint();
        const content = take(uvarint());
        each?.(tag, content);
      }
    },
  };
  try {
    const result = read(reader);
    return result !== 'unknown version' && at !== bytes.length ? 'unreadable' : result;
  } catch (error) {
    if (error instanceof RangeError) return 'unreadable';
    throw error;
  }
}

function commitReference({ int16, int32, int64, uvarint, take, string, tags }) {
  const version = int16();
  if (version < 0 || version > 4) return 'unknown version';
  const offset = int64();
  const epoch = version >= 3 ? int32() : -1;
  const length = version === 4 ? uvarint() - 1 : int16();
  const metadata = take(length).toString('hex');
  void string;
  const at = int64();
  if (version === 1) take(8);
  let topicId = '';
  let last = -1;
  if (version === 4) {
    tags((tag, content) => {
      if (tag <= last || (tag === 0 && content.length !== 16)) throw new RangeError('tag');
      last = tag;
      if (tag === 0) topicId = content.toString('hex');
    });
  }
  return [offset, epoch, at, metadata, topicId].join();
}

function keyReference({ int16, int32, string }) {
  const kinds = { 0: 'commit', 1: 'commit', 2: 'classic', 3: 'epoch', 5: 'member', 8: 'assignment' };
  const kind = kinds[int16()];
  if (kind === undefined) return 'unknown version';
  const fields = [kind, string(false)];
  if (kind === 'commit') fields.push(string(false), int32());
  if (kind === 'member' || kind === 'assignment') fields.push(string(false));
  return fields.join('\n');
}

function groupReference({ int16, int32, int64, uvarint, string, bytes, tags }) {
  const version = int16();
  if (version < 0 || version > 4) return 'unknown version';
  const flexible = version === 4;
  const protocolType = string(flexible);
  const generation = int32();
  string(flexible, true);
  string(flexible, true);
  const at = version >= 2 ? int64() : -1;
  const count = flexible ? uvarint() - 1 : int32();
  if (count < 0) throw new RangeError('array');
  const members = [];
  for (let i = 0; i < count; i++) {
    const memberId = string(flexible);
    const instanceId = version >= 3 ? string(flexible, true) : null;
    const [clientId, host] = [string(flexible), string(flexible)];
    const rebalanceTimeout = version >= 1 ? int32() : null;
    const sessionTimeout = int32();
    bytes(flexible);
    bytes(flexible);
    if (flexible) tags();
    members.push([memberId, instanceId, clientId, host, rebalanceTimeout, sessionTimeout]);
  }
  if (flexible) tags();
  return JSON.stringify([protocolType, generation, at < 0 ? -1 : at, members]);
}

const EDGES = [0, 1, 2, 4, 8, 16, 31, 32, 63, 64, 127, 128, 129, 192, 254, 255];

function mutated(bytes, other, random) {
  let result = Buffer.from(bytes);
  for (let left = 1 + random(4); left > 0; left--) {
    const at = random(result.length + 1);
    const length = random(9);
    switch (random(8)) {
      case 0:
        if (at < result.length) result[at] ^= 1 << random(8);
        break;
      case 1:
        if (at < result.length) result[at] = EDGES[random(EDGES.length)];
        break;
      case 2:
        result = result.subarray(0, at);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), result.subarray(Math.max(0, at - length))]);
        break;
      case 5: {
        const from = random(other.length + 1);
        result = Buffer.concat([
          result.subarray(0, at),
          other.subarray(from, from + length),
          result.subarray(at),
        ]);
        break;
      }
      case 6:
        if (at + 2 <= result.length) result.writeInt16BE([-1, 0, 1, 5, 32_767, -32_768][random(6)], at);
        break;
      case 7:
        if (at + 4 <= result.length)
          result.writeInt32BE([-1, 0, 1, 1e6, 2 ** 31 - 1, -(2 ** 31)][random(6)], at);
        break;
    }
  }
  return result;
}

function batchOf(records, baseOffset, producerId) {
  const parts = records.map(({ key, value: content }, i) => {
    const body = Buffer.concat([
      Buffer.from([0, 0]),
      zigzag(i),
      zigzag(key.length),
      key,
      zigzag(content?.length ?? -1),
      content ?? Buffer.alloc(0),
      Buffer.from([0]),
    ]);
    return Buffer.concat([zigzag(body.length), body]);
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(61);
  head.writeBigInt64BE(BigInt(baseOffset), 0);
  head.writeInt32BE(49 + body.length, 8);
  head.writeInt8(2, 16);
  head.writeInt16BE(producerId < 0 ? 0 : 16, 21);
  head.writeInt32BE(records.length - 1, 23);
  head.writeBigInt64BE(BigInt(producerId), 43);
  head.writeInt32BE(records.length, 57);
  return Buffer.concat([head, body]);
}

/** Fetch v4: one topic, one partition. */
function answerOf(batch) {
  const head = Buffer.alloc(4 + 4 + 2 + 1 + 4 + 4 + 2 + 8 + 8 + 4 + 4);
  head.writeInt32BE(1, 4);
  head.writeInt16BE(1, 8);
  head.write('o', 10);
  head.writeInt32BE(1, 11);
  head.writeInt32BE(-1, head.length - 8);
  head.writeInt32BE(batch.length, head.length - 4);
  return Buffer.concat([head, batch]);
}

function zigzag(number) {
  let rest = number < 0 ? -number * 2 - 1 : number * 2;
  const bytes = [];
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

/** xorshift32; answers a whole number below `limit`. */
function generator(seed) {
  let state = seed * 2_654_435_761 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

main();
