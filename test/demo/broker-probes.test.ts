import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBroker } from '../../src/demo/broker';
import type { CommandResult, CommandRunner, Surroundings } from '../../src/demo/broker/command';
import { runCommand } from '../../src/demo/broker/command';
import { diagnose, lastMeaningfulLine } from '../../src/demo/broker/diagnosis';
import { cachedJars, fetchJars } from '../../src/demo/broker/jars';
import { freePorts } from '../../src/demo/broker/ports';
import { probeDocker, probeGiven, probeJava } from '../../src/demo/broker/probes';
import { serverProperties } from '../../src/demo/broker/settings';
import { testBrokers } from '../support/broker';

const MISSING: CommandResult = { found: false, code: null, stdout: '', stderr: '' };
const answer = (code: number, stderr = ''): CommandResult => ({ found: true, code, stdout: '', stderr });

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'dupescope-test-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

/** A machine with these commands only, and an empty cache. */
function machine(commands: Record<string, CommandResult>, env: Record<string, string> = {}): Surroundings {
  return {
    env: { XDG_CACHE_HOME: cache, ...env },
    run: async (command) => commands[command] ?? MISSING,
  };
}

describe('without any way to a broker', () => {
  it('the message names all three and what to do', async () => {
    await expect(startBroker({ surroundings: machine({}) })).rejects.toMatchObject({
      code: 'no-broker-available',
      exitCode: 6,
      message:
        'No Kafka broker is given and none can be started here (KAFKA_BROKERS: not set; Docker: the command "docker" was not found; Java: the command "java" was not found). Do one of these: set KAFKA_BROKERS to host:port of a running broker, start Docker, or install Java 17 or later and Maven.',
    });
  });
});

describe('KAFKA_BROKERS', () => {
  it('is used when it serves, and not killed or stopped', async () => {
    const given = testBrokers();
    const surroundings = machine({}, { KAFKA_BROKERS: given.join(' , ') });
    const broker = await startBroker({ surroundings, proxy: true });
    expect(broker).toMatchObject({ kind: 'given', brokers: given, proxied: given, proxy: null, pid: null });
    await expect(broker.kill()).rejects.toMatchObject({ code: 'bad-usage' });
    await expect(broker.restart()).rejects.toMatchObject({ code: 'bad-usage' });
    await broker.stop();
    expect(await probeGiven({ KAFKA_BROKERS: given.join(',') })).toEqual({ open: true, way: given });
  });

  it('is a clear error when nobody answers there', async () => {
    const [port] = await freePorts(1);
    const message = `KAFKA_BROKERS is set to "127.0.0.1:${port}" and no broker answered there within 0.5 s`;
    await expect(probeGiven({ KAFKA_BROKERS: `127.0.0.1:${port}` }, 500)).rejects.toMatchObject({
      code: 'kafka-unreachable',
      message: expect.stringContaining(message),
    });
  });

  it.each(['localhost', 'kafka://host:9092', 'a:1,,b:2', 'host:port'])('"%s" is refused', async (text) => {
    await expect(probeGiven({ KAFKA_BROKERS: text })).rejects.toMatchObject({ code: 'bad-configuration' });
  });

  it('counts as not set when empty', async () => {
    expect(await probeGiven({ KAFKA_BROKERS: ' ' })).toEqual({ open: false, reason: 'not set' });
  });
});

describe('Docker', () => {
  it('is a way only when its engine answers', async () => {
    expect(await probeDocker(machine({ docker: answer(0) }))).toMatchObject({ open: true });
    expect(await probeDocker(machine({ docker: answer(1) }))).toMatchObject({
      open: false,
      reason: 'the command is there, but "docker info" failed',
    });
  });
});

describe('Java', () => {
  const java = (version: string) => answer(0, `openjdk version "${version}" 2025-04-15`);

  it.each(['17.0.15', '21', '25-ea'])('%s will do', async (version) => {
    const probe = await probeJava(machine({ java: java(version), mvn: answer(0) }));
    expect(probe).toEqual({ open: true, way: { java: 'java', version } });
  });

  it.each(['1.8.0_402', '11.0.2'])('%s is too old', async (version) => {
    expect(await probeJava(machine({ java: java(version), mvn: answer(0) }))).toEqual({
      open: false,
      reason: `version ${version} is too old, Kafka needs 17 or later`,
    });
  });

  it('is looked for in JAVA_HOME', async () => {
    const home = machine({ '/jdk/bin/java': java('21.0.1'), mvn: answer(0) }, { JAVA_HOME: '/jdk' });
    expect(await probeJava(home)).toMatchObject({ open: true, way: { java: '/jdk/bin/java' } });
  });

  it('needs Maven only while the jars are not cached', async () => {
    const bare = machine({ java: java('17') });
    expect(await probeJava(bare)).toMatchObject({ reason: expect.stringContaining('"mvn"') });
    await fetchJars({ ...bare, run: maven(['a.jar']) }, () => undefined);
    expect(await probeJava(bare)).toMatchObject({ open: true });
  });
});

/** Plays Maven: makes jars of these names, each in a turn of its own. */
function maven(names: string[], onRun: () => void = () => undefined): CommandRunner {
  return async (command, args) => {
    if (command !== 'mvn') return MISSING;
    onRun();
    const jars = args.find((arg) => arg.startsWith('-DoutputDirectory='))?.split('=')[1] ?? '';
    mkdirSync(jars);
    for (const name of names) {
      await new Promise((resolve) => setImmediate(resolve));
      writeFileSync(join(jars, name), randomBytes(8));
    }
    return answer(0);
  };
}

describe('the cache of the jars', () => {
  const quiet = () => undefined;
  const env = () => ({ XDG_CACHE_HOME: cache });
  const kept = () => readdirSync(join(cache, 'dupescope'));

  it('is filled once', async () => {
    let runs = 0;
    const run = maven(['a.jar', 'b.jar'], () => runs++);
    const folder = await fetchJars({ env: env(), run }, quiet);
    expect(await fetchJars({ env: env(), run }, quiet)).toBe(folder);
    expect(runs).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(['a.jar', 'b.jar', 'jars.json']);
  });

  it('survives several processes at once', async () => {
    const fetches = Array.from({ length: 5 }, () =>
      fetchJars({ env: env(), run: maven(['a.jar', 'b.jar', 'c.jar']) }, quiet),
    );
    const folders = new Set(await Promise.all(fetches));
    expect(folders.size).toBe(1);
    expect(kept()).toEqual(['kafka-4.3.0']);
    expect(await cachedJars(env())).toBe([...folders][0]);
  });

  it('is not used and made anew when a jar is gone', async () => {
    const folder = await fetchJars({ env: env(), run: maven(['a.jar', 'b.jar']) }, quiet);
    rmSync(join(folder, 'b.jar'));
    expect(await cachedJars(env())).toBeNull();
    await fetchJars({ env: env(), run: maven(['a.jar', 'b.jar']) }, quiet);
    expect(existsSync(join(folder, 'b.jar'))).toBe(true);
    expect(kept()).toEqual(['kafka-4.3.0']);
  });

  it('keeps nothing of a download that failed, and tells its reason', async () => {
    const run: CommandRunner = async () =>
      answer(1, '[ERROR] Failed to execute goal: Unknown host repo.maven.apache.org\n[ERROR] \n');
    await expect(fetchJars({ env: env(), run }, quiet)).rejects.toMatchObject({
      code: 'no-broker-available',
      message: expect.stringContaining('Unknown host repo.maven.apache.org'),
    });
    expect(kept()).toEqual([]);
  });
});

describe('the reading of a log', () => {
  it('finds the line that tells why', () => {
    const log = [
      '2026-01-01 ERROR DataPlaneAcceptor Unable to start acceptor for PROXIED',
      'org.apache.kafka.common.KafkaException: Socket server failed to bind to 127.0.0.1:21002: Address already in use.',
      '\tat kafka.network.Acceptor.openServerSocket(SocketServer.scala:731)',
      'Caused by: java.net.BindException: Address already in use',
      '\t... 12 more',
      '',
    ].join('\n');
    expect(lastMeaningfulLine(log)).toBe('BindException: Address already in use');
    expect(diagnose(log)).toMatchObject({ portTaken: true, hint: expect.stringContaining('try again') });
  });

  it('knows a Java that is too old', () => {
    const log =
      'Error: LinkageError occurred while loading main class kafka.Kafka\n\tjava.lang.UnsupportedClassVersionError: kafka/Kafka has been compiled by a more recent version of the Java Runtime (class file version 61.0)';
    expect(diagnose(log)).toMatchObject({ portTaken: false, hint: expect.stringContaining('JAVA_HOME') });
  });

  it('has an answer for an empty log', () => {
    expect(diagnose('\n')).toMatchObject({ line: 'it wrote nothing' });
  });
});

describe('the settings', () => {
  it('bind to loopback, advertise the proxy, and let the caller win', () => {
    const text = serverProperties({
      ports: { direct: 1, proxied: 2, controller: 3, proxiedAdvertised: 4 },
      dataFolder: 'C:\\data',
      bind: '127.0.0.1',
      properties: { 'num.io.threads': '9' },
    });
    expect(text).toContain(
      '\nlisteners=DIRECT://127.0.0.1:1,PROXIED://127.0.0.1:2,CONTROLLER://127.0.0.1:3\n',
    );
    expect(text).toContain('\nadvertised.listeners=DIRECT://127.0.0.1:1,PROXIED://127.0.0.1:4\n');
    expect(text).toContain('\nnum.io.threads=9\n');
    expect(text).toContain('\nlog.dirs=C:\\\\data\n');
  });
});

describe('a command', () => {
  it('that is missing, fails or hangs is an answer', async () => {
    const options = { timeoutMs: 5_000 };
    expect(await runCommand('dupescope-no-such-command', [], options)).toMatchObject({ found: false });
    expect(await runCommand(process.execPath, ['-e', 'process.exit(3)'], options)).toMatchObject({
      found: true,
      code: 3,
    });
    const hang = ['-e', 'setInterval(() => {}, 1000)'];
    expect(await runCommand(process.execPath, hang, { timeoutMs: 50 })).toMatchObject({ code: null });
  });
});
