import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { API, type Broker } from '../../src/demo/broker';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../support/broker';

const BUILT = resolve(__dirname, '../../dist/demo/broker/index.js');

/** A consumer's disconnect waits for the fetch that is under way, 5 s by default. */
const QUICK = { sessionTimeout: 6_000, heartbeatInterval: 200, maxWaitTimeInMs: 100 };

describe('a broker of our own', () => {
  let broker: Broker;
  const progress: string[] = [];

  beforeAll(async () => {
    broker = await startOwnBroker({
      proxy: true,
      properties: { 'message.max.bytes': '2000000' },
      onProgress: (line) => progress.push(line),
    });
  });
  afterAll(() => broker.stop());
  afterEach(() => broker.proxy!.heal());

  const direct = () => testKafka({ brokers: broker.brokers });
  const proxied = () => testKafka({ brokers: broker.proxied, requestTimeout: 1_500 });

  it('serves produce and consume, and says what takes its time', async () => {
    const topic = await createTopic(uniqueName('serve'), 2, direct());
    const received = await roundTrip(direct(), topic, ['a', 'b', 'c']);
    expect(received.sort()).toEqual(['a', 'b', 'c']);
    expect(progress.at(-1)).toMatch(/^The broker serves at 127\.0\.0\.1:\d+ after \d+\.\d s$/);
  });

  it('takes over properties, and creates no topic by itself', async () => {
    const admin = direct().admin();
    await admin.connect();
    try {
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 4, name: '1' }],
      });
      const settings = new Map(
        resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]),
      );
      expect(settings.get('message.max.bytes')).toBe('2000000');
      expect(settings.get('group.min.session.timeout.ms')).toBe('1000');
      expect(settings.get('auto.create.topics.enable')).toBe('false');
    } finally {
      await admin.disconnect();
    }
  });

  it('keeps clients on the proxy that bootstrapped there', async () => {
    const topic = await createTopic(uniqueName('stay'), 1, direct());
    const before = { ...broker.proxy!.counters };
    expect(await roundTrip(proxied(), topic, ['through'])).toEqual(['through']);
    const after = broker.proxy!.counters;
    expect(after.requests - before.requests).toBeGreaterThan(5);
    // Bootstrap and the data connection of each of producer and consumer, at the least.
    expect(after.accepted - before.accepted).toBeGreaterThanOrEqual(2);
  });

  it('delays answers by the time asked for', async () => {
    const topic = await createTopic(uniqueName('delay'), 1, direct());
    const producer = proxied().producer();
    await producer.connect();
    try {
      await producer.send({ topic, messages: [{ value: 'quick' }] });
      broker.proxy!.delayAnswers(400, ({ apiKey }) => apiKey === API.Produce);
      const since = performance.now();
      await producer.send({ topic, messages: [{ value: 'slow' }] });
      expect(performance.now() - since).toBeGreaterThanOrEqual(399);
      expect(broker.proxy!.counters.delayed).toBeGreaterThanOrEqual(1);
    } finally {
      await producer.disconnect();
    }
  });

  it('drops the answers to OffsetCommit alone: the commit is done, and the client never hears', async () => {
    const topic = await createTopic(uniqueName('drop'), 1, direct());
    const groupId = uniqueName('drop-group');
    await produce(direct(), topic, ['1', '2', '3', '4', '5', '6', '7']);
    const consumer = proxied().consumer({ groupId, ...QUICK });
    const admin = direct().admin();
    await admin.connect();
    await consumer.connect();
    try {
      await consumer.subscribe({ topic, fromBeginning: true });
      let handled = 0;
      await consumer.run({
        autoCommit: false,
        eachMessage: async () => {
          handled++;
        },
      });
      await until('the records are handled', () => handled === 7);
      const { dropped } = broker.proxy!.counters;
      broker.proxy!.dropAnswers(({ apiKey }) => apiKey === API.OffsetCommit);
      let heard = false;
      const commit = consumer.commitOffsets([{ topic, partition: 0, offset: '7' }]).then(() => {
        heard = true;
      });
      await until('the answer is dropped', () => broker.proxy!.counters.dropped > dropped);
      const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
      expect(committed?.partitions).toEqual([expect.objectContaining({ partition: 0, offset: '7' })]);
      expect(heard).toBe(false);
      broker.proxy!.heal();
      // The client times out, tries again and is answered.
      await commit;
    } finally {
      await consumer.disconnect();
      await admin.disconnect();
    }
  });

  it('cuts connections, and lets the client come back', async () => {
    const topic = await createTopic(uniqueName('cut'), 1, direct());
    const producer = proxied().producer();
    await producer.connect();
    try {
      await producer.send({ topic, messages: [{ value: 'before' }] });
      const bystander = connectTo(broker.proxied[0]!);
      const lost = new Promise((done) => bystander.once('close', done));
      await until('the connection is open', () => broker.proxy!.counters.open >= 2);
      const { accepted } = broker.proxy!.counters;
      expect(broker.proxy!.cut()).toBeGreaterThanOrEqual(2);
      await lost;
      await producer.send({ topic, messages: [{ value: 'after' }] });
      expect(broker.proxy!.counters.accepted).toBeGreaterThan(accepted);
    } finally {
      await producer.disconnect();
    }
  });

  it('keeps its data and its ports through kill and restart', async () => {
    const topic = await createTopic(uniqueName('kept'), 1, direct());
    await produce(direct(), topic, ['kept']);
    const { pid } = broker;
    await broker.kill();
    expect(broker.pid).toBeNull();
    if (pid !== null) expect(isAlive(pid)).toBe(false);
    expect(await answers(broker.brokers[0]!)).toBe(false);
    await broker.kill();
    await broker.restart();

    if (pid !== null) expect(broker.pid).not.toBe(pid);
    expect(await roundTrip(direct(), topic, [])).toEqual(['kept']);
    expect(await roundTrip(proxied(), topic, [])).toEqual(['kept']);
  });
});

describe('a start that fails', () => {
  it('tells the line that says why and leaves nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dupescope-test-'));
    const kept = process.env.TMPDIR;
    process.env.TMPDIR = folder;
    try {
      await expect(startOwnBroker({ properties: { 'num.io.threads': 'many' } })).rejects.toMatchObject({
        code: 'no-broker-available',
        message: expect.stringMatching(
          /^Apache Kafka .*: .*Invalid value many for configuration num\.io\.threads.* properties that were passed\.$/,
        ),
      });
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      if (kept === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = kept;
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the end of the process that started it', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dupescope-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Starts a node process that starts a broker below `folder`. Its lines: "up host:port", "stopped". */
  function parent(then = ''): ChildProcess {
    const script = `
      require(${JSON.stringify(BUILT)}).startBroker({ proxy: true }).then(async (broker) => {
        console.log('up ' + broker.brokers[0]);
        ${then}
      });`;
    const { KAFKA_BROKERS: _given, ...env } = process.env;
    return spawn(process.execPath, ['-e', script], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...env, TMPDIR: folder },
    });
  }

  async function isUp(child: ChildProcess): Promise<string> {
    for await (const line of createInterface({ input: child.stdout! })) {
      if (line.startsWith('up ')) return line.slice(3);
    }
    throw new Error('the broker did not come up');
  }

  async function nothingIsLeft(): Promise<void> {
    await until('no process is left', () => processesNaming(folder).length === 0);
    await until('the folder is gone', () => readdirSync(folder).length === 0);
  }

  it.each(['SIGKILL', 'SIGTERM'] as const)('by %s ends the broker and removes its folder', async (signal) => {
    const child = parent();
    const address = await isUp(child);
    expect(processesNaming(folder).length).toBeGreaterThanOrEqual(1);
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^dupescope-broker-/)]);
    child.kill(signal);
    await nothingIsLeft();
    expect(await answers(address)).toBe(false);
  });

  it("by a terminal's Ctrl-C, which goes to its whole group, does so, too", async () => {
    const child = parent();
    await isUp(child);
    process.kill(-child.pid!, 'SIGINT');
    await nothingIsLeft();
  });

  it('does so, too, while the broker is still being set up', async () => {
    const child = parent();
    await until('a program runs', () => processesNaming(folder).length > 0);
    child.kill('SIGKILL');
    await nothingIsLeft();
  });

  it('is not held up once the broker is stopped', async () => {
    const child = parent('await broker.stop(); await broker.stop();');
    await isUp(child);
    const [code] = await once(child, 'exit');
    expect(code).toBe(0);
    // When stop() is done, all is gone; there is nothing to wait for.
    expect(processesNaming(folder)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

async function produce(kafka: ReturnType<typeof testKafka>, topic: string, values: string[]): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  try {
    await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
  } finally {
    await producer.disconnect();
  }
}

/** Produces the values, if any, and reads the topic's partitions from the beginning to the end. */
async function roundTrip(
  kafka: ReturnType<typeof testKafka>,
  topic: string,
  values: string[],
): Promise<string[]> {
  if (values.length > 0) await produce(kafka, topic, values);
  const consumer = kafka.consumer({ groupId: uniqueName('round-trip'), ...QUICK });
  const received: string[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        received.push(String(message.value));
      },
    });
    await until('the records are received', () => received.length >= Math.max(1, values.length));
    return received;
  } finally {
    await consumer.disconnect();
  }
}

function connectTo(address: string) {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  socket.on('error', () => undefined);
  return socket;
}

async function answers(address: string): Promise<boolean> {
  const socket = connectTo(address);
  const answered = await Promise.race([
    once(socket, 'connect').then(() => true),
    once(socket, 'close').then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return answered;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Command lines that name the path: Java's has it in its arguments, and so has Docker's. */
function processesNaming(path: string): string[] {
  const list = execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
  return list.split('\n').filter((line) => line.includes(path));
}
