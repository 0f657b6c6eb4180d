import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fail } from '../../errors';
import type { CommandResult, Surroundings } from './command';
import { lastMeaningfulLine } from './diagnosis';

export const KAFKA_VERSION = '4.3.0';
const LOG4J_VERSION = '2.25.3';
const DOWNLOAD_TIMEOUT_MS = 600_000;
const ABANDONED_AFTER_MS = 24 * 3_600_000;
/** Names every jar; written last, so that its presence says that the download was whole. */
const MANIFEST = 'jars.json';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dupescope</groupId>
  <artifactId>kafka-jars</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

type Environment = Surroundings['env'];

/** `$XDG_CACHE_HOME/dupescope`, or `~/.cache/dupescope`. The standard ignores a relative path. */
function cacheFolder(env: Environment): string {
  const xdg = env.XDG_CACHE_HOME;
  return join(xdg && isAbsolute(xdg) ? xdg : join(env.HOME ?? homedir(), '.cache'), 'dupescope');
}

const jarsFolder = (env: Environment) => join(cacheFolder(env), `kafka-${KAFKA_VERSION}`);

/** The folder with all of Kafka's jars, or null when they were never fetched or some are gone. */
export async function cachedJars(env: Environment): Promise<string | null> {
  const folder = jarsFolder(env);
  try {
    const names: unknown = JSON.parse(await readFile(join(folder, MANIFEST), 'utf8'));
    if (!Array.isArray(names) || names.length === 0) return null;
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, String(name)))).size));
    return sizes.every((size) => size > 0) ? folder : null;
  } catch {
    return null;
  }
}

/**
 * The folder with Kafka's jars, fetched from Maven Central when the cache does not have them.
 *
 * Fetched into a folder of its own beside the cache and renamed when whole: of two processes at once, one
 * wins and the other uses what it finds, and a download that was cut short is never seen.
 *
 * @throws DupescopeError `no-broker-available` when Maven fails
 */
export async function fetchJars(
  surroundings: Surroundings,
  onProgress: (line: string) => void,
): Promise<string> {
  const { env, run } = surroundings;
  const cached = await cachedJars(env);
  if (cached !== null) return cached;

  const parent = cacheFolder(env);
  const target = jarsFolder(env);
  await mkdir(parent, { recursive: true });
  await removeAbandoned(parent);
  const work = await mkdtemp(`${target}.partial-`);
  try {
    onProgress(`Fetching Apache Kafka ${KAFKA_VERSION} from Maven Central, once, into ${target}`);
    await writeFile(join(work, 'pom.xml'), POM);
    const jars = join(work, 'jars');
    const args = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`];
    const maven = await run('mvn', args, { cwd: work, timeoutMs: DOWNLOAD_TIMEOUT_MS });
    if (maven.code !== 0) {
      fail(
        'no-broker-available',
        `Maven could not fetch Apache Kafka ${KAFKA_VERSION}: ${mavenReason(maven)}. See whether Maven Central can be reached from here, or set KAFKA_BROKERS to a running broker.`,
      );
    }
    const names = (await readdir(jars)).filter((name) => name.endsWith('.jar')).sort();
    await writeFile(join(jars, MANIFEST), JSON.stringify(names));
    if ((await cachedJars(env)) === null) await replace(jars, target, join(work, 'broken'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return (
    (await cachedJars(env)) ??
    fail(
      'no-broker-available',
      `The Kafka jars in ${target} are not whole. Remove that folder and try again.`,
    )
  );
}

/** Maven says the reason first, and then for many lines how to be told more. */
function mavenReason(maven: CommandResult): string {
  if (maven.code === null) return maven.found ? 'it took too long' : 'the command "mvn" was not found';
  const output = maven.stdout + maven.stderr;
  const told = /^\[ERROR\] (.+?)(?: -> \[Help 1\])?$/m.exec(output)?.[1];
  return told?.slice(0, 300) ?? lastMeaningfulLine(output);
}

/** Puts `whole` at `target`; a damaged cache that stands there is moved to `aside` first. */
async function replace(whole: string, target: string, aside: string): Promise<void> {
  await rename(target, aside).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(whole, target).catch((error: NodeJS.ErrnoException) => {
    // Another process was quicker; what it put there is as good.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

/** Removes what a killed process left of its download. */
async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.includes('.partial-')) continue;
    const path = join(parent, name);
    const touched = await stat(path).catch(() => null);
    if (touched !== null && Date.now() - touched.mtimeMs > ABANDONED_AFTER_MS) {
      await rm(path, { recursive: true, force: true });
    }
  }
}
