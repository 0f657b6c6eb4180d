/** The demo's consumer as an application with OpenTelemetry: its spans arrive, and a collector that is away keeps nobody. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { freePorts } from '../../src/demo/broker/ports';
import type { News, WorkerSettings } from '../../src/demo/workload';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { OtlpReceiver } from '../support/otlp-receiver';

const folder = testFolder('demo-tracing');
const CONSUMER = join(__dirname, '../../dist/demo/consumer.js');
const RECORDS = 40;
/** Spans go when the application ends, and not before; by itself the SDK would try for minutes. */
const PATIENT = {
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
  OTEL_BSP_SCHEDULE_DELAY: '600000',
  OTEL_BSP_EXPORT_TIMEOUT: '600000',
  OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
};
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

/** One consumer whose handler throws once; it is asked to stop, and its exit code answered. */
async function play(endpoint: string): Promise<{ topic: string; exit: unknown[] }> {
  const topic = await createTopic(uniqueName('demo'));
  const name = uniqueName('demo');
  const settings: WorkerSettings = {
    name,
    brokers: testBrokers(),
    topic,
    group: name,
    handler: 'eachMessage',
    evidence: { store: join(folder, `${name}.db`) },
    truthFile: join(folder, `${name}.truth`),
  };
  const child = fork(CONSUMER, [JSON.stringify(settings)], {
    env: { ...process.env, ...PATIENT, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint },
  });
  children.push(child);
  const news: News['news'][] = [];
  child.on('message', (one: News) => void news.push(one.news));
  await until('it has joined', () => news.includes('joined'), 60_000);
  child.send({ order: 'throw', depth: 1 });
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({ topic, messages: Array.from({ length: RECORDS }, (_, i) => ({ value: `v${i}` })) });
  await producer.disconnect();
  const admin = testKafka().admin();
  await admin.connect();
  await until(
    'it has handled all',
    async () => {
      const [of] = await admin.fetchOffsets({ groupId: name, topics: [topic] });
      return of?.partitions[0]?.offset === String(RECORDS);
    },
    60_000,
  );
  await admin.disconnect();
  const exited = once(child, 'exit');
  child.send({ order: 'stop' });
  await until('it has ended', () => child.exitCode !== null || child.signalCode !== null, 60_000);
  return { topic, exit: await exited };
}

test('what ended is sent before the process goes', async () => {
  const receiver = await OtlpReceiver.listen();
  try {
    const { topic, exit } = await play(receiver.url);
    expect(exit).toEqual([0, null]);
    const spans = receiver.all().filter(({ name }) => name === `process ${topic}`);
    expect(
      spans
        .map(({ attributes, status, service }) => [
          attributes['dupescope.delivery.attempt'],
          attributes['dupescope.redelivery.cause'],
          status,
          service,
        ])
        .sort(),
    ).toEqual([
      [1, undefined, 2, 'dupescope-demo'],
      [2, 'handler_error', 0, 'dupescope-demo'],
    ]);
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  } finally {
    await receiver.close();
  }
}, 180_000);

test('with nobody at the endpoint it ends all the same', async () => {
  const [port] = await freePorts(1);
  expect((await play(`http://127.0.0.1:${port}`)).exit).toEqual([0, null]);
}, 180_000);

test('with an endpoint that takes and never answers it ends all the same', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.resume().on('error', () => undefined);
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    const { exit } = await play(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    expect(exit).toEqual([0, null]);
    // It was asked: the limit is what let the process go.
    expect(sockets.size).toBeGreaterThan(0);
  } finally {
    for (const socket of sockets) socket.destroy();
    silent.close();
  }
}, 180_000);
