/**
 * What an application does that is paid for each message once: its handler stands within `idempotent`. With PostgreSQL
 * the effect is a row in the handler's transaction, with SQLite a line in a file, written before anything is marked.
 *
 * What becomes of each delivery is noted as `test/check/truth.ts` reads it.
 */
const { openSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { Pool } = require('pg');
const { fatesTo, idOf } = require('../check/fates');
const { idempotent } = require(join(__dirname, '../../dist'));

/** @param task WorkerTask's `payments` */
module.exports = function paying({ name, store, fates, effects, autoResolve }) {
  const isPostgres = store.url !== undefined;
  const pool =
    isPostgres && new Pool({ connectionString: store.url, options: `-c search_path=${store.schema}` });
  const effectsFile = isPostgres ? null : openSync(effects, 'a');
  const note = fatesTo(fates);

  /** The value ends with the amount. */
  async function pay(partition, message, tx) {
    const [id, amount] = [idOf(message), Number(message.value.toString().split(' ')[2])];
    note('e', partition, [message]);
    if (!isPostgres) return void writeSync(effectsFile, `${id} ${amount}\n`);
    await tx.query('INSERT INTO payment VALUES ($1, $2)', [id, amount]);
    await tx.query('UPDATE account SET balance = balance + $1', [amount]);
  }

  const onHit = ({ partition, message }) => note('h', partition, [message]);
  const options = {
    ...{ name, onHit, autoResolve },
    store: isPostgres ? { postgres: pool } : { sqlite: store.path },
  };
  return {
    note,
    pay,
    /** An effect of many records is one: what one of them throws takes back all. */
    isAtomic: isPostgres,
    checked: {
      eachMessage: (handler) => idempotent(handler, options),
      eachBatch: (handler) => idempotent.eachBatch(handler, options),
    },
  };
};
