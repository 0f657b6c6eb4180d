/** One timed run of `bench/tracing.js`: reads the topic once as one kind of consumer does, and reports its rate. */
const { performance } = require('node:perf_hooks');

const { brokers, topic, handler, store, records, kind } = JSON.parse(process.argv[2]);

if (!['bare', 'untraced', 'off'].includes(kind)) register();
const { Kafka, logLevel } = require('kafkajs');

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);

/** An application's provider; spans are batched and thrown away, so that our side alone is measured. */
function register() {
  const { context, trace, propagation } = require('@opentelemetry/api');
  const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
  const { W3CTraceContextPropagator } = require('@opentelemetry/core');
  const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
  const exporter = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => {} };
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  const provider = new BasicTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  if (kind !== 'instrumentation') return;
  const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs');
  new KafkaJsInstrumentation().setTracerProvider(provider);
}

async function main() {
  let kafka = new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
  if (kind !== 'bare' && kind !== 'instrumentation') {
    const tracing = { all: 'all', untraced: 'off' }[kind] ?? 'redeliveries';
    kafka = require('../dist').instrument(kafka, { store, tracing });
  }
  const consumer = kafka.consumer({ groupId: `bench-${process.pid}-${Date.now()}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  // The first tenth is start-up and compiling.
  const warm = records / 10;
  let seen = 0;
  let from = 0;
  let startedAt = 0;
  let cpu = null;
  const result = await new Promise((resolve) => {
    const count = (n) => {
      seen += n;
      if (startedAt === 0 && seen >= warm) {
        from = seen;
        startedAt = performance.now();
        cpu = process.cpuUsage();
      }
      if (seen < records) return;
      const timed = seen - from;
      const { user, system } = process.cpuUsage(cpu);
      const rate = (timed * 1000) / (performance.now() - startedAt);
      resolve({ rate, cpuUs: (user + system) / timed });
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
