/**
 * A Kafka broker for the demo and the tests, found or started in this order:
 *
 * 1. the one that `KAFKA_BROKERS` names; it is used or an error, never replaced;
 * 2. Apache Kafka in Docker, when an engine answers;
 * 3. Apache Kafka on this machine's Java, its jars fetched from Maven Central once for each user.
 *
 * What is started here belongs to a small supervisor process (`supervisor.ts`), which ends the broker and
 * removes its folder when this process ends, be it by SIGKILL. There is therefore no handler of signals
 * here: whoever has one calls `stop()`, and nobody needs one.
 *
 * With `proxy`, a second listener of the broker is reached by way of a `FaultProxy`.
 */
import { DupescopeError, errorLine, fail } from '../../errors';
import { processSurroundings, type Surroundings } from './command';
import { dockerLaunch, javaLaunch, type Launch } from './launch';
import { LocalBroker } from './local';
import { probeDocker, probeGiven, probeJava } from './probes';
import { FaultProxy } from './proxy';

export type { CommandRunner, Surroundings } from './command';
export type { AnswerFilter, ProxyCounters } from './faults';
export { API, type RequestHeader } from './frames';
export { FaultProxy } from './proxy';

export interface BrokerOptions {
  /** Told in one line what takes its time: a download, a start. */
  onProgress?: (line: string) => void;
  /** Settings of `server.properties` that win over those made here. No effect on a given broker. */
  properties?: Record<string, string>;
  /** Whether to put a fault proxy before the second listener. Default: false. */
  proxy?: boolean;
  /** Where variables and commands are looked up. Default: those of this process. */
  surroundings?: Surroundings;
}

export interface Broker {
  /** host:port, for clients without faults. */
  readonly brokers: string[];
  /** host:port of the fault proxy, on which clients stay; equal to `brokers` when there is no proxy. */
  readonly proxied: string[];
  /** host:port of the second listener (PROXIED) itself: for another protocol by `properties`, without a proxy. */
  readonly second: string[];
  readonly kind: 'given' | 'docker' | 'java';
  /** Null when it was not asked for, and with a given broker, whose listeners are not ours. */
  readonly proxy: FaultProxy | null;
  /** The Java process; null while it is down, and when it is given or in Docker. */
  readonly pid: number | null;
  /** SIGKILL to the broker, and waits for its end. @throws DupescopeError `bad-usage` when it is given */
  kill(): Promise<void>;
  /** Brings it up again on the same ports with the same data, and waits until it serves. Kills it first when up. */
  restart(): Promise<void>;
  /** Ends broker and proxy and removes the folder. May be called again; leaves a given broker alone. */
  stop(): Promise<void>;
}

/**
 * Finds or starts a broker and waits until it serves.
 *
 * @throws DupescopeError `kafka-unreachable` or `bad-configuration` when `KAFKA_BROKERS` is set and of no
 *   use; `no-broker-available` when there is no way to a broker, or the last of them failed
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const surroundings = options.surroundings ?? processSurroundings();
  const onProgress = options.onProgress ?? (() => undefined);

  const given = await probeGiven(surroundings.env);
  if (given.open) {
    onProgress(`Using the broker of KAFKA_BROKERS: ${given.way.join(',')}`);
    return givenBroker(given.way);
  }

  const [docker, java] = await Promise.all([probeDocker(surroundings), probeJava(surroundings)]);
  const ways: (() => Promise<Launch>)[] = [];
  if (docker.open) ways.push(() => dockerLaunch(surroundings, onProgress));
  if (java.open) ways.push(() => javaLaunch(java.way, surroundings, onProgress));

  for (const [place, way] of ways.entries()) {
    try {
      return await startedBroker(await way(), options, onProgress);
    } catch (error) {
      // An engine without the image, or one that does not see this machine's folders, still leaves Java.
      if (place === ways.length - 1) throw error;
      onProgress(`${errorLine(error)} Trying Java instead`);
    }
  }
  const reasons = [
    `KAFKA_BROKERS: ${given.reason}`,
    ...(docker.open ? [] : [`Docker: ${docker.reason}`]),
    ...(java.open ? [] : [`Java: ${java.reason}`]),
  ];
  fail(
    'no-broker-available',
    `No Kafka broker is given and none can be started here (${reasons.join('; ')}). Do one of these: set KAFKA_BROKERS to host:port of a running broker, start Docker, or install Java 17 or later and Maven.`,
  );
}

function givenBroker(brokers: string[]): Broker {
  const refuse = (what: string) =>
    Promise.reject(
      new DupescopeError(
        'bad-usage',
        `The broker ${brokers.join(',')} was given by KAFKA_BROKERS, so Dupescope does not ${what} it. Unset KAFKA_BROKERS for one of its own.`,
      ),
    );
  return {
    brokers,
    proxied: brokers,
    second: brokers,
    kind: 'given',
    proxy: null,
    pid: null,
    kill: () => refuse('kill'),
    restart: () => refuse('restart'),
    stop: () => Promise.resolve(),
  };
}

async function startedBroker(
  launch: Launch,
  options: BrokerOptions,
  onProgress: (line: string) => void,
): Promise<Broker> {
  const since = performance.now();
  onProgress(`Starting ${launch.name}`);
  // Listens first: the broker advertises its port, and sends it on when it knows its own.
  const proxy = options.proxy === true ? await FaultProxy.listen(0) : null;
  const local = await LocalBroker.create(launch, { properties: options.properties ?? {}, proxy }).catch(
    async (error: unknown) => {
      await proxy?.close();
      throw error;
    },
  );
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  onProgress(`The broker serves at ${local.address} after ${seconds} s`);
  const brokers = [local.address];
  let stopped: Promise<void> | null = null;
  return {
    brokers,
    proxied: proxy === null ? brokers : [`127.0.0.1:${proxy.port}`],
    second: [local.secondAddress],
    kind: local.kind,
    proxy,
    get pid() {
      return local.pid;
    },
    kill: () => local.kill(),
    restart: () => local.restart(),
    stop: () => {
      stopped ??= Promise.all([local.stop(), proxy?.close()]).then(() => undefined);
      return stopped;
    },
  };
}
