import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, type KafkaConfig, logLevel } from 'kafkajs';
import { type Broker, type BrokerOptions, type Surroundings, startBroker } from '../../src/demo/broker';
import { runCommand } from '../../src/demo/broker/command';
import { makeTopic } from '../../src/demo/topic-maker';

/** host:port of the run's one broker. Do not kill it, and use unique names on it. */
export function testBrokers(): string[] {
  const brokers = process.env.DUPESCOPE_TEST_BROKERS;
  if (!brokers) throw new Error('DUPESCOPE_TEST_BROKERS is not set: run the tests by jest with its config');
  return brokers.split(',');
}

/** A name for a topic, a group or a client that no other test has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** A kafkajs client that says nothing and tries again quickly. Default: of the run's one broker. */
export function testKafka(config: Partial<KafkaConfig> = {}): Kafka {
  return new Kafka({
    clientId: 'dupescope-test',
    brokers: testBrokers(),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
    ...config,
  });
}

/** Creates a topic and waits until its partitions have leaders. Returns its name. */
export async function createTopic(name: string, partitions = 1, kafka = testKafka()): Promise<string> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await makeTopic(admin, { topic: name, numPartitions: partitions, replicationFactor: 1 });
  } finally {
    await admin.disconnect();
  }
  return name;
}

/**
 * Waits until the group's coordinator serves it: right after the first group of a broker was asked for, coordinators load
 * their groups and refuse, and kafkajs's consumer crashes by that and starts anew.
 */
export async function groupIsServed(group: string, topic: string, kafka = testKafka()): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await until(`the coordinator of ${group} serves`, () =>
      admin.fetchOffsets({ groupId: group, topics: [topic] }).then(
        () => true,
        () => false,
      ),
    );
  } finally {
    await admin.disconnect();
  }
}

/** This machine, but without what `KAFKA_BROKERS` gives: for tests that kill their broker. */
export function ownSurroundings(): Surroundings {
  const { KAFKA_BROKERS: _given, ...env } = process.env;
  return { env, run: runCommand };
}

/** A broker of the test's own, which it may kill and must stop. */
export function startOwnBroker(options: Omit<BrokerOptions, 'surroundings'> = {}): Promise<Broker> {
  return startBroker({ ...options, surroundings: ownSurroundings() });
}

/** A wait in vain is a finding; a machine that is busy with other suites is none. */
const PATIENCE_MS = 40_000;

/** Waits until the condition holds; fails with `what` when it does not in time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}`);
    await sleep(20);
  }
}
