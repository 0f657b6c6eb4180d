/**
 * The application of the demo: a consumer as kafkajs's pages show it, in a process of its own, with the one line
 * of Dupescope. The first thing its handler does is to write the ground truth; then it works a few milliseconds a
 * record, or misbehaves as the parent ordered.
 */
import './leash';
import { type Consumer, type ConsumerRunConfig, Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { instrument } from '../index';
import { Conduct } from './conduct';
import { endTracing } from './tracing';
import { TruthWriter } from './truth';
import {
  FETCH_WAIT_MS,
  HEARTBEAT_MS,
  type News,
  type Order,
  SESSION_TIMEOUT_MS,
  type WorkerSettings,
} from './workload';

const settings = JSON.parse(process.argv[2] ?? '{}') as WorkerSettings;
const { name, brokers, topic, group, evidence } = settings;

const kafka = instrument(new Kafka({ clientId: name, brokers, logLevel: logLevel.ERROR }), evidence);

const truth = new TruthWriter(settings.truthFile);
const consumer = kafka.consumer({
  groupId: group,
  sessionTimeout: SESSION_TIMEOUT_MS,
  heartbeatInterval: HEARTBEAT_MS,
  maxWaitTimeInMs: FETCH_WAIT_MS,
});
const conduct = new Conduct(consumer, tell);

function tell(news: News): void {
  process.send?.(news, () => undefined);
}

function witness(partition: number, messages: readonly KafkaMessage[]): void {
  const at = Date.now();
  truth.write(
    messages.map(({ offset }) => ({ group, topic, partition, offset: Number(offset), at, worker: name })),
  );
}

/** Handler by handler; where a batch begins and ends is told by an event, before its first record. */
function eachMessage(of: Consumer): ConsumerRunConfig {
  const batch = { first: 0, last: 0 };
  of.on(of.events.START_BATCH_PROCESS, ({ payload }) => {
    batch.first = Number(payload.firstOffset);
    batch.last = Number(payload.lastOffset);
  });
  return {
    eachMessage: async ({ partition, message, heartbeat }) => {
      witness(partition, [message]);
      await conduct.work({ topic, partition, offset: Number(message.offset), ...batch, heartbeat });
    },
  };
}

function eachBatch(): ConsumerRunConfig {
  return {
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
      witness(batch.partition, batch.messages);
      const [first, last] = [Number(batch.firstOffset()), Number(batch.lastOffset())];
      for (const { offset } of batch.messages) {
        if (!isRunning() || isStale()) return;
        await conduct.work({
          topic,
          partition: batch.partition,
          offset: Number(offset),
          first,
          last,
          heartbeat,
        });
        resolveOffset(offset);
        await heartbeat();
      }
    },
  };
}

async function stop(): Promise<void> {
  await consumer.disconnect();
  await endTracing();
  process.exit(0);
}

async function main(): Promise<void> {
  process.on('message', (order: Order) => {
    if (order.order === 'stop') void stop();
    else conduct.next = order;
  });
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    tell({ news: 'joined', partitions: payload.memberAssignment[topic] ?? [] }),
  );
  consumer.on(consumer.events.CRASH, ({ payload }) =>
    tell({ news: 'crashed', error: payload.error.message, restart: payload.restart }),
  );
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run(settings.handler === 'eachBatch' ? eachBatch() : eachMessage(consumer));
}

main().catch(async (error: unknown) => {
  console.error(error);
  await endTracing();
  process.exit(1);
});
