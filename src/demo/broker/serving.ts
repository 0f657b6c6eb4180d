import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { errorLine } from '../../errors';

const BETWEEN_TRIES_MS = 100;
const ONE_TRY_MS = 2_000;

export interface ServingOptions {
  timeoutMs: number;
  /** Asked between tries; true ends the wait early, as when the broker's process has ended. */
  givenUp?: () => boolean;
}

/**
 * Waits until one of the brokers answers a metadata request with at least one broker that is not fenced.
 * A port that merely accepts is not enough: Kafka listens some hundred milliseconds before it serves.
 *
 * @returns null when it serves, else one line with what stood in the way last
 */
export async function waitUntilServing(
  brokers: readonly string[],
  options: ServingOptions,
): Promise<string | null> {
  const deadline = performance.now() + options.timeoutMs;
  let obstacle = 'no answer';
  while (performance.now() < deadline && !options.givenUp?.()) {
    const left = deadline - performance.now();
    const answer = await askOnce(brokers, Math.max(1, Math.min(ONE_TRY_MS, left)));
    if (answer === null) return null;
    obstacle = answer;
    await sleep(Math.min(BETWEEN_TRIES_MS, Math.max(0, deadline - performance.now())));
  }
  return obstacle;
}

async function askOnce(brokers: readonly string[], timeoutMs: number): Promise<string | null> {
  const kafka = new Kafka({
    clientId: 'dupescope-broker-wait',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    // Enough tries to have asked every broker of the list once.
    retry: { retries: brokers.length - 1, initialRetryTime: 1, maxRetryTime: 1 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    return cluster.brokers.length > 0 ? null : 'the cluster has no broker yet';
  } catch (error) {
    return errorLine(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
