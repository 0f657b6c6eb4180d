/**
 * A consumer process for tests: an ordinary kafkajs application, wrapped in one line. Its handler appends every
 * delivery to its own ground-truth file before anything else. argv[2]: JSON of
 * { brokers, group, topics, store, truth, handler, workMs, consumer, run, options }.
 */
const { openSync, writeSync } = require('node:fs');
const { Kafka, logLevel } = require('kafkajs');
const { instrument } = require('../../dist');

require('../../dist/kafka/past-timers').slowPastTimers();

const task = JSON.parse(process.argv[2]);
const truth = openSync(task.truth, 'a');

function seen(topic, partition, messages) {
  writeSync(truth, messages.map(({ offset }) => `${topic} ${partition} ${offset}\n`).join(''));
}

const work = () =>
  task.workMs > 0 ? new Promise((resolve) => setTimeout(resolve, task.workMs)) : Promise.resolve();

async function main() {
  const kafka = instrument(
    new Kafka({ clientId: 'app', brokers: task.brokers, logLevel: logLevel.NOTHING }),
    {
      store: task.store,
      ...task.options,
    },
  );
  const consumer = kafka.consumer({ groupId: task.group, maxWaitTimeInMs: 100, ...task.consumer });
  await consumer.connect();
  await consumer.subscribe({ topics: task.topics, fromBeginning: true });
  const handlers = {
    eachMessage: async ({ topic, partition, message }) => {
      seen(topic, partition, [message]);
      await work();
    },
    commitFirst: async ({ topic, partition, message }) => {
      seen(topic, partition, [message]);
      await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }]);
      // Noted once more: a test that kills now knows that the commit was answered.
      seen(topic, partition, [message]);
      await work();
    },
    eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning }) => {
      seen(batch.topic, batch.partition, batch.messages);
      for (const message of batch.messages) {
        if (!isRunning()) return;
        await work();
        resolveOffset(message.offset);
        await heartbeat();
      }
    },
  };
  const kind = task.handler === 'eachBatch' ? 'eachBatch' : 'eachMessage';
  await consumer.run({ ...task.run, [kind]: handlers[task.handler] });
  process.send?.('running');
  process.on('message', async (message) => {
    if (message !== 'stop') return;
    await consumer.disconnect();
    process.exit(0);
  });
  process.on('disconnect', () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
