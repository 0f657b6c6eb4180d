/**
 * What the check costs a second: `npm run bench:idempotent -- [--messages 100000] [--json <file>]`. Handlers that do
 * nothing, messages of 200 B with a `message-id` header, no Kafka; a tenth of them are copies. PostgreSQL from
 * DATABASE_URL.
 */
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { idempotent } = require('../dist');

const { values } = parseArgs({
  options: { messages: { type: 'string', default: '100000' }, json: { type: 'string' } },
});
const MESSAGES = Number(values.messages);
const BATCH = 1_000;
const VALUE = Buffer.alloc(200, 'v');
const idle = { heartbeat: async () => {}, isRunning: () => true, isStale: () => false };

function messageOf(number) {
  // Each tenth is a copy of one 1,000 before.
  const id = number % 10 === 9 && number >= 1_000 ? number - 999 : number;
  const headers = { 'message-id': Buffer.from(`0190d5e7-0000-7000-8000-${String(id).padStart(12, '0')}`) };
  return { offset: String(number), key: null, value: VALUE, headers, timestamp: '0', attributes: 0 };
}

async function measure(messages, work) {
  const start = performance.now();
  await work();
  return Math.round(messages / ((performance.now() - start) / 1_000));
}

async function inBatches(options, messages) {
  let applied = 0;
  const handler = idempotent.eachBatch(async ({ batch }) => {
    applied += batch.messages.length;
  }, options);
  const common = { ...idle, resolveOffset: () => {}, commitOffsetsIfNecessary: async () => {} };
  const perSecond = await measure(messages, async () => {
    for (let from = 0; from < messages; from += BATCH) {
      const batch = {
        topic: 't',
        partition: 0,
        messages: Array.from({ length: BATCH }, (_, i) => messageOf(from + i)),
      };
      await handler({ batch, ...common });
    }
  });
  await handler.close();
  return { perSecond, applied };
}

async function oneByOne(options, messages) {
  let applied = 0;
  const handler = idempotent(async () => void applied++, options);
  const perSecond = await measure(messages, async () => {
    for (let i = 0; i < messages; i++)
      await handler({ topic: 't', partition: 0, message: messageOf(i), ...idle });
  });
  await handler.close();
  return { perSecond, applied };
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-bench-'));
  const results = {};
  const run = async (name, form, options, messages) => {
    results[name] = { messages, ...(await form({ name, ...options }, messages)) };
    console.log(`${name}: ${JSON.stringify(results[name])}`);
  };
  const sqlite = (file) => ({ store: { sqlite: join(folder, file) } });
  try {
    await run('memory, eachBatch', inBatches, { store: { memory: 10 * MESSAGES } }, MESSAGES);
    await run('SQLite, eachBatch', inBatches, sqlite('batch.db'), MESSAGES);
    await run('SQLite, eachMessage', oneByOne, sqlite('one.db'), Math.floor(MESSAGES / 2));
    if (process.env.DATABASE_URL) {
      const { Pool } = require('pg');
      const pool = new Pool({ connectionString: process.env.DATABASE_URL });
      const store = { postgres: pool, table: `bench_${process.pid}` };
      await run('PostgreSQL, eachBatch', inBatches, { store }, MESSAGES);
      await run('PostgreSQL, eachMessage', oneByOne, { store }, Math.floor(MESSAGES / 20));
      await pool.query(`DROP TABLE bench_${process.pid}`);
      await pool.end();
    } else console.log('PostgreSQL: not measured, DATABASE_URL is not set');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (values.json) writeFileSync(values.json, JSON.stringify(results, null, 2));
}

void main();
