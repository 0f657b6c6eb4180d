import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fail } from '../../errors';
import type { Surroundings } from './command';
import { lastMeaningfulLine } from './diagnosis';
import { fetchJars, KAFKA_VERSION } from './jars';
import type { Command } from './orders';
import type { JavaWay } from './probes';
import { type BrokerPorts, JVM_FLAGS } from './settings';

export const KAFKA_IMAGE = `apache/kafka:${KAFKA_VERSION}`;
const PULL_TIMEOUT_MS = 600_000;

/** What a command needs to know of the place it runs in. */
export interface LaunchPlace {
  /** Has the broker's settings and its data. */
  folder: string;
  ports: BrokerPorts;
}

/** A way to run one of Kafka's Java programs. */
export interface Launch {
  kind: 'docker' | 'java';
  /** For people, as "Apache Kafka 4.3.0 on Java 17.0.15". */
  name: string;
  bind: '127.0.0.1' | '0.0.0.0';
  command(place: LaunchPlace, mainClass: string, args: readonly string[]): Command;
}

type Progress = (line: string) => void;

/** The jars of the cache on the Java of this machine. */
export async function javaLaunch(
  way: JavaWay,
  surroundings: Surroundings,
  onProgress: Progress,
): Promise<Launch> {
  const jars = await fetchJars(surroundings, onProgress);
  return {
    kind: 'java',
    name: `Apache Kafka ${KAFKA_VERSION} on Java ${way.version}`,
    bind: '127.0.0.1',
    command: ({ folder }, mainClass, args) => ({
      command: way.java,
      args: [...javaArgs(folder, join(jars, '*')), mainClass, ...args],
    }),
  };
}

/**
 * The official image, its Java called as on the host: same settings, same folder under the same path, so
 * that a restart in a new container finds its data. Runs as the caller, so that the folder can be removed.
 * Ports are published on loopback; within the container, Kafka has to listen on all addresses for that.
 */
export async function dockerLaunch(surroundings: Surroundings, onProgress: Progress): Promise<Launch> {
  const { run } = surroundings;
  const present = await run('docker', ['image', 'inspect', KAFKA_IMAGE], { timeoutMs: 10_000 });
  if (present.code !== 0) {
    onProgress(`Pulling the image ${KAFKA_IMAGE}, once`);
    const pull = await run('docker', ['pull', '-q', KAFKA_IMAGE], { timeoutMs: PULL_TIMEOUT_MS });
    if (pull.code !== 0) {
      fail(
        'no-broker-available',
        `Docker could not pull ${KAFKA_IMAGE}: ${lastMeaningfulLine(pull.stdout + pull.stderr)}. See whether its registry can be reached from here.`,
      );
    }
  }
  const user = process.getuid && process.getgid ? [`--user=${process.getuid()}:${process.getgid()}`] : [];
  return {
    kind: 'docker',
    name: `Apache Kafka ${KAFKA_VERSION} in Docker`,
    bind: '0.0.0.0',
    command: ({ folder, ports }, mainClass, args) => {
      const container = `dupescope-broker-${process.pid}-${randomBytes(4).toString('hex')}`;
      const published = [ports.direct, ports.proxied].map((port) => `--publish=127.0.0.1:${port}:${port}`);
      return {
        command: 'docker',
        args: [
          'run',
          '--rm',
          `--name=${container}`,
          ...user,
          ...published,
          `--volume=${folder}:${folder}`,
          `--workdir=${folder}`,
          '--entrypoint=java',
          KAFKA_IMAGE,
          ...javaArgs(folder, '/opt/kafka/libs/*'),
          mainClass,
          ...args,
        ],
        endWith: ['docker', 'kill', container],
      };
    },
  };
}

function javaArgs(folder: string, classPath: string): string[] {
  return [...JVM_FLAGS, `-Dlog4j2.configurationFile=${join(folder, 'log4j2.properties')}`, '-cp', classPath];
}
