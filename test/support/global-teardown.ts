import { rmSync } from 'node:fs';
import { sharedBroker } from './global-setup';

export default async function globalTeardown(): Promise<void> {
  await sharedBroker.dupescopeTestBroker?.stop();
  rmSync(sharedBroker.dupescopeTurns ?? '', { recursive: true, force: true });
}
