/**
 * A consumer process on a host of its own: it reports to a service and sees no other host's journals. Its handler
 * appends every delivery to its ground-truth file before anything else, and what it knew of it to another. argv[2]:
 * JSON of { brokers, group, topic, options, truth, attempts, workMs, consumer, run }.
 */
const { openSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { Kafka, logLevel } = require('kafkajs');
const dist = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const { instrument, deliveryOf } = require(dist);

require(join(dist, 'kafka/past-timers')).slowPastTimers();

const task = JSON.parse(process.argv[2]);
const truth = openSync(task.truth, 'a');
const attempts = openSync(task.attempts, 'a');

async function main() {
  const kafka = instrument(
    new Kafka({ clientId: 'host', brokers: task.brokers, logLevel: logLevel.NOTHING }),
    { ...task.options, onProblem: ({ code, message }) => process.send?.({ code, message }) },
  );
  const consumer = kafka.consumer({ groupId: task.group, maxWaitTimeInMs: 100, ...task.consumer });
  await consumer.connect();
  await consumer.subscribe({ topics: [task.topic], fromBeginning: true });
  await consumer.run({
    ...task.run,
    eachMessage: async ({ topic, partition, message }) => {
      writeSync(truth, `${topic} ${partition} ${message.offset}\n`);
      const { attempt, known, previous } = deliveryOf(message);
      const told = { partition, offset: Number(message.offset), attempt, known, pid: previous?.pid ?? null };
      writeSync(attempts, `${JSON.stringify(told)}\n`);
      if (task.workMs > 0) await new Promise((resolve) => setTimeout(resolve, task.workMs));
    },
  });
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
