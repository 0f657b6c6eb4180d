/** Faults on the way to the run's one broker, for the clients of one test alone. */
import { connect } from 'node:net';
import type { ISocketFactory } from 'kafkajs';
import { FaultProxy } from '../../src/demo/broker';
import { testBrokers } from './broker';

/** A fault proxy before the run's broker; close it. The broker tells clients its own address, so see `through`. */
export function proxySharedBroker(): Promise<FaultProxy> {
  return FaultProxy.listen(Number(testBrokers()[0]?.split(':').at(-1)));
}

/** kafkajs's `socketFactory` of a client that reaches the broker through the proxy on that port, whatever it is told. */
export function through(port: number): ISocketFactory {
  return ({ onConnect }) => connect({ host: '127.0.0.1', port }, onConnect);
}

/** Swallows so many answers of each of these api keys, and no more. */
export function dropNext(proxy: FaultProxy, apiKeys: readonly number[], times = 1): void {
  const left = new Map(apiKeys.map((key) => [key, times]));
  proxy.dropAnswers(({ apiKey }) => {
    const more = left.get(apiKey) ?? 0;
    left.set(apiKey, more - 1);
    return more > 0;
  });
}
