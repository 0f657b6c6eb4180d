/**
 * What observing a topic costs: the topic observer with identities and store against a bare kafkajs `eachBatch` reader,
 * by turns, in one call, each run a process of its own.
 *
 *     npm run bench:observer -- [--records 5000000] [--pairs 3] [--copies 0.001] [--brokers host:port] [--json <file>]
 *
 * Records have values of 200 bytes and a header with a UUID; 4 partitions; one in `copies` stands there twice. A run
 * reads the topic from its beginning and is timed over its last nine tenths: bare until the handler has them, observed
 * until the store has them. Memory is of the whole process, from the first quarter of the timed part to its last.
 */
const { fork } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { mkdtempSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { loadavg, tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { Kafka, logLevel } = require('kafkajs');
const { startBroker } = require('../dist/demo/broker');

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '5000000' },
    pairs: { type: 'string', default: '3' },
    copies: { type: 'string', default: '0.001' },
    brokers: { type: 'string' },
    json: { type: 'string' },
  },
});
const RECORDS = Number(values.records);
const PAIRS = Number(values.pairs);
const COPIES = Number(values.copies);
const PARTITIONS = 4;

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});

async function main() {
  const broker =
    values.brokers === undefined
      ? await startBroker({ onProgress: (line) => console.error(line) })
      : { brokers: values.brokers.split(','), stop: async () => undefined };
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-bench-'));
  const topic = `bench-observer-${Date.now()}`;
  const { brokers } = broker;
  try {
    const copies = await fill(brokers, topic);
    const runs = [];
    // The first run fills the broker's page cache and is not counted.
    await run({ kind: 'bare', brokers, topic, records: RECORDS });
    for (let pair = 0; pair < PAIRS; pair++) {
      const result = { load: loadavg()[0] };
      for (const kind of pair % 2 === 0 ? ['bare', 'observed'] : ['observed', 'bare']) {
        const store = join(folder, `${pair}.db`);
        result[kind] = await run({ kind, brokers, topic, records: RECORDS, store });
        if (kind === 'observed') result.storeBytes = statSync(store).size;
      }
      if (result.observed.found !== copies) {
        throw new Error(`${result.observed.found} of ${copies} copies found`);
      }
      result.ratio = result.observed.rate / result.bare.rate;
      runs.push(result);
      console.error(line(result));
    }
    const ratios = runs.map(({ ratio }) => ratio).sort((a, b) => a - b);
    console.log(
      `${RECORDS} records, ${copies} copies found in each run: ratio ${ratios[Math.floor(ratios.length / 2)].toFixed(3)} (${ratios.map((ratio) => ratio.toFixed(3)).join(', ')})`,
    );
    if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(runs, null, 2));
  } finally {
    await drop(brokers, topic).catch(() => undefined);
    rmSync(folder, { recursive: true, force: true });
    await broker.stop();
  }
}

function line({ bare, observed, ratio, load, storeBytes }) {
  return [
    `bare ${thousands(bare.rate)} (${bare.loopUs.toFixed(2)} us of its loop)`,
    `observed ${thousands(observed.rate)} (${observed.loopUs.toFixed(2)} us of its loop, ${observed.cpuUs.toFixed(2)} us of CPU in all)`,
    `ratio ${ratio.toFixed(3)}`,
    `memory ${observed.rssMb.map((mb) => mb.toFixed(0)).join(' -> ')} MB`,
    `store ${(storeBytes / RECORDS).toFixed(1)} B a record`,
    `load ${load.toFixed(1)}`,
  ].join(', ');
}

/** Answers how many of the records stand there a second time. */
async function fill(brokers, topic) {
  const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const value = Buffer.alloc(200, 120);
  const batch = 10_000;
  let copies = 0;
  let last = null;
  for (let sent = 0; sent < RECORDS; sent += batch) {
    const messages = Array.from({ length: Math.min(batch, RECORDS - sent) }, (_, i) => {
      const isCopy = last !== null && i % Math.round(1 / COPIES) === 7;
      if (isCopy) copies++;
      else last = uuid();
      return { value, partition: i % PARTITIONS, headers: { 'message-id': last } };
    });
    await producer.send({ topic, messages, acks: 1 });
  }
  await producer.disconnect();
  return copies;
}

function uuid() {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

async function drop(brokers, topic) {
  const admin = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

function run(task) {
  return new Promise((resolve, reject) => {
    const child = fork(join(__dirname, 'observer-run.js'), [JSON.stringify(task)]);
    let result = null;
    child.on('message', (message) => {
      result = message;
    });
    child.on('exit', (code) =>
      code === 0 && result !== null ? resolve(result) : reject(new Error(`a run ended with code ${code}`)),
    );
  });
}

function thousands(rate) {
  return `${Math.round(rate / 1000)}k/s`;
}
