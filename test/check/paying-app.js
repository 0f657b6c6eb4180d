/**
 * A consumer process to be killed: pays what each message says, once for each identity, into accounts that must
 * balance. argv[2]: JSON of { brokers, group, topic, store: 'postgres' | 'sqlite', url, schema, path, effects, handler, ledger }.
 * With `truth` each delivery, hit and effect is a line of that file: d, h, e, and r where the handler returned.
 * With PostgreSQL the effect is a row in the handler's transaction, with SQLite a line in a file, written before anything
 * is marked.
 */
const { openSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { Kafka, logLevel } = require('kafkajs');
const { Pool } = require('pg');
const dist = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const { idempotent, instrument } = require(dist);

const task = JSON.parse(process.argv[2]);
const isPostgres = task.store === 'postgres';
const pool = isPostgres && new Pool({ connectionString: task.url, options: `-c search_path=${task.schema}` });
const effects = isPostgres ? null : openSync(task.effects, 'a');
const truth = task.truth === undefined ? null : openSync(task.truth, 'a');

function note(what, { partition, message }) {
  if (truth !== null) writeSync(truth, `${what} ${partition} ${message.offset}\n`);
}

/** Around the check, so that each delivery is noted before anything is known of it. */
function noting(handler) {
  return async (payload) => {
    note('d', payload);
    await handler(payload);
    note('r', payload);
  };
}

async function pay(messages, tx, paid = () => {}) {
  const rows = messages.map(({ headers, value }) => [headers['message-id'].toString(), Number(value)]);
  if (isPostgres) {
    await tx.query('INSERT INTO payment SELECT * FROM unnest($1::text[], $2::int[])', [
      rows.map(([id]) => id),
      rows.map(([, amount]) => amount),
    ]);
    await tx.query('UPDATE account SET balance = balance + $1', [rows.reduce((sum, [, n]) => sum + n, 0)]);
  } else {
    writeSync(effects, rows.map(([id, amount]) => `${id} ${amount}\n`).join(''));
  }
  paid();
  // Time for a kill between the effect and its mark.
  await new Promise((resolve) => setTimeout(resolve, 1));
}

async function main() {
  const client = new Kafka({ clientId: 'paying', brokers: task.brokers, logLevel: logLevel.NOTHING });
  const kafka = instrument(client, { store: task.ledger });
  const consumer = kafka.consumer({
    groupId: task.group,
    maxWaitTimeInMs: 50,
    sessionTimeout: 1_500,
    heartbeatInterval: 200,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [task.topic], fromBeginning: true });
  const onHit = (hit) => note('h', hit);
  const options = { name: 'paying', onHit, store: isPostgres ? { postgres: pool } : { sqlite: task.path } };
  const handlers = {
    eachMessage: noting(
      idempotent(async ({ message, partition, tx }) => {
        await pay([message], tx, () => note('e', { partition, message }));
      }, options),
    ),
    eachBatch: idempotent.eachBatch(async ({ batch, tx, heartbeat }) => {
      for (let i = 0; i < batch.messages.length; i += 20) {
        await pay(batch.messages.slice(i, i + 20), tx);
        await heartbeat();
      }
    }, options),
  };
  await consumer.run({ [task.handler]: handlers[task.handler] });
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
