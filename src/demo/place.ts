/** Where the demo takes place: names of its own, so that it may share a broker, and a folder of its own. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { makeTopic } from './topic-maker';
import { PARTITIONS, ROLES } from './workload';

export interface Place {
  /** Ends every name of this run. */
  suffix: string;
  topic: string;
  brokers: string[];
  folder: string;
  store: string;
  kafka: Kafka;
  admin: Admin;
}

/** The temporary folder with room for the store, the truth and the logs. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-demo-'));
  for (const part of ['truth', 'logs']) mkdirSync(join(folder, part));
  return folder;
}

/** Connects, and makes the topic. */
export async function makePlace(brokers: string[], folder: string): Promise<Place> {
  const kafka = new Kafka({ clientId: 'dupescope-demo', brokers, logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const suffix = randomBytes(3).toString('hex');
  const topic = `payments-${suffix}`;
  await makeTopic(admin, { topic, numPartitions: PARTITIONS, replicationFactor: 1 });
  return { suffix, topic, brokers, folder, store: join(folder, 'dupescope.db'), kafka, admin };
}

/** Leaves nothing behind on a broker that is not ours. */
export async function clearPlace({ admin, topic, suffix }: Place, isOwnBroker: boolean): Promise<void> {
  try {
    if (isOwnBroker) return;
    // A group whose members were killed cannot be deleted yet; the broker forgets it in its own time.
    await admin.deleteGroups(ROLES.map((role) => `${role}-${suffix}`)).catch(() => undefined);
    await admin.deleteTopics({ topics: [topic] });
  } finally {
    await admin.disconnect();
  }
}
