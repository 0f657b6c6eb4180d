/**
 * What `instrument` costs: bare and wrapped consumers by turns, in one call, each run a process of its own.
 *
 *     npm run bench:instrument -- [--records 1000000] [--pairs 5] [--handler eachBatch] [--json <file>]
 *
 * A run reads the same topic (200-byte records, 4 partitions) from the beginning with a new group and is timed
 * over its last nine tenths; the time from `run` to there is reported as start-up. Order within a pair alternates, so that drift of the machine hits both alike.
 * Reported: medians in records/s and the median of the pairs' ratios, wrapped against bare.
 */
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { cpus, tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { Kafka, logLevel } = require('kafkajs');
const { startBroker } = require('../dist/demo/broker');

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    pairs: { type: 'string', default: '5' },
    handler: { type: 'string', default: 'eachMessage,eachBatch' },
    json: { type: 'string' },
  },
});
const RECORDS = Number(values.records);
const PAIRS = Number(values.pairs);
const PARTITIONS = 4;

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});

async function main() {
  const broker = await startBroker({ onProgress: (line) => console.error(line) });
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-bench-'));
  try {
    const topic = `bench-${Date.now()}`;
    await fill(broker.brokers, topic);
    const report = {};
    for (const handler of values.handler.split(',')) {
      report[handler] = await pairs(broker.brokers, topic, handler, folder);
    }
    print(report);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await broker.stop();
  }
}

async function fill(brokers, topic) {
  const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const value = Buffer.alloc(200, 120);
  const batch = 10_000;
  for (let sent = 0; sent < RECORDS; sent += batch) {
    const messages = Array.from({ length: Math.min(batch, RECORDS - sent) }, (_, i) => ({
      value,
      partition: i % PARTITIONS,
    }));
    await producer.send({ topic, messages, acks: 1 });
  }
  await producer.disconnect();
}

async function pairs(brokers, topic, handler, folder) {
  const runs = {
    bare: [],
    wrapped: [],
    ratios: [],
    cpu: { bare: [], wrapped: [] },
    start: { bare: [], wrapped: [] },
  };
  // The first run of each kind fills the broker's page cache and is not counted.
  await run({ brokers, topic, handler, store: null });
  for (let pair = 0; pair < PAIRS; pair++) {
    const result = {};
    for (const kind of pair % 2 === 0 ? ['bare', 'wrapped'] : ['wrapped', 'bare']) {
      const store = kind === 'wrapped' ? join(folder, `${handler}-${pair}.db`) : null;
      result[kind] = await run({ brokers, topic, handler, store });
      runs[kind].push(result[kind].rate);
      runs.cpu[kind].push(result[kind].cpuUs);
      runs.start[kind].push(result[kind].startMs);
    }
    runs.ratios.push(result.wrapped.rate / result.bare.rate);
    console.error(
      `${handler} pair ${pair + 1}: bare ${thousands(result.bare.rate)}, wrapped ${thousands(result.wrapped.rate)}, ratio ${(result.wrapped.rate / result.bare.rate).toFixed(3)}`,
    );
  }
  return {
    bare: median(runs.bare),
    wrapped: median(runs.wrapped),
    ratioOfMedians: median(runs.wrapped) / median(runs.bare),
    medianRatio: median(runs.ratios),
    ratios: runs.ratios,
    startMs: { bare: median(runs.start.bare), wrapped: median(runs.start.wrapped) },
    mainThreadUs: { bare: median(runs.cpu.bare), wrapped: median(runs.cpu.wrapped) },
  };
}

function run(task) {
  return new Promise((resolve, reject) => {
    const child = fork(join(__dirname, 'instrument-run.js'), [JSON.stringify({ ...task, records: RECORDS })]);
    let result = null;
    child.on('message', (message) => {
      result = message;
    });
    child.on('exit', (code) =>
      code === 0 && result !== null ? resolve(result) : reject(new Error(`a run ended with code ${code}`)),
    );
  });
}

function print(report) {
  const machine = `${cpus().length} cores, ${cpus()[0].model}, Node ${process.version}`;
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${machine}, ${RECORDS} records of 200 B, ${PAIRS} pairs`,
  );
  console.log(
    'handler      bare rec/s  wrapped rec/s  median ratio  event loop us/rec  start-up ms (bare -> wrapped)',
  );
  for (const [handler, r] of Object.entries(report)) {
    const { bare, wrapped } = r.mainThreadUs;
    console.log(
      `${handler.padEnd(12)} ${thousands(r.bare).padStart(10)} ${thousands(r.wrapped).padStart(14)} ${r.medianRatio.toFixed(3).padStart(13)}  ${bare.toFixed(2)} -> ${wrapped.toFixed(2)}  ${r.startMs.bare.toFixed(0)} -> ${r.startMs.wrapped.toFixed(0)}`,
    );
  }
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ machine, records: RECORDS, report }, null, 2)}\n`);
}

function thousands(value) {
  return `${Math.round(value / 1000)}k`;
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
