/**
 * Does memory stay flat, and how many bytes does a delivery cost on disk?
 *
 *     npm run bench:soak -- [--minutes 3] [--rate 20000] [--simulated-hours 1]
 *
 * First simulated: the store takes what an instrumented consumer of 4 partitions tells in that time (a state of every
 * open run five times a second, a closed run each 10 s, commits, one stretch in a thousand delivered twice). Then
 * real: a producer at that rate, a broker, and an instrumented consumer process whose memory is read every 5 s.
 */
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync, statSync, existsSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { Kafka, logLevel } = require('kafkajs');
const { startBroker } = require('../dist/demo/broker');
const { Tables } = require('../dist/store/tables');
const { openStore } = require('../dist/store/open');

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '3' },
    rate: { type: 'string', default: '20000' },
    'simulated-hours': { type: 'string', default: '1' },
  },
});
const RATE = Number(values.rate);
const PARTITIONS = 4;
const TURN_MS = 200;
const RUN_MS = 10_000;

if (process.argv[2] === 'consumer') consume(JSON.parse(process.argv[3]));
else {
  main().catch((error) => {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  });
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-soak-'));
  try {
    simulate(join(folder, 'simulated.db'));
    if (Number(values.minutes) > 0) await real(join(folder, 'real.db'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function simulate(path) {
  const db = openStore(path);
  const tables = new Tables(db);
  const cluster = tables.dimensions.cluster('cluster');
  const group = tables.dimensions.group(cluster, 'billing');
  const topic = tables.dimensions.topic(cluster, 'orders', null, 0);
  const settings = {};
  const fact = {
    t: 'session',
    session: 1,
    key: 'soak',
    group: 'billing',
    host: 'h',
    pid: 1,
    bootId: '',
    at: 0,
  };
  const session = tables.facts.session('journal', group, { ...fact, version: '0', settings });
  const gps = Array.from({ length: PARTITIONS }, (_, p) => tables.dimensions.groupPartition(group, topic, p));
  const hours = Number(values['simulated-hours']);
  const endMs = hours * 3_600_000;
  const perTurn = Math.round((RATE / PARTITIONS) * (TURN_MS / 1000));
  const tracks = gps.map((gp) => ({ gp, next: 0, first: 0, firstAt: 0, run: 0 }));
  let runs = 0;
  let deliveries = 0;
  for (const track of tracks) track.run = ++runs;
  const samples = [];
  const startedAt = performance.now();
  const tell = (track, at, outcome) =>
    tables.runs.apply(
      {
        gp: track.gp,
        group,
        topic,
        session,
        sessionKey: 'soak',
        member: null,
        run: track.run,
        first: track.first,
        last: track.next - 1,
        handled: track.next,
        uncertainLast: track.next - 1,
        firstAt: track.firstAt,
        lastAt: at,
        outcome,
        error: null,
      },
      1,
    );
  for (let at = 0; at < endMs; at += TURN_MS) {
    db.transaction(() => {
      for (const track of tracks) {
        track.next += perTurn;
        deliveries += perTurn;
        const due = at - track.firstAt >= RUN_MS;
        tell(track, at, due ? 'handled' : 'open');
        const position = {
          next: track.next,
          handled: track.next,
          committed: track.next,
          exposedSince: 0,
          at,
        };
        tables.facts.position(track.gp, session, position, true);
        if (due) {
          // One run in a hundred is followed by a tenth of it once more.
          if (track.run % 100 === 0) track.next -= perTurn * 5;
          Object.assign(track, { first: track.next, firstAt: at, run: ++runs });
        }
      }
    })();
    if (at % 60_000 === 0) {
      global.gc?.();
      samples.push(process.memoryUsage().heapUsed);
    }
  }
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  const bytes = statSync(path).size;
  const quarter = Math.floor(samples.length / 4);
  console.log(
    `simulated ${hours} h at ${RATE} records/s: ${millions(deliveries)} deliveries in ${((performance.now() - startedAt) / 1000).toFixed(1)} s, ` +
      `${(bytes / 1e6).toFixed(2)} MB, ${(bytes / deliveries).toFixed(4)} B a delivery, ` +
      `heap ${mb(mean(samples.slice(quarter, 2 * quarter)))} -> ${mb(mean(samples.slice(-quarter)))} MB (second and last quarter)`,
  );
}

async function real(store) {
  const broker = await startBroker({ onProgress: (line) => console.error(line) });
  const kafka = new Kafka({ clientId: 'soak', brokers: broker.brokers, logLevel: logLevel.NOTHING });
  const topic = `soak-${Date.now()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
  await admin.disconnect();
  const child = fork(__filename, ['consumer', JSON.stringify({ brokers: broker.brokers, topic, store })], {
    execArgv: ['--expose-gc'],
  });
  const samples = [];
  child.on('message', (sample) => samples.push(sample));
  const producer = kafka.producer();
  await producer.connect();
  const value = Buffer.alloc(200, 120);
  const endAt = performance.now() + Number(values.minutes) * 60_000;
  const beganAt = performance.now();
  let sent = 0;
  while (performance.now() < endAt) {
    const due = Math.floor(((performance.now() - beganAt) / 1000) * RATE) - sent;
    const count = Math.min(due, 10_000);
    if (count >= 200) {
      const messages = Array.from({ length: count }, (_, i) => ({ value, partition: i % PARTITIONS }));
      await producer.send({ topic, messages, acks: 1 });
      sent += count;
    } else await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await producer.disconnect();
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.send('stop');
  await exited;
  await broker.stop();
  const last = samples.at(-1);
  const bytes = ['', '-wal'].reduce(
    (sum, end) => sum + (existsSync(store + end) ? statSync(store + end).size : 0),
    0,
  );
  const third = Math.floor(samples.length / 3);
  const part = (name, from, to) => mb(mean(samples.slice(from, to).map((sample) => sample[name])));
  console.log(
    `real ${values.minutes} min: sent ${millions(sent)}, delivered ${millions(last.seen)}, store ${(bytes / 1e6).toFixed(2)} MB, ` +
      `${(bytes / last.seen).toFixed(4)} B a delivery, journal ${mb(last.journalBytes)} MB, ` +
      `heap after gc ${part('heapUsed', third, 2 * third)} -> ${part('heapUsed', -third)} MB, ` +
      `rss ${part('rss', third, 2 * third)} -> ${part('rss', -third)} MB (second and last third), ` +
      `longest event-loop delay ${last.longestDelayMs.toFixed(0)} ms (kafkajs's own share included)`,
  );
}

function consume({ brokers, topic, store }) {
  const { monitorEventLoopDelay } = require('node:perf_hooks');
  const { readdirSync } = require('node:fs');
  const { instrument } = require('../dist');
  const kafka = instrument(new Kafka({ clientId: 'soak', brokers, logLevel: logLevel.NOTHING }), { store });
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  const delay = monitorEventLoopDelay({ resolution: 5 });
  let seen = 0;
  const journalBytes = () => {
    let sum = 0;
    for (const id of readdirSync(`${store}.journal`)) {
      for (const file of readdirSync(join(`${store}.journal`, id)))
        sum += statSync(join(`${store}.journal`, id, file)).size;
    }
    return sum;
  };
  const sample = () => {
    global.gc();
    const { heapUsed, rss } = process.memoryUsage();
    process.send({ heapUsed, rss, seen, journalBytes: journalBytes(), longestDelayMs: delay.max / 1e6 });
    delay.reset();
  };
  (async () => {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async () => {
        seen++;
      },
    });
    delay.enable();
    const timer = setInterval(sample, 5_000);
    process.on('message', async () => {
      clearInterval(timer);
      sample();
      await consumer.disconnect();
      process.exit(0);
    });
  })();
}

function mean(list) {
  return list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
}

function mb(bytes) {
  return (bytes / 1e6).toFixed(1);
}

function millions(count) {
  return `${(count / 1e6).toFixed(2)}M`;
}
