/** The service hands settled causes on as spans, each once, over restarts and refusals of the collector. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PlaceIds } from '../../src/telemetry/place-ids';
import { until } from '../support/broker';
import { Case } from '../support/case';
import { query } from '../support/ledger';
import { OtlpReceiver, type WireSpan } from '../support/otlp-receiver';

const CLI = join(__dirname, '../../dist/cli/main.js');
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

async function serve(
  store: string,
  env: NodeJS.ProcessEnv,
): Promise<{ stop(): Promise<void>; log: () => string }> {
  const child = fork(CLI, ['serve', '--store', store, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  });
  children.push(child);
  let out = '';
  let log = '';
  child.stdout?.on('data', (text) => (out += String(text)));
  child.stderr?.on('data', (text) => (log += String(text)));
  await until('the service answers', () => out.includes('answers at') && log.includes('serving'));
  return {
    log: () => log,
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      expect((await exited)[0]).toBe(0);
    },
  };
}

/** A handler that throws once at that record: it is delivered again, and the cause is proven at once. */
async function failOnce(scene: Case, offset: string): Promise<void> {
  const before = scene.seen.length;
  let thrown = false;
  const consumer = await scene.start({
    eachMessage: async ({ partition, message }) => {
      scene.seen.push(`${partition} ${message.offset}`);
      if (message.offset !== offset || thrown) return;
      thrown = true;
      throw new Error('not now');
    },
  });
  await until(
    'it came again',
    () => scene.seen.slice(before).filter((one) => one === `0 ${offset}`).length === 2,
  );
  await scene.stop(consumer);
}

const isFinding = ({ name }: WireSpan) => name === 'dupescope.finding';

describe('spans of findings', () => {
  test('come once each, in the trace of the records, and survive a collector that refuses', async () => {
    const receiver = await OtlpReceiver.listen();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const scene = await Case.of(5);
    try {
      const first = await serve(scene.store, env);
      await failOnce(scene, '2');
      const found = () => receiver.all().filter(isFinding);
      await until('the finding came', () => found().length === 1, 30_000);
      const [row] = query<{ clusterId: string; topicId: string; session: string }>(
        scene.store,
        `SELECT c.cluster_id AS clusterId, t.topic_id AS topicId, s.key AS session
         FROM topic t JOIN cluster c ON c.id = t.cluster, session s`,
      );
      const { clusterId = '', topicId = '', session = '' } = row ?? {};
      const ids = new PlaceIds({ clusterId, topicId, topic: scene.topic, partition: 0 }, scene.group);
      expect(found()[0]).toMatchObject({
        traceId: ids.trace(2),
        parentSpanId: ids.parent(2),
        service: 'dupescope',
        attributes: {
          'dupescope.finding.kind': 'redelivery',
          'dupescope.finding.first_offset': 2,
          'dupescope.finding.last_offset': 2,
          'dupescope.delivery.attempt': 2,
          'dupescope.redelivery.cause': 'handler_error',
          'dupescope.redelivery.certainty': 'proven',
          'messaging.consumer.group.name': scene.group,
        },
      });
      expect(found()[0]?.links.map(({ spanId }) => spanId)).toEqual([
        ids.attempt(session, 2, 2),
        ids.attempt(session, 2, 1),
      ]);
      await first.stop();

      // Another, while nobody serves; then a collector that refuses, and one that takes it.
      await scene.produce(5);
      await failOnce(scene, '7');
      scene.settled(0);
      receiver.refuseWith = 400;
      const second = await serve(scene.store, env);
      await until('the refusal is told', () => second.log().includes('spans of findings wait'), 30_000);
      receiver.refuseWith = null;
      await until('the second finding came', () => found().length === 2, 30_000);
      await second.stop();
      expect(found().map(({ attributes }) => attributes['dupescope.finding.first_offset'])).toEqual([2, 7]);
      expect(receiver.received.filter((name) => name === 'dupescope.finding')).toHaveLength(2);
    } finally {
      await receiver.close();
    }
  }, 120_000);

  test('without an endpoint no SDK is loaded', async () => {
    const scene = await Case.of(1);
    const quiet = await serve(scene.store, { OTEL_EXPORTER_OTLP_ENDPOINT: '', NODE_DEBUG: 'module' });
    await quiet.stop();
    const packages = new Set(
      [...quiet.log().matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g)].map(([, name]) => name),
    );
    expect(packages).toContain('express');
    // The API itself comes by prom-client.
    expect([...packages].filter((name) => name?.startsWith('@opentelemetry/'))).toEqual([
      '@opentelemetry/api',
    ]);
  });
});
