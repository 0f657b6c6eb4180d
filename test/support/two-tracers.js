/**
 * An application with @opentelemetry/instrumentation-kafkajs and Dupescope by its register, either first, or by
 * instrument(). argv[2]: JSON of
 * { brokers, group, topic, store, first: 'register' | 'instrumentation' | 'instrument()', want, handler }. Says its spans when so many
 * deliveries are handled; it commits nothing.
 */
const { context, trace, propagation } = require('@opentelemetry/api');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { W3CTraceContextPropagator } = require('@opentelemetry/core');
const {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} = require('@opentelemetry/sdk-trace-base');

const task = JSON.parse(process.argv[2]);
const exporter = new InMemorySpanExporter();
const warnings = [];
process.on('warning', (warning) => warnings.push(warning.code));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
trace.setGlobalTracerProvider(provider);

function instrumentation() {
  const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs');
  new KafkaJsInstrumentation().setTracerProvider(provider);
}

// The instrumentation patches what is loaded after it.
if (task.first !== 'register') instrumentation();
process.env.DUPESCOPE_STORE = task.store;
process.env.DUPESCOPE_TRACING = 'all';
if (task.first !== 'instrument()') require('../../dist/register');
if (task.first === 'register') instrumentation();
const { Kafka, logLevel } = require('kafkajs');

async function main() {
  const kafka = new Kafka({ clientId: 'two', brokers: task.brokers, logLevel: logLevel.NOTHING });
  if (task.first === 'instrument()') {
    require('../../dist').instrument(kafka, { store: task.store, tracing: 'all' });
  }
  const consumer = kafka.consumer({ groupId: task.group, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: task.topic, fromBeginning: true });
  let seen = 0;
  await new Promise((resolve) => {
    const count = (n) => {
      seen += n;
      if (seen >= task.want) setImmediate(resolve);
    };
    consumer.run({
      autoCommit: false,
      ...(task.handler === 'eachBatch'
        ? { eachBatch: async ({ batch }) => count(batch.messages.length) }
        : { eachMessage: async () => count(1) }),
    });
  });
  await consumer.disconnect();
  const spans = exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    by: span.instrumentationScope.name,
    attributes: span.attributes,
    links: span.links.length,
  }));
  process.send({ spans, warnings }, () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
