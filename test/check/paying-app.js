/**
 * A consumer process to be killed: pays what each message says, once for each identity, into accounts that must
 * balance. argv[2]: JSON of { brokers, port, group, topic, store: 'postgres' | 'sqlite', url, schema, path, effects,
 * handler, ledger, truth }; it reaches the broker by the proxy on that port.
 *
 * Each delivery is a line of the truth file before anything else is done, and so is what becomes of it: see `fates.js`.
 * With PostgreSQL the effect is a row in the handler's transaction, with SQLite a line in a file, written before anything
 * is marked. Each payment is told to the parent, which may kill by it.
 */
const { openSync, writeSync } = require('node:fs');
const { connect } = require('node:net');
const { join } = require('node:path');
const { Kafka, logLevel } = require('kafkajs');
const { Pool } = require('pg');
const dist = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const { idempotent, instrument } = require(dist);
const { fatesTo, idOf } = require('./fates');

require(join(dist, 'kafka/past-timers')).slowPastTimers();

const task = JSON.parse(process.argv[2]);
const isPostgres = task.store === 'postgres';
const pool = isPostgres && new Pool({ connectionString: task.url, options: `-c search_path=${task.schema}` });
const effects = isPostgres ? null : openSync(task.effects, 'a');
const note = fatesTo(task.truth);

/** Around the check, so that each delivery is noted before anything is known of it. */
function noting(handler) {
  return async (payload) => {
    const { partition } = payload.batch ?? payload;
    const messages = payload.batch?.messages ?? [payload.message];
    note('d', partition, messages);
    try {
      await handler(payload);
    } catch (error) {
      note('x', partition, messages);
      throw error;
    }
    note('r', partition, messages);
  };
}

async function pay(partition, messages, tx) {
  const rows = messages.map((message) => [idOf(message), Number(message.value)]);
  note('e', partition, messages);
  if (isPostgres) {
    await tx.query('INSERT INTO payment SELECT * FROM unnest($1::text[], $2::int[])', [
      rows.map(([id]) => id),
      rows.map(([, amount]) => amount),
    ]);
    await tx.query('UPDATE account SET balance = balance + $1', [rows.reduce((sum, [, n]) => sum + n, 0)]);
  } else {
    writeSync(effects, rows.map(([id, amount]) => `${id} ${amount}\n`).join(''));
  }
  process.send('paid');
  // Time for a kill between the effect and its mark.
  await new Promise((resolve) => setTimeout(resolve, 1));
}

async function main() {
  const client = new Kafka({
    clientId: 'paying',
    brokers: task.brokers,
    logLevel: logLevel.NOTHING,
    socketFactory: ({ onConnect }) => connect({ host: '127.0.0.1', port: task.port }, onConnect),
    requestTimeout: 1_000,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
  });
  const kafka = instrument(client, { store: task.ledger });
  const consumer = kafka.consumer({
    groupId: task.group,
    maxWaitTimeInMs: 50,
    sessionTimeout: 1_500,
    heartbeatInterval: 200,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [task.topic], fromBeginning: true });
  const onHit = ({ partition, message }) => note('h', partition, [message]);
  const options = { name: 'paying', onHit, store: isPostgres ? { postgres: pool } : { sqlite: task.path } };
  const handlers = {
    eachMessage: idempotent(({ message, partition, tx }) => pay(partition, [message], tx), options),
    eachBatch: idempotent.eachBatch(async ({ batch, tx, heartbeat }) => {
      for (let i = 0; i < batch.messages.length; i += 20) {
        await pay(batch.partition, batch.messages.slice(i, i + 20), tx);
        await heartbeat();
      }
    }, options),
  };
  await consumer.run({ [task.handler]: noting(handlers[task.handler]) });
  process.send('running');
  process.on('message', async () => {
    await consumer.disconnect();
    process.exit(0);
  });
  process.on('disconnect', () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
