/**
 * What it costs to remember identities: CPU a record, bytes a key in memory and on disk, and a start, as the index grows.
 *
 *     npm run bench:identity -- [--keys 1000000,10000000] [--batch 10000] [--bytes 200] [--json <file>]
 *
 * First the reading side (finding, normalising, hashing) by itself, on records of that many bytes with a UUID header.
 * Then for each number of keys the store's side, in a process of its own: an index with that capacity is filled with
 * distinct identities of one topic with four partitions, and once full a tenth more is observed, while the oldest is
 * given up: that steady state is timed. Then a start from the snapshot, a start from the log alone, and how fast copies
 * are found, in the order of the log and at random.
 */
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { cpus, tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { RecordReader } = require('../dist/identity');
const { IdentityIndex } = require('../dist/store/identity');
const { openStore } = require('../dist/store/open');

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    keys: { type: 'string', default: '1000000,10000000' },
    batch: { type: 'string', default: '10000' },
    bytes: { type: 'string', default: '200' },
    json: { type: 'string' },
  },
});
const BATCH = Number(values.batch);
const PARTITIONS = 4;
const START = 1_700_000_000_000;

if (process.argv[2] === 'run') {
  process.send(run(Number(process.argv[3]), process.argv[4]));
} else {
  main().catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
}

async function main() {
  const readNs = reading(Number(values.bytes));
  const results = [];
  for (const keys of values.keys.split(',').map(Number)) {
    const folder = mkdtempSync(join(tmpdir(), 'dupescope-bench-'));
    try {
      results.push(await inProcess(keys, folder));
      console.error(JSON.stringify(results.at(-1)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
  print(readNs, results);
}

function inProcess(keys, folder) {
  return new Promise((resolve, reject) => {
    const child = fork(__filename, ['run', String(keys), folder, '--batch', String(BATCH)], {
      execArgv: ['--expose-gc', '--max-old-space-size=8192'],
    });
    let result = null;
    child.on('message', (message) => {
      result = message;
    });
    child.on('exit', (code) =>
      code === 0 && result !== null ? resolve(result) : reject(new Error(`a run ended with code ${code}`)),
    );
  });
}

/** ns a record of the reading side. */
function reading(bytes) {
  const reader = new RecordReader({ topic: 'orders', seed: new Uint8Array(16).fill(7) });
  const context = { firstOffset: '0', lastOffsetDelta: BATCH - 1, producerId: '-1', firstSequence: -1 };
  const records = Array.from({ length: BATCH }, (_, i) => ({
    offset: String(i),
    timestamp: String(START + i),
    key: Buffer.from(`k${i}`),
    value: Buffer.alloc(bytes, i),
    headers: { 'content-type': Buffer.from('application/json'), 'message-id': Buffer.from(uuid(i)) },
    batchContext: context,
  }));
  reader.read(records);
  const begin = process.cpuUsage();
  const rounds = 50;
  for (let round = 0; round < rounds; round++) reader.read(records);
  const { user, system } = process.cpuUsage(begin);
  return ((user + system) * 1_000) / (rounds * BATCH);
}

function uuid(i) {
  const hex = (i * 0x9e3779b1).toString(16).padStart(16, '0').slice(-16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13)}-8abc-${hex.slice(0, 12)}`;
}

function run(keys, folder) {
  const path = join(folder, 'bench.db');
  const db = openStore(path);
  const options = { snapshotPath: `${path}.identities`, capacity: keys };
  const limits = () => ({ ageMs: 1e12, records: keys });
  const make = () => new IdentityIndex(db, { ...options, limits });
  const index = make();
  index.open();
  global.gc();
  const before = process.memoryUsage();
  let sent = 0;
  let longestMs = 0;
  const feed = (count) => {
    const begin = process.cpuUsage();
    const from = process.hrtime.bigint();
    for (const end = sent + count; sent < end; sent += BATCH) {
      const batch = made(sent, Math.min(BATCH, end - sent));
      const turn = performance.now();
      index.observe(batch);
      index.maintain(START);
      longestMs = Math.max(longestMs, performance.now() - turn);
    }
    const { user, system } = process.cpuUsage(begin);
    return {
      usARecord: Number(process.hrtime.bigint() - from) / 1e3 / count,
      cpuUsARecord: (user + system) / count,
    };
  };
  const fill = feed(keys);
  const fillLongestMs = longestMs;
  longestMs = 0;
  const steady = feed(Math.max(500_000, keys / 10));
  const madeUs = cost(() => made(sent, BATCH)) / BATCH;
  global.gc();
  const after = process.memoryUsage();
  const memory = index.bytes;
  db.pragma('wal_checkpoint(TRUNCATE)');
  const pages = db.pragma('page_count', { simple: true }) - db.pragma('freelist_count', { simple: true });
  const disk = pages * db.pragma('page_size', { simple: true });
  const closeMs = ms(() => index.close());
  const snapshotMs = ms(() => expectFrom(make(), 'snapshot'));
  const snapshotBytes = statSync(options.snapshotPath).size;
  rmSync(options.snapshotPath);
  let again;
  const logMs = ms(() => {
    again = make();
    expectFrom(again, 'log');
  });
  const base = sent - Math.floor(keys / 2);
  const copies = Math.min(100_000, keys / 10);
  let offset = 1e9;
  const found = (order) => {
    let n = 0;
    const took = ms(() => {
      for (let i = 0; i < copies; i += BATCH) {
        offset += BATCH;
        n += again.observe(made(0, Math.min(BATCH, copies), (k) => order(i + k), offset)).findings.length;
      }
    });
    return { n, usARecord: (took * 1e3) / n };
  };
  const sequential = found((i) => base + i);
  const random = found((i) => base + copies + ((i * 7_919_993) % Math.floor(keys / 4)));
  db.close();
  return {
    keys,
    fill,
    fillLongestMs,
    steady,
    longestMs,
    madeUs,
    memoryAKey: memory / keys,
    processAKey: (after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed) / keys,
    diskAKey: disk / keys,
    closeMs,
    snapshotMs,
    snapshotBytes,
    logMs,
    sequential,
    random,
  };
}

function expectFrom(index, from) {
  const opened = index.open();
  if (opened.from !== from) throw new Error(`opened from the ${opened.from}, not the ${from}`);
}

/** A batch of distinct identities, as columns; their hashes are a mixing of their number. */
function made(first, count, number = (i) => first + i, at = null) {
  const records = {
    count,
    offsets: new Float64Array(count),
    times: new Float64Array(count),
    hashes: new Uint32Array(count * 4),
    payloads: new Uint32Array(count),
    sources: new Uint8Array(count).fill(1),
    provenances: new Uint8Array(count),
    attempts: new Uint16Array(count),
    keyed: new Uint8Array(count).fill(1),
    batchOf: new Uint32Array(count),
    texts: new Uint8Array(0),
    textEnds: new Uint32Array(count),
    sourceNames: ['message-id'],
    provenanceNames: [],
    batches: [],
  };
  // Each partition has its share by turns of a batch; offsets as if it were alone.
  const turn = Math.floor(first / BATCH);
  const partition = at === null ? turn % PARTITIONS : 0;
  const base = at ?? Math.floor(turn / PARTITIONS) * BATCH;
  for (let i = 0; i < count; i++) {
    const n = number(i);
    records.offsets[i] = base + i;
    records.times[i] = START + n * 2 + ((n * 7) % 31);
    records.payloads[i] = mix(n, 5);
    for (let w = 0; w < 4; w++) records.hashes[i * 4 + w] = mix(n, w);
  }
  // Record batches of 50, of an idempotent producer a partition.
  for (let i = 0; i < count; i += 50) {
    records.batches.push({
      firstOffset: base + i,
      records: Math.min(50, count - i),
      createTime: true,
      transactional: false,
      producerId: 1_000 + partition,
      producerEpoch: 0,
      firstSequence: base + i,
    });
    records.batchOf.fill(records.batches.length - 1, i, i + 50);
  }
  return {
    cluster: 'bench',
    topic: 'orders',
    topicId: null,
    partition,
    firstOffset: base,
    nextOffset: base + count,
    live: false,
    observedAt: START * 2,
    records,
  };
}

/** 32 bits of a number and a lane, well mixed. */
function mix(n, lane) {
  let h = Math.imul((n | 0) ^ Math.imul(lane + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.floor(n / 2 ** 32);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return (h ^ (h >>> 15)) >>> 0;
}

function cost(work) {
  const begin = process.cpuUsage();
  for (let i = 0; i < 20; i++) work();
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / 20;
}

function ms(work) {
  const begin = performance.now();
  work();
  return performance.now() - begin;
}

function print(readNs, results) {
  const machine = `${cpus().length} cores, ${cpus()[0].model}, Node ${process.version}`;
  console.log(`${new Date().toISOString().slice(0, 10)}, ${machine}, batches of ${BATCH}`);
  console.log(
    `reading a record of ${values.bytes} B (find, normalise, hash): ${(readNs / 1000).toFixed(2)} us`,
  );
  console.log(
    'keys        fill us  steady us  cpu us  longest ms  B/key memory  B/key disk  start: snapshot  log  close  copy found us (in order, random)',
  );
  for (const r of results) {
    console.log(
      `${String(r.keys).padEnd(11)} ${r.fill.usARecord.toFixed(2).padStart(7)} ${r.steady.usARecord.toFixed(2).padStart(10)} ${r.steady.cpuUsARecord.toFixed(2).padStart(7)} ${r.longestMs.toFixed(0).padStart(11)} ${r.memoryAKey.toFixed(2).padStart(13)} ${r.diskAKey.toFixed(2).padStart(11)} ${`${(r.snapshotMs / 1000).toFixed(1)} s`.padStart(16)} ${`${(r.logMs / 1000).toFixed(1)} s`.padStart(5)} ${`${(r.closeMs / 1000).toFixed(1)} s`.padStart(6)}  ${r.sequential.usARecord.toFixed(1)}, ${r.random.usARecord.toFixed(1)}`,
    );
  }
  if (results.length > 1) {
    const ratio = results.at(-1).steady.cpuUsARecord / results[0].steady.cpuUsARecord;
    console.log(`CPU a record, ${results.at(-1).keys} keys against ${results[0].keys}: ${ratio.toFixed(2)}`);
  }
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, readNs, results }, null, 2)}\n`);
}
