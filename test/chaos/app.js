/**
 * The application under chaos: an ordinary kafkajs consumer in a process of its own, with the one line of Dupescope.
 * The first thing that its handler does is to append the delivery to the ground truth; then it works, or misbehaves as
 * it was ordered. What it does wrong is written down as well, before it is done: an act, a line of JSON.
 *
 * argv[2]: JSON of a WorkerTask (worker.ts). All times are of the machine's monotonic clock, which the clock fault
 * leaves alone, in ms: that of the parent and of all others.
 */
const { openSync, writeSync } = require('node:fs');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Kafka, logLevel } = require('kafkajs');
const dist = join(__dirname, '../../dist');
const { instrument } = require(dist);
require(join(dist, 'kafka/past-timers')).slowPastTimers();
const { TruthWriter } = require(join(dist, 'demo/truth'));
const { Random } = require(join(dist, 'demo/random'));

const task = JSON.parse(process.argv[2]);
const { name, group, topic, manual } = task;
const truth = new TruthWriter(task.truthFile);
const acts = openSync(task.actsFile, 'a');
const random = new Random(process.pid);
/** Where what it does may be done once only (payments-app.js). */
const payments = task.payments === null ? null : require('./payments-app')(task.payments);

/** Joins so far: what was delivered in which of them tells an old member's delivery from a new one's. */
let epoch = 0;
/** By partition: the join and the place of the batch that is handled. */
const batches = new Map();
/** The misconduct that is ordered next. */
let order = null;
/** How manual commits are made: 'right', 'short' (the offset in hand), 'refused' or 'none'. */
let commits = 'right';
let flaky = { share: 0, left: 0 };

const now = () => Number(process.hrtime.bigint()) / 1e6;
const tell = (news) => process.send?.(news, () => undefined);

function act(what, more = {}) {
  writeSync(acts, `${JSON.stringify({ act: what, worker: name, epoch, at: now(), ...more })}\n`);
}

function witness(partition, messages) {
  const at = now();
  const worker = `${name}#${batches.get(partition)?.epoch ?? epoch}`;
  truth.write(
    messages.map(({ offset, value }) => ({
      ...{ group, partition, at, worker },
      // The producer says in the value which life of the topic the record belongs to.
      topic: `${topic}@${value.toString().split(' ')[0]}`,
      offset: Number(offset),
    })),
  );
}

/** kafkajs's own words for having been thrown out, and for a commit that failed, as the broker told it. */
const logCreator =
  () =>
  ({ log }) => {
    if (/not aware of this member/.test(log.message)) act('thrown-out');
    if (/^Response OffsetCommit/.test(log.message) && !OF_MEMBERSHIP.test(log.error)) act('commit-failed');
  };
/** Refused to a member that is none any more: the joins and `thrown-out` tell of that. */
const OF_MEMBERSHIP = /rebalancing|not aware of this member|generation id is not valid/;

function spin(us) {
  const end = performance.now() + us / 1000;
  while (performance.now() < end);
}

/** A record in the middle of a batch: some before it are handled and not committed, some after it are fetched. */
function isInTheMiddle(partition, offset) {
  if (order.place !== undefined) return order.place === `${partition}/${offset}`;
  const { first, last } = batches.get(partition);
  return offset >= first + order.depth && offset < last;
}

async function work(partition, offset, heartbeat) {
  if (flaky.left > 0) {
    flaky.left--;
    if (random.next() < flaky.share) {
      act('threw', { partition, offset });
      throw new Error('the payment provider answered 503');
    }
  }
  if (order !== null && order.depth !== undefined && isInTheMiddle(partition, offset)) {
    const mine = order;
    // What is done several times is done to the same record.
    mine.place = `${partition}/${offset}`;
    mine.times = (mine.times ?? 1) - 1;
    if (mine.times <= 0) order = null;
    await misbehave(mine, partition, offset, heartbeat);
  }
  const us = random.between(...task.workUs);
  if (us < 1000) spin(us);
  else await sleep(us / 1000);
}

async function misbehave(mine, partition, offset, heartbeat) {
  switch (mine.order) {
    case 'throw':
      act('threw', { partition, offset });
      tell({ news: 'began' });
      if (mine.times <= 0) tell({ news: 'done' });
      throw mine.fatal ? new TypeError('cannot read the payment') : new Error('no such account');
    case 'sleep':
      act('slow', { partition, offset });
      tell({ news: 'began' });
      await sleep(mine.ms);
      tell({ news: 'done' });
      return;
    case 'toil':
      act('slow', { partition, offset });
      tell({ news: 'began' });
      try {
        for (const since = now(); now() - since < mine.ms; ) {
          await sleep(100);
          await heartbeat();
        }
      } finally {
        tell({ news: 'done' });
      }
      return;
    case 'seek': {
      const target = Math.max(0, offset - mine.back);
      act('sought', { partition, offset: target });
      consumer.seek({ topic, partition, offset: String(target) });
      tell({ news: 'done' });
      return;
    }
    case 'skip': {
      // Within what was fetched, of records beyond it nobody knows that they exist; and not to its end: what was passed
      // over is called skipped when something behind it is committed.
      const target = Math.min(offset + 1 + mine.over, batches.get(partition).last);
      act('sought', { partition, offset: target, over: [offset + 1, target - 1] });
      consumer.seek({ topic, partition, offset: String(target) });
      tell({ news: 'done' });
    }
  }
}

async function commit(partition, offset) {
  if (commits === 'none') return;
  const target = { topic, partition, offset: String(commits === 'short' ? offset : offset + 1) };
  if (commits === 'refused') {
    act('commit-refused', { partition, offset });
    // Brokers take 4 KiB of metadata and refuse more.
    await consumer.commitOffsets([{ ...target, metadata: 'x'.repeat(9_000) }]).catch(() => undefined);
    return;
  }
  await consumer.commitOffsets([target]);
  act(commits === 'short' ? 'short-commit' : 'commit', { partition, offset });
}

const handlers = {
  eachMessage: async ({ partition, message, heartbeat, tx }) => {
    const offset = Number(message.offset);
    await payments?.pay(partition, message, tx);
    await work(partition, offset, heartbeat);
    if (manual) await commit(partition, offset);
  },
  eachBatch: async ({
    batch,
    tx,
    resolveOffset,
    heartbeat,
    isRunning,
    isStale,
    commitOffsetsIfNecessary,
  }) => {
    const { partition } = batch;
    for (const [place, message] of batch.messages.entries()) {
      const leaves = order?.order === 'return' && place >= order.keep;
      if (leaves) {
        order = null;
        tell({ news: 'done' });
      }
      if (leaves || !isRunning() || isStale()) {
        act('returned', { partition, offset: Number(message.offset) });
        return;
      }
      await payments?.pay(partition, message, tx);
      await work(partition, Number(message.offset), heartbeat);
      resolveOffset(message.offset);
      await heartbeat();
      await commitOffsetsIfNecessary();
    }
  },
};

/**
 * The outermost: what was delivered is known before anything else is done. kafkajs's own errors go through the handler,
 * of a heartbeat or a commit: then it has thrown as well.
 */
function outermost(handler) {
  return async (payload) => {
    const { partition } = payload.batch ?? payload;
    const messages = payload.batch?.messages ?? [payload.message];
    const place = { partition, offset: Number(messages[0].offset) };
    witness(partition, messages);
    payments?.note('d', partition, messages);
    try {
      await handler(payload);
    } catch (error) {
      payments?.note('x', partition, messages);
      if (error.name.startsWith('KafkaJS')) act('passed-on', { ...place, error: error.message });
      // Of the check, or through it: where the effect is atomic the whole batch has thrown.
      else if (payments?.isAtomic || error.name === 'DupescopeError') act('threw', place);
      throw error;
    }
    payments?.note('r', partition, messages);
  };
}

const handler = handlers[task.handler];
const observed = outermost(payments === null ? handler : payments.checked[task.handler](handler));

const kafka = instrument(
  new Kafka({
    clientId: name,
    brokers: task.brokers,
    logLevel: logLevel.INFO,
    logCreator,
    requestTimeout: 2_500,
    connectionTimeout: 1_500,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
  }),
  { ...task.options, onProblem: ({ code, message }) => tell({ news: 'problem', code, message }) },
);
const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 500, ...task.consumer });

async function stop() {
  await consumer.disconnect();
  process.exit(0);
}

async function main() {
  process.on('message', (message) => {
    if (message.order === 'stop') return void stop();
    if (message.order === 'commits') commits = message.how;
    else if (message.order === 'flaky') flaky = message;
    else if (message.order === 'none') order = null;
    else order = message;
    tell({ news: 'ordered' });
  });
  process.on('disconnect', () => process.exit(1));
  const { GROUP_JOIN, REBALANCING, START_BATCH_PROCESS, CRASH } = consumer.events;
  consumer.on(REBALANCING, () => act('rebalancing'));
  consumer.on(GROUP_JOIN, ({ payload }) => {
    epoch++;
    const partitions = payload.memberAssignment[topic] ?? [];
    act('joined', { partitions });
    tell({ news: 'joined', epoch, partitions });
  });
  consumer.on(START_BATCH_PROCESS, ({ payload: { partition, firstOffset, lastOffset } }) => {
    batches.set(partition, { epoch, first: Number(firstOffset), last: Number(lastOffset) });
  });
  consumer.on(CRASH, ({ payload }) => {
    act('crashed', { error: payload.error.message, restart: payload.restart });
    // An application that finds its consumer dead ends, and is started anew by whoever looks after it.
    if (!payload.restart) setTimeout(() => process.exit(3), 100);
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ ...task.run, [task.handler]: observed });
}

/** kafkajs 2.2.4 throws this, a plain error, where a connection ended while it was being made. */
const ENDED_EARLY = 'Broker not connected';

main().catch((error) => {
  console.error(error);
  // Kafka was out of reach for longer than kafkajs tries: whoever looks after it starts another.
  process.exit(error.name.startsWith('KafkaJS') || error.message === ENDED_EARLY ? 3 : 1);
});
