import { join } from 'node:path';
import { fail } from '../../errors';
import type { Surroundings } from './command';
import { cachedJars, KAFKA_VERSION } from './jars';
import { waitUntilServing } from './serving';

/** Kafka 4's broker is compiled for Java 17. */
const OLDEST_JAVA = 17;
const ASK_TIMEOUT_MS = 10_000;

/** What a way to a broker needs, or why it is closed, in words that follow "Docker: ". */
export type Probe<Way> = { open: true; way: Way } | { open: false; reason: string };

export interface JavaWay {
  /** The command to run Java by. */
  java: string;
  /** Java's version as it names itself, as "17.0.15". */
  version: string;
}

/**
 * The brokers that `KAFKA_BROKERS` names, once they serve.
 *
 * @param timeoutMs how long to wait for an answer
 * @throws DupescopeError `bad-configuration` when it is no list of host:port, `kafka-unreachable` when no
 *   broker of it answers in time. A given broker is never replaced by another silently.
 */
export async function probeGiven(
  env: Surroundings['env'],
  timeoutMs = ASK_TIMEOUT_MS,
): Promise<Probe<string[]>> {
  const text = env.KAFKA_BROKERS?.trim() ?? '';
  if (text === '') return { open: false, reason: 'not set' };
  const brokers = text.split(',').map((broker) => broker.trim());
  const wrong = brokers.find((broker) => !/^(\[[0-9a-fA-F:.]+\]|[^\s:/[\]]+):\d{1,5}$/.test(broker));
  if (wrong !== undefined) {
    fail(
      'bad-configuration',
      `KAFKA_BROKERS has "${wrong}", which is not host:port. Set it to a comma separated list as "127.0.0.1:9092", or unset it.`,
    );
  }
  const obstacle = await waitUntilServing(brokers, { timeoutMs });
  if (obstacle !== null) {
    fail(
      'kafka-unreachable',
      `KAFKA_BROKERS is set to "${brokers.join(',')}" and no broker answered there within ${timeoutMs / 1000} s (${obstacle}). Start that broker, correct KAFKA_BROKERS, or unset it.`,
    );
  }
  return { open: true, way: brokers };
}

/** Whether a Docker engine answers. The command alone is not enough: it is often there without an engine. */
export async function probeDocker(surroundings: Surroundings): Promise<Probe<null>> {
  const asked = await surroundings.run('docker', ['info'], { timeoutMs: ASK_TIMEOUT_MS });
  if (!asked.found) return { open: false, reason: 'the command "docker" was not found' };
  if (asked.code !== 0) return { open: false, reason: 'the command is there, but "docker info" failed' };
  return { open: true, way: null };
}

/** Whether there is a Java that is new enough, and Kafka's jars or the Maven to fetch them. */
export async function probeJava(surroundings: Surroundings): Promise<Probe<JavaWay>> {
  const home = surroundings.env.JAVA_HOME;
  const java = home ? join(home, 'bin', 'java') : 'java';
  const asked = await surroundings.run(java, ['-version'], { timeoutMs: ASK_TIMEOUT_MS });
  if (!asked.found) return { open: false, reason: `the command "${java}" was not found` };
  const version = /version "([^"]+)"/.exec(asked.stderr + asked.stdout)?.[1];
  if (asked.code !== 0 || version === undefined) {
    return { open: false, reason: `"${java} -version" did not tell a version` };
  }
  const [first, second] = version.split(/[._-]/).map(Number);
  const major = (first === 1 ? second : first) ?? 0;
  if (!(major >= OLDEST_JAVA)) {
    return { open: false, reason: `version ${version} is too old, Kafka needs ${OLDEST_JAVA} or later` };
  }
  if ((await cachedJars(surroundings.env)) === null) {
    const maven = await surroundings.run('mvn', ['-v'], { timeoutMs: ASK_TIMEOUT_MS });
    if (!maven.found || maven.code !== 0) {
      return {
        open: false,
        reason: `version ${version} is there, but the command "mvn", which fetches Kafka ${KAFKA_VERSION}, was not found`,
      };
    }
  }
  return { open: true, way: { java, version } };
}
