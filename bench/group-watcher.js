/**
 * How fast does the group watcher catch up with the offsets log?
 *
 *     npm run bench:group-watcher -- [--commits 1000000] [--groups 1000] [--partitions 10] [--runs 3] [--brokers host:port]
 *
 * The records of a real commit each (key v1, value v4 with the topic's id) are produced into an ordinary topic of 4
 * partitions by the rule of the coordinator (a group's commits stand in one partition), and the watcher is pointed at
 * that topic. Each run is a process of its own with an empty store; a run ends when the store has the last record. The
 * commits go up, but for one in 9,973, which goes down: the rewinds found must be exactly those.
 */
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { Kafka, logLevel } = require('kafkajs');
const { startBroker } = require('../dist/demo/broker');
const { GroupWatcher } = require('../dist/kafka/watch/group-watcher');
const { openReader } = require('../dist/store/open');
const { startWriter } = require('../dist/store/writer-client');

const LOG_PARTITIONS = 4;
// A prime, so that it meets every place.
const DOWN_EVERY = 9_973;
const CHUNK = 20_000;

if (process.argv[2] === 'watch') watch(JSON.parse(process.argv[3]));
else {
  main().catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      commits: { type: 'string', default: '1000000' },
      groups: { type: 'string', default: '1000' },
      partitions: { type: 'string', default: '10' },
      runs: { type: 'string', default: '3' },
      brokers: { type: 'string' },
    },
  });
  const given = values.brokers?.split(',');
  const broker =
    given === undefined ? await startBroker({ onProgress: (line) => console.error(line) }) : null;
  const brokers = given ?? broker.brokers;
  const topic = `offsets-${Date.now()}`;
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic, numPartitions: LOG_PARTITIONS }] });
    const commits = Number(values.commits);
    const rewinds = await produce(brokers, topic, commits, Number(values.groups), Number(values.partitions));
    const results = [];
    for (let run = 0; run < Number(values.runs); run++) {
      const result = await ended(fork(__filename, ['watch', JSON.stringify({ brokers, topic, commits })]));
      if (result.rewinds !== rewinds)
        throw new Error(`${result.rewinds} rewinds found, ${rewinds} were made`);
      results.push(result);
      console.log(
        `${commits} commits in ${result.seconds.toFixed(2)} s: ${thousands(commits / result.seconds)}/s, ` +
          `${thousands(commits / result.cpuSeconds)} per CPU second, ${thousands(commits / result.mainCpuSeconds)} per CPU second of the main thread, rss ${(result.rss / 1e6).toFixed(0)} MB, ` +
          `${result.rewinds} rewinds, ${result.places} places`,
      );
    }
    const median = (pick) => results.map(pick).sort((a, b) => a - b)[Math.floor(results.length / 2)];
    console.log(
      `median: ${thousands(median((r) => commits / r.seconds))}/s, ${thousands(median((r) => commits / r.cpuSeconds))} per CPU second`,
    );
  } finally {
    await admin.deleteTopics({ topics: [topic] }).catch(() => undefined);
    await admin.disconnect();
    await broker?.stop();
  }
}

/** Answers how many commits went down. */
async function produce(brokers, topic, commits, groups, partitions) {
  const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const places = groups * partitions;
  const keys = Array.from({ length: places }, (_, i) =>
    keyOf(`billing-group-${Math.floor(i / partitions)}`, 'orders', i % partitions),
  );
  const next = new Array(places).fill(1_000);
  let down = 0;
  for (let from = 0; from < commits; from += CHUNK) {
    const messages = [];
    for (let i = from; i < Math.min(commits, from + CHUNK); i++) {
      const place = i % places;
      const isDown = i >= places && i % DOWN_EVERY === DOWN_EVERY - 1;
      next[place] += isDown ? -500 : 100;
      if (isDown) down++;
      messages.push({
        key: keys[place],
        value: commitOf(next[place], 1.7e12 + i),
        partition: Math.floor(place / partitions) % LOG_PARTITIONS,
      });
    }
    await producer.send({ topic, messages, acks: 1 });
  }
  await producer.disconnect();
  return down;
}

async function watch({ brokers, topic, commits }) {
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-bench-'));
  const store = join(folder, 'watched.db');
  const problems = [];
  const writer = await startWriter({
    storePath: store,
    onProblem: (problem) => problems.push(problem.message),
  });
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  const watcher = new GroupWatcher({
    kafka,
    settings: { brokers, clientId: 'bench', ssl: false, sasl: null },
    sink: writer,
    lagIntervalMs: 600_000,
    topic,
    onProblem: (problem) => problem !== null && problems.push(problem.message),
  });
  const beganAt = performance.now();
  const cpu = process.cpuUsage();
  const busy = performance.eventLoopUtilization();
  watcher.start();
  let rss = 0;
  while (watcher.counts().records < commits) {
    rss = Math.max(rss, process.memoryUsage().rss);
    if (problems.length > 0) throw new Error(problems[0]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await watcher.stop();
  const seconds = (performance.now() - beganAt) / 1000;
  const used = process.cpuUsage(cpu);
  const mainCpuSeconds = performance.eventLoopUtilization(busy).active / 1000;
  await writer.close();
  const db = openReader(store);
  const count = (table) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
  const result = { rewinds: count('rewind'), places: count('watched_offset') };
  db.close();
  rmSync(folder, { recursive: true, force: true });
  process.send({ seconds, cpuSeconds: (used.user + used.system) / 1e6, mainCpuSeconds, rss, ...result });
  process.disconnect();
}

function ended(child) {
  return new Promise((resolve, reject) => {
    let result = null;
    child.on('message', (message) => {
      result = message;
    });
    child.on('exit', (code) => {
      if (code === 0 && result !== null) resolve(result);
      else reject(new Error(`the watching process ended with ${code}`));
    });
  });
}

function keyOf(group, topic, partition) {
  const text = (value) => Buffer.concat([int16(value.length), Buffer.from(value)]);
  const end = Buffer.alloc(4);
  end.writeInt32BE(partition);
  return Buffer.concat([int16(1), text(group), text(topic), end]);
}

/** int16 4 | offset | leader epoch | compact text | commit time | tag 0 of 16 bytes. */
function commitOf(offset, at) {
  const value = Buffer.alloc(2 + 8 + 4 + 1 + 8 + 3 + 16, 7);
  value.writeInt16BE(4, 0);
  value.writeBigInt64BE(BigInt(offset), 2);
  value.writeInt32BE(0, 10);
  value.writeUInt8(1, 14);
  value.writeBigInt64BE(BigInt(at), 15);
  value.writeUInt8(1, 23);
  value.writeUInt8(0, 24);
  value.writeUInt8(16, 25);
  return value;
}

function int16(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function thousands(value) {
  return `${(value / 1000).toFixed(0)}k`;
}
