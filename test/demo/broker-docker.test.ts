import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { startBroker } from '../../src/demo/broker';
import { type CommandRunner, runCommand } from '../../src/demo/broker/command';
import { fetchJars } from '../../src/demo/broker/jars';
import { createTopic, ownSurroundings, testKafka, uniqueName } from '../support/broker';

/**
 * A stand-in for the `docker` command, for machines without an engine: it shows that what we ask of Docker
 * fits together (start, kill, restart with data, stop), not that the image does.
 */
const STAND_IN = `#!${process.execPath}
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { join } = require('node:path');
const { state, jars } = JSON.parse(fs.readFileSync(join(__dirname, 'settings.json')));
const [verb, ...args] = process.argv.slice(2);
fs.appendFileSync(join(state, 'calls'), [verb, ...args].join(' ') + '\\n');
if (verb === 'run') {
  const container = join(state, args.find((arg) => arg.startsWith('--name=')).slice(7) + '.pid');
  const java = args.slice(args.indexOf('apache/kafka:4.3.0') + 1).map((arg) => arg.replace('/opt/kafka/libs', jars));
  const child = spawn('java', java, { stdio: 'inherit' });
  fs.writeFileSync(container, String(child.pid));
  child.on('exit', (code) => {
    fs.rmSync(container);
    process.exit(code ?? 137);
  });
} else if (verb === 'kill') {
  process.kill(Number(fs.readFileSync(join(state, args[0] + '.pid'))), 'SIGKILL');
} else if (verb === 'image' || verb === 'pull') {
  console.error('Error response from daemon: no such image');
  process.exit(fs.existsSync(join(state, 'no-image')) ? 1 : 0);
}
`;

describe('with a stand-in for Docker', () => {
  const path = process.env.PATH;
  let folder: string;
  let state: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'dupescope-test-'));
    state = join(folder, 'state');
    mkdirSync(state);
    const jars = await fetchJars(ownSurroundings(), () => undefined);
    writeFileSync(join(folder, 'settings.json'), JSON.stringify({ state, jars }));
    writeFileSync(join(folder, 'docker'), STAND_IN);
    chmodSync(join(folder, 'docker'), 0o755);
    process.env.PATH = `${folder}${delimiter}${path}`;
  });
  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true, force: true });
  });

  const run: CommandRunner = (command, args, options) =>
    runCommand(command === 'docker' ? join(folder, 'docker') : command, args, options);
  const containers = () => readdirSync(state).filter((name) => name.endsWith('.pid'));

  it('starts, kills, restarts with its data, and stops', async () => {
    const broker = await startBroker({ surroundings: { ...ownSurroundings(), run } });
    try {
      expect(broker).toMatchObject({ kind: 'docker', pid: null });
      const kafka = testKafka({ brokers: broker.brokers });
      const topic = await createTopic(uniqueName('docker'), 1, kafka);
      expect(containers()).toHaveLength(1);
      await broker.kill();
      expect(containers()).toEqual([]);
      await broker.restart();
      const admin = kafka.admin();
      await admin.connect();
      expect(await admin.listTopics()).toContain(topic);
      await admin.disconnect();
    } finally {
      await broker.stop();
    }
    expect(containers()).toEqual([]);
    const calls = readFileSync(join(state, 'calls'), 'utf8');
    expect(calls).toMatch(/^run --rm --name=\S+ .*--publish=127\.0\.0\.1:(\d+):\1 .*kafka\.Kafka/m);
    expect(execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' })).not.toContain(folder);
  });

  it('takes Java when the image cannot be had, and says so', async () => {
    writeFileSync(join(state, 'no-image'), '');
    const told: string[] = [];
    const broker = await startBroker({
      surroundings: { ...ownSurroundings(), run },
      onProgress: (line) => told.push(line),
    });
    await broker.stop();
    expect(broker.kind).toBe('java');
    expect(told).toContainEqual(
      expect.stringMatching(/^Docker could not pull .*no such image.*Trying Java instead$/),
    );
  });
});
