/**
 * What tracing costs: consumers of six kinds by turns, in one call, each run a process of its own.
 *
 *     npm run bench:tracing -- [--records 600000] [--rounds 3] [--handler eachMessage] [--kinds bare,off,...]
 *
 *     bare            kafkajs alone
 *     untraced        instrumented, tracing turned off, no provider registered: what the ledger costs
 *     off             instrumented, the default tracing, no provider registered: what tracing costs without one
 *     redeliveries    instrumented, a provider with a batch span processor and a null exporter, the default tracing
 *     all             the same, every delivery traced
 *     instrumentation @opentelemetry/instrumentation-kafkajs alone, the same provider
 *
 * A run reads the same topic (200-byte records, 4 partitions, no headers) with a new group and is timed over its last
 * nine tenths. Each round runs every kind once, in an order that turns; reported are medians of the ratios within
 * rounds, as absolute figures on a machine that others use mean little. `by CPU` compares the CPU time a record of the
 * whole process, its writer thread and garbage collection included: that hardly depends on what else runs.
 *
 * At the end the claims by rate, kept or missed for each handler; a missed one is an exit code of 1.
 */
const { fork } = require('node:child_process');
const { mkdtempSync, rmSync } = require('node:fs');
const { cpus, tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { startBroker } = require('../dist/demo/broker');
const { fill, median, thousands } = require('./topic');

/** At least so much of the throughput of another kind. */
const CLAIMS = [
  { kind: 'redeliveries', base: 'bare', atLeast: 0.95 },
  { kind: 'all', base: 'instrumentation', atLeast: 1.5 },
  // Without a provider nothing is measurable: the scatter of this bench is 2 to 3%.
  { kind: 'off', base: 'untraced', atLeast: 0.97 },
];

const KINDS = ['bare', 'untraced', 'off', 'redeliveries', 'all', 'instrumentation'];

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '600000' },
    rounds: { type: 'string', default: '3' },
    handler: { type: 'string', default: 'eachMessage,eachBatch' },
    kinds: { type: 'string', default: KINDS.join() },
  },
});
const RECORDS = Number(values.records);
const ROUNDS = Number(values.rounds);
const kinds = values.kinds.split(',');

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});

async function main() {
  const broker = await startBroker({ onProgress: (line) => console.error(line) });
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-bench-'));
  try {
    const topic = `bench-${Date.now()}`;
    await fill(broker.brokers, topic, RECORDS);
    console.log(
      `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Node ${process.version}, ${RECORDS} records of 200 B, ${ROUNDS} rounds`,
    );
    for (const handler of values.handler.split(',')) {
      const measured = await rounds({ brokers: broker.brokers, topic, handler, records: RECORDS }, folder);
      print(handler, measured);
      judge(handler, measured);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await broker.stop();
  }
}

async function rounds(task, folder) {
  const measured = [];
  // The first run fills the broker's page cache and is not counted.
  await run({ ...task, kind: 'bare', store: null });
  for (let i = 0; i < ROUNDS; i++) {
    const turned = kinds.map((_, place) => kinds[(place + i) % kinds.length]);
    const round = {};
    for (const kind of turned) {
      round[kind] = await run({ ...task, kind, store: join(folder, `${task.handler}-${i}-${kind}.db`) });
    }
    const told = kinds.map(
      (kind) => `${kind} ${thousands(round[kind].rate)} ${round[kind].cpuUs.toFixed(1)} us`,
    );
    console.error(`${task.handler} ${i + 1}: ${told.join(', ')}`);
    measured.push(round);
  }
  return measured;
}

function run(task) {
  return new Promise((resolve, reject) => {
    const child = fork(join(__dirname, 'tracing-run.js'), [JSON.stringify(task)]);
    let result = null;
    child.on('message', (message) => {
      result = message;
    });
    child.on('exit', (code) =>
      code === 0 && result !== null ? resolve(result) : reject(new Error(`a run ended with code ${code}`)),
    );
  });
}

function judge(handler, rounds) {
  for (const { kind, base, atLeast } of CLAIMS) {
    if (!kinds.includes(kind) || !kinds.includes(base)) continue;
    const ratios = rounds.map((round) => round[kind].rate / round[base].rate);
    const isKept = median(ratios) >= atLeast;
    if (!isKept) process.exitCode = 1;
    const all = ratios.map((ratio) => ratio.toFixed(2)).join(', ');
    console.log(
      `${handler.padEnd(12)} claim: ${kind} >= ${atLeast} of ${base}: ${isKept ? 'kept' : 'MISSED'}, median ${median(ratios).toFixed(3)} (${all})`,
    );
  }
}

function print(handler, rounds) {
  for (const kind of kinds) {
    const against = (base, of) => median(rounds.map((round) => of(round[kind], round[base]))).toFixed(2);
    const both = (base) => {
      if (!kinds.includes(base)) return '-';
      return `${against(base, (a, b) => a.rate / b.rate)} (${against(base, (a, b) => b.cpuUs / a.cpuUs)} by CPU)`;
    };
    const rate = thousands(median(rounds.map((round) => round[kind].rate)));
    const cpu = median(rounds.map((round) => round[kind].cpuUs)).toFixed(2);
    console.log(
      `${handler.padEnd(12)} ${kind.padEnd(16)} ${rate.padStart(6)}/s ${cpu.padStart(6)} us  against bare ${both('bare')}, against instrumentation ${both('instrumentation')}`,
    );
  }
}
