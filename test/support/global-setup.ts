import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Broker, startBroker } from '../../src/demo/broker';
import { createTopic, groupIsServed, uniqueName } from './broker';

/** Jest gives setup and teardown no way to share but the global object of the parent process. */
export const sharedBroker = globalThis as { dupescopeTestBroker?: Broker; dupescopeTurns?: string };

/** Enough to meet each of the five partitions of the offsets log. */
const GROUPS = 20;

/**
 * One broker for the whole run. The workers find it by `DUPESCOPE_TEST_BROKERS` (see `testBrokers()`); it
 * has no fault proxy, as faults for one test would be faults for all. A test of faults starts its own.
 */
export default async function globalSetup(): Promise<void> {
  // See `turns.ts`.
  process.env.DUPESCOPE_TEST_TURNS = mkdtempSync(join(tmpdir(), 'dupescope-turns-'));
  sharedBroker.dupescopeTurns = process.env.DUPESCOPE_TEST_TURNS;
  const broker = await startBroker({ onProgress: (line) => process.stderr.write(`${line}\n`) });
  sharedBroker.dupescopeTestBroker = broker;
  process.env.DUPESCOPE_TEST_BROKERS = broker.brokers.join(',');
  // The first groups of a broker are refused while its coordinators load, and an application that starts then ends by it.
  const topic = await createTopic(uniqueName('served'), 1);
  for (let i = 0; i < GROUPS; i++) await groupIsServed(`served-${i}`, topic);
}
