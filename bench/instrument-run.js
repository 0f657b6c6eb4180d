/** One timed run of `bench/instrument.js`: reads the topic once, bare or wrapped, and reports its rate. */
const { performance } = require('node:perf_hooks');
const { Kafka, logLevel } = require('kafkajs');

const { brokers, topic, handler, store, records } = JSON.parse(process.argv[2]);

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);

async function main() {
  let kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
  if (store !== null) kafka = require('../dist').instrument(kafka, { store });
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  // The first tenth is start-up (joining, compiling, opening the store): timed, and told apart.
  const warm = records / 10;
  const calledAt = performance.now();
  let seen = 0;
  let from = 0;
  let startedAt = 0;
  let loop = null;
  const result = await new Promise((resolve) => {
    const count = (n) => {
      seen += n;
      if (loop === null && seen >= warm) {
        from = seen;
        startedAt = performance.now();
        loop = performance.eventLoopUtilization();
      }
      if (seen < records) return;
      const ms = performance.now() - startedAt;
      // Time the main thread was busy: what an application feels, whatever else the machine does.
      const busyMs = performance.eventLoopUtilization(loop).active;
      const timed = seen - from;
      resolve({
        rate: (timed / ms) * 1000,
        cpuUs: (busyMs * 1000) / timed,
        startMs: startedAt - calledAt,
      });
    };
    consumer.run(
      handler === 'eachMessage'
        ? { eachMessage: async () => count(1) }
        : { eachBatch: async ({ batch }) => count(batch.messages.length) },
    );
  });
  process.send(result);
  await consumer.disconnect();
}
