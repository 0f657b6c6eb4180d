/**
 * A process that uses the check's SQLite file, to be killed or stopped. argv[2]: JSON of
 * { path, leaseMs, mode: 'hang' | 'race', ids, batch }. 'hang': claims ids[0] and never ends. 'race': a handler of
 * batches of all ids, told on standard output when it is called.
 */
const { join } = require('node:path');
const dist = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const { idempotent } = require(dist);

const { path, leaseMs, mode, ids, batch } = JSON.parse(process.argv[2]);
const identity = ({ value }) => value.toString();
const options = { name: 'claims', identity, store: { sqlite: path }, leaseMs, inProgress: 'wait' };
const messageOf = (id, offset) => ({
  offset: String(offset),
  key: null,
  value: Buffer.from(id),
  headers: { id },
});
const common = { heartbeat: async () => {}, isRunning: () => true, isStale: () => false };

async function hang() {
  const handler = idempotent(
    () =>
      new Promise((resolve) => {
        process.send('claimed');
        process.once('message', resolve);
      }),
    options,
  );
  await handler({ topic: 'topic', partition: 0, message: messageOf(ids[0], 0), ...common });
  process.send('settled');
}

async function race() {
  const handler = idempotent.eachBatch(async ({ batch: { messages } }) => {
    process.stdout.write(messages.map(({ value }) => `${value}\n`).join(''));
    await new Promise((resolve) => setImmediate(resolve));
  }, options);
  process.send('ready');
  await new Promise((resolve) => process.once('message', resolve));
  for (let i = 0; i < ids.length; i += batch) {
    const messages = ids.slice(i, i + batch).map((id, n) => messageOf(id, i + n));
    const payload = { batch: { topic: 'topic', partition: 0, messages }, resolveOffset: () => {}, ...common };
    await handler({ ...payload, commitOffsetsIfNecessary: async () => {} });
  }
  process.send('done');
}

void (mode === 'hang' ? hang() : race()).then(() => process.disconnect());
