/** One timed run of `bench/observer.js`: reads the topic once, bare or observed, and reports its rate. */
const { performance } = require('node:perf_hooks');
const { Kafka, logLevel } = require('kafkajs');

const { kind, brokers, topic, store, records } = JSON.parse(process.argv[2]);

(kind === 'bare' ? bare() : observed()).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);

/** Times from the first tenth on; samples memory four times. */
function meter(done) {
  const warm = records / 10;
  let seen = 0;
  let from = 0;
  let startedAt = 0;
  let loop = null;
  let cpu = null;
  const rssMb = [];
  return (count) => {
    seen += count;
    if (loop === null && seen >= warm) {
      from = seen;
      startedAt = performance.now();
      loop = performance.eventLoopUtilization();
      cpu = process.cpuUsage();
    }
    if (seen >= ((rssMb.length + 1) * records) / 4) rssMb.push(process.memoryUsage().rss / 1e6);
    if (seen < records) return;
    const timed = seen - from;
    const { user, system } = process.cpuUsage(cpu);
    done({
      rate: (timed / (performance.now() - startedAt)) * 1000,
      loopUs: (performance.eventLoopUtilization(loop).active * 1000) / timed,
      cpuUs: (user + system) / timed,
      rssMb,
    });
  };
}

async function bare() {
  const kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const result = await new Promise((resolve) => {
    const count = meter(resolve);
    consumer.run({ eachBatch: async ({ batch }) => count(batch.messages.length) });
  });
  process.send(result);
  await consumer.disconnect();
}

async function observed() {
  const { TopicObserver } = require('../dist/kafka/topics/topic-observer');
  const { startWriter } = require('../dist/store/writer-client');
  const { openReader, openStore } = require('../dist/store/open');
  openStore(store).close();
  const writer = await startWriter({ storePath: store });
  const rules = {
    identity: [{ from: 'headers' }],
    window: { ageMs: 7 * 86_400_000, records: 10_000_000 },
    clearTexts: true,
  };
  let observer = null;
  const result = await new Promise((resolve, reject) => {
    const count = meter(resolve);
    observer = new TopicObserver({
      kafka: new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING }),
      settings: { brokers, clientId: 'bench', ssl: false, sasl: null },
      sink: {
        state: (cluster) => writer.observerState(cluster),
        expect: (topics) => writer.expect(topics),
        observe: async (seed, batches) => {
          const stored = batches.reduce((sum, batch) => sum + batch.records.count, 0);
          await writer.observe(seed, batches);
          count(stored);
        },
      },
      choice: {
        wants: (name) => name === topic,
        named: new Set([topic]),
        from: 'beginning',
        uncommitted: false,
        rulesOf: () => rules,
      },
      onProblem: (problem) => problem !== null && reject(problem),
    });
    observer.start();
  });
  await observer.stop();
  await writer.close();
  const db = openReader(store);
  const found = db.prepare('SELECT coalesce(sum(duplicates), 0) FROM observed_topic').pluck().get();
  db.close();
  process.send({ ...result, found });
}
