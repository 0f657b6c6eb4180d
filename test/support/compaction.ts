/** Topics that the broker really compacts. */
import type { Message } from 'kafkajs';
import { testKafka, uniqueName, until } from './broker';

const TOPIC_RESOURCE = 2;
/** The broker's cleaner looks every 15 s. */
export const COMPACTION_LIMIT_MS = 90_000;

/** @param minLagMs records younger than this are not compacted */
export async function configureCompaction(topic: string, minLagMs: number): Promise<void> {
  const admin = testKafka().admin();
  await admin.connect();
  const values = {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': '0.01',
    'segment.ms': '100',
    'min.compaction.lag.ms': String(minLagMs),
  };
  const configEntries = Object.entries(values).map(([name, value]) => ({ name, value }));
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: TOPIC_RESOURCE, name: topic, configEntries }],
  });
  await admin.disconnect();
}

export async function send(topic: string, messages: Message[]): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** The offsets that are left of a topic of one partition whose last record is `last`, read by a group that is gone. */
export async function offsetsOf(topic: string, last: number): Promise<number[]> {
  const probe = testKafka().consumer({ groupId: uniqueName('probe'), maxWaitTimeInMs: 100 });
  const found: number[] = [];
  await probe.connect();
  await probe.subscribe({ topic, fromBeginning: true });
  await probe.run({ eachMessage: async ({ message }) => void found.push(Number(message.offset)) });
  await until('the probe is at the end', () => found.at(-1) === last);
  await probe.disconnect();
  return found;
}
