/** The service hands findings on as spans, each once, over restarts and refusals of the collector. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { IHeaders } from 'kafkajs';
import { PlaceIds } from '../../src/telemetry/place-ids';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
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
  flags: string[] = [],
): Promise<{ port: number; stop(): Promise<void>; log: () => string }> {
  const child = fork(CLI, ['serve', '--store', store, '--listen', '127.0.0.1:0', ...flags], {
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
    port: Number(/:(\d+) /.exec(out)?.[1]),
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
const kindOf = ({ attributes }: WireSpan) => attributes['dupescope.finding.kind'];
const stretchOf = ({ attributes }: WireSpan) => [
  attributes['dupescope.finding.first_offset'],
  attributes['dupescope.finding.last_offset'],
  attributes['dupescope.finding.records'],
];
const causeOf = ({ attributes }: WireSpan) => [
  attributes['dupescope.finding.cause'],
  attributes['dupescope.finding.certainty'],
];

/** Where the cluster's and the topic's ids are those that the store knows. */
function idsIn(store: string, topic: string, group: string): PlaceIds {
  const [row] = query<{ clusterId: string; topicId: string }>(
    store,
    'SELECT c.cluster_id AS clusterId, t.topic_id AS topicId FROM topic t JOIN cluster c ON c.id = t.cluster WHERE t.name = ?',
    topic,
  );
  const { clusterId = '', topicId = '' } = row ?? {};
  return new PlaceIds({ clusterId, topicId, topic, partition: 0 }, group);
}

async function send(
  topic: string,
  messages: { id: string; value: string; headers?: IHeaders }[],
): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({
    topic,
    messages: messages.map(({ id, value, headers }) => ({
      value,
      headers: { ...headers, 'message-id': id },
    })),
  });
  await producer.disconnect();
}

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
      const [row] = query<{ session: string }>(scene.store, 'SELECT key AS session FROM session');
      const { session = '' } = row ?? {};
      const ids = idsIn(scene.store, scene.topic, scene.group);
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

  test('every kind has its span, once, in the trace of its first record and linked to those of the others', async () => {
    const receiver = await OtlpReceiver.listen();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const scene = await Case.of(20);
    const copied = await createTopic(uniqueName('copied'));
    const flags = ['--brokers', testBrokers().join(','), '--topics', copied, '--groups', 'none-of-them'];
    try {
      const first = await serve(scene.store, env, flags);
      const found = (kind: string) =>
        receiver.all().filter((span) => isFinding(span) && kindOf(span) === kind);
      const messages = Array.from({ length: 120 }, (_, i) => ({ id: `m${i}`, value: `v${i}` }));
      await send(copied, messages);
      await send(copied, messages);
      await send(copied, [{ id: 'm0', value: 'another' }]);

      const once = new Set(['3', '15', '19', '5']);
      const consumer = await scene.start({
        autoCommit: false,
        eachMessage: async ({ topic, partition, message: { offset } }) => {
          scene.seen.push(`${partition} ${offset}`);
          if (!once.delete(offset)) return;
          const commit = (next: string) => consumer.commitOffsets([{ topic, partition, offset: next }]);
          if (offset === '5') consumer.seek({ topic, partition, offset: '12' });
          if (offset === '15') await commit('16');
          if (offset === '3' || offset === '15') throw new Error('not now');
          if (offset !== '19') return;
          await commit('20');
          consumer.seek({ topic, partition, offset: '14' });
          await commit('14');
        },
      });
      await scene.until(22);
      await scene.stop(consumer);
      const unsettled = () =>
        query(
          scene.store,
          'SELECT id FROM redelivery WHERE settled = 0 UNION ALL SELECT id FROM rewind WHERE settled = 0',
        );
      await until('causes are settled', () => {
        scene.settled(0);
        return unsettled().length === 0;
      });
      // A skip is looked for when all that was under way must have come.
      scene.settled(60_000);

      const kinds = ['redelivery', 'duplicate', 'id_reuse', 'rewind', 'premature_commit', 'skip'];
      const copies = () => found('duplicate').reduce((sum, span) => sum + Number(stretchOf(span)[2]), 0);
      await until(
        'all kinds came',
        () => kinds.every((kind) => found(kind).length > 0) && copies() === 120,
        30_000,
      );
      await until('every redelivery came', () => found('redelivery').length === 5, 30_000);
      const ids = idsIn(scene.store, scene.topic, scene.group);
      const only = (kind: string): WireSpan => {
        expect(found(kind)).toHaveLength(1);
        return found(kind)[0] as WireSpan;
      };
      const traces = (offsets: number[]) => offsets.map((offset) => ids.trace(offset));

      expect(
        found('redelivery')
          .map(({ attributes: of }) => [
            of['dupescope.finding.first_offset'],
            of['dupescope.finding.last_offset'],
            of['dupescope.delivery.attempt'],
            of['dupescope.redelivery.cause'],
          ])
          .sort((a, b) => Number(a[0]) - Number(b[0]) || Number(a[2]) - Number(b[2])),
      ).toEqual([
        [3, 3, 2, 'handler_error'],
        [14, 14, 2, 'seek'],
        [15, 15, 2, 'handler_error'],
        [15, 15, 3, 'seek'],
        [16, 19, 2, 'seek'],
      ]);
      const skip = only('skip');
      expect([...stretchOf(skip), ...causeOf(skip)]).toEqual([6, 11, 6, 'seek', 'proven']);
      expect(skip.links.map(({ traceId }) => traceId)).toEqual(traces([6, 7, 8, 9, 10, 11]));
      const rewind = only('rewind');
      expect([...stretchOf(rewind), ...causeOf(rewind)]).toEqual([14, 19, 6, 'seek', 'proven']);
      expect(rewind.attributes).toMatchObject({
        'dupescope.rewind.from_offset': 20,
        'dupescope.rewind.to_offset': 14,
      });
      expect([rewind.traceId, rewind.links.length]).toEqual([ids.trace(14), 6]);
      const premature = only('premature_commit');
      expect([...stretchOf(premature), ...causeOf(premature)]).toEqual([
        ...[15, 15, 1, 'committed_before_handled', 'proven'],
      ]);
      expect(premature.attributes).toMatchObject({
        'messaging.consumer.group.name': scene.group,
        'dupescope.delivery.outcome': 'failed',
      });
      expect(premature.traceId).toBe(ids.trace(15));

      const there = idsIn(scene.store, copied, '');
      // 120 copies in few findings; the first of them names its originals.
      expect(found('duplicate').length).toBeLessThanOrEqual(10);
      const run = found('duplicate').find((span) => stretchOf(span)[0] === 120) as WireSpan;
      expect(run.traceId).toBe(there.trace(120));
      expect(run.attributes['messaging.consumer.group.name']).toBeUndefined();
      expect(
        run.links.slice(0, 2).map(({ traceId, attributes }) => [traceId, attributes['dupescope.link']]),
      ).toEqual([
        [there.trace(120), 'copy'],
        [there.trace(0), 'previous_copy'],
      ]);
      expect(run.links.length).toBeLessThanOrEqual(64);
      expect(stretchOf(only('id_reuse'))).toEqual([240, 240, 1]);
      await first.stop();

      // Over a restart nothing comes again, and what is new comes.
      const before = receiver.received.filter((name) => name === 'dupescope.finding').length;
      expect(before).toBe(receiver.all().filter(isFinding).length);
      const second = await serve(scene.store, env, flags);
      await send(copied, [{ id: 'm1', value: 'another' }]);
      await until('the new one came', () => found('id_reuse').length === 2, 30_000);
      await second.stop();
      expect(receiver.received.filter((name) => name === 'dupescope.finding').length).toBe(before + 1);
    } finally {
      await receiver.close();
    }
  }, 180_000);

  test('exemplars of /metrics name traces that were exported, also of records that carry a trace of their own', async () => {
    const receiver = await OtlpReceiver.listen();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' };
    const scene = await Case.of(3);
    try {
      const service = await serve(scene.store, env);
      // Of these applications no span comes: what an exemplar names is there by the finding alone.
      const exemplars = async () => {
        const answer = await fetch(`http://127.0.0.1:${service.port}/metrics`, {
          headers: { accept: 'application/openmetrics-text; version=1.0.0' },
        });
        const lines = (await answer.text()).matchAll(
          /^(dupescope_redeliver\w+_total)\{.*\} \d+ # \{trace_id="(\w+)"\}/gm,
        );
        return [...lines].map(([, name, traceId]) => ({ name, traceId }));
      };
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      for (const [offset, headers] of [
        ['3', {}],
        ['4', { traceparent }],
      ] as const) {
        await send(scene.topic, [{ id: offset, value: 'v', headers }]);
        await failOnce(scene, offset);
        const trace = idsIn(scene.store, scene.topic, scene.group).trace(Number(offset));
        const names = async () =>
          (await exemplars()).filter(({ traceId }) => traceId === trace).map(({ name }) => name);
        await until('exemplars name it', async () => (await names()).length === 2, 30_000);
        expect(await names()).toEqual(['dupescope_redeliveries_total', 'dupescope_redelivery_causes_total']);
        await until('its trace came', () => receiver.all().some(({ traceId }) => traceId === trace), 30_000);
      }
      await service.stop();
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
