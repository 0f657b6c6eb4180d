/**
 * A consume-transform-produce process to be killed. argv[2]: JSON of { brokers, group, input, output, transactionalId,
 * handler: 'eachMessage' | 'eachBatch', ledger, failEvery, port }; with `port` it reaches the broker by the proxy there.
 * Tells each step before it is taken; a message ends it. Where it cannot know how a transaction ended it says why, and
 * ends with 3: whoever looks after it starts another.
 */
const { connect } = require('node:net');
const { join } = require('node:path');
const { Kafka, logLevel } = require('kafkajs');
const dist = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const { instrument } = require(dist);

/** Records of one transaction of the eachBatch handler. */
const CHUNK = 7;

const task = JSON.parse(process.argv[2]);
let transactions = 0;

const retry = { initialRetryTime: 50, maxRetryTime: 300, retries: 50 };
const through = {
  socketFactory: ({ onConnect }) => connect({ host: '127.0.0.1', port: task.port }, onConnect),
  requestTimeout: 1_000,
};
const client = new Kafka({
  clientId: 'pipeline',
  brokers: task.brokers,
  logLevel: logLevel.NOTHING,
  retry,
  ...(task.port === undefined ? {} : through),
});
const kafka = instrument(client, { store: task.ledger });
const producer = kafka.producer({ transactionalId: task.transactionalId, maxInFlightRequests: 1, retry });
const consumer = kafka.consumer({
  groupId: task.group,
  maxWaitTimeInMs: 50,
  sessionTimeout: 1_500,
  heartbeatInterval: 200,
  retry,
});

/** Never answers: what a handler that goes on would commit or take again is known to nobody here. */
function end(error) {
  process.send({ ended: error.message }, () => process.exit(3));
  return new Promise(() => undefined);
}

/**
 * One transaction: the output of these messages, and their offsets. By name: kafkajs's uncommittedOffsets() takes what
 * an aborted transaction was given for committed.
 */
async function transform(topic, partition, messages) {
  const topics = [{ topic, partitions: [{ partition, offset: String(Number(messages.at(-1).offset) + 1) }] }];
  const transaction = await producer.transaction();
  try {
    process.send('sending');
    const outputs = messages.map(({ key, value }) => ({ key, value: `of ${value}` }));
    await transaction.send({ topic: task.output, messages: outputs });
    process.send('offering');
    await transaction.sendOffsets({ consumerGroupId: task.group, topics });
    if (++transactions % task.failEvery === 0) throw new Error('the transformation failed');
    process.send('committing');
    await transaction.commit();
    process.send('committed');
  } catch (error) {
    // Whether a commit took place only the group's offsets tell, to a new process.
    if (!transaction.isActive()) await end(error);
    await transaction.abort().catch(end);
    throw error;
  }
}

const handlers = {
  eachMessage: ({ topic, partition, message }) => transform(topic, partition, [message]),
  eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
    const { topic, partition, messages } = batch;
    for (let i = 0; i < messages.length; i += CHUNK) {
      const chunk = messages.slice(i, i + CHUNK);
      for (const { offset } of chunk) resolveOffset(offset);
      try {
        await transform(topic, partition, chunk);
      } catch (error) {
        // What was resolved was dropped with the transaction.
        consumer.seek({ topic, partition, offset: chunk[0].offset });
        throw error;
      }
      await heartbeat();
    }
  },
};

async function main() {
  await producer.connect();
  // Ends what a killed predecessor left open, before the group's offsets are read.
  await (await producer.transaction()).abort();
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    if (!restart) end(error);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [task.input], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    [task.handler]: handlers[task.handler],
  });
  process.on('message', async () => {
    await consumer.disconnect();
    await producer.disconnect();
    process.exit(0);
  });
  process.on('disconnect', () => process.exit(0));
}

main().catch((error) => {
  if (task.port !== undefined && error.name.startsWith('KafkaJS')) return end(error);
  console.error(error);
  process.exit(1);
});
