import { sharedBroker } from './global-setup';

export default async function globalTeardown(): Promise<void> {
  await sharedBroker.dupescopeTestBroker?.stop();
}
