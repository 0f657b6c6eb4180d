/** Ends compressing threads at random moments, 60 times: `node latch-app.js shut|cut`. Prints how many were ended. */
const { once } = require('node:events');
const { join } = require('node:path');
const { Worker } = require('node:worker_threads');
const { makeLatch, shut } = require(join(__dirname, '../../dist/latch'));

async function main(how) {
  for (let i = 0; i < 60; i++) {
    const latch = how === 'shut' ? makeLatch() : undefined;
    const worker = new Worker(join(__dirname, 'latch-thread.js'), { workerData: { latch } });
    await once(worker, 'message');
    const until = performance.now() + Math.random() * 2;
    while (performance.now() < until);
    if (latch !== undefined) shut(latch, 5_000);
    await worker.terminate();
  }
  process.stdout.write('ended 60');
}

main(process.argv[2]);
