import { type Broker, startBroker } from '../../src/demo/broker';

/** Jest gives setup and teardown no way to share but the global object of the parent process. */
export const sharedBroker = globalThis as { dupescopeTestBroker?: Broker };

/**
 * One broker for the whole run. The workers find it by `DUPESCOPE_TEST_BROKERS` (see `testBrokers()`); it
 * has no fault proxy, as faults for one test would be faults for all. A test of faults starts its own.
 */
export default async function globalSetup(): Promise<void> {
  const broker = await startBroker({ onProgress: (line) => process.stderr.write(`${line}\n`) });
  sharedBroker.dupescopeTestBroker = broker;
  process.env.DUPESCOPE_TEST_BROKERS = broker.brokers.join(',');
}
