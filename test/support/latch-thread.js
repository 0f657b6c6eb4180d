/** A thread that does nothing but compress; with `latch` in its data it does so behind the latch. */
const { join } = require('node:path');
const { parentPort } = require('node:worker_threads');
const zlib = require('node:zlib');
const { whole } = require(join(__dirname, '../../dist/latch'));

const text = 'x'.repeat(2_000);
parentPort.postMessage('begins');
// Each is a new zlib stream: made, opened, used, closed.
for (;;) whole(() => zlib.gzipSync(text, { level: 4 }));
