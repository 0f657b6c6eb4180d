/** The consumer runs in a worker thread, which gets register by its inherited arguments. */
const { isMainThread, Worker } = require('node:worker_threads');
const { client, consume } = require('./consume.cjs');

if (isMainThread) new Worker(__filename);
else consume(client(require('kafkajs')));
