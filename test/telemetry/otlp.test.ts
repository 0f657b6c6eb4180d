/** Over the wire: a consumer killed in mid-batch, another that gets the records again, and what a collector gets. */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IHeaders } from 'kafkajs';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { COLLECTOR_CONFIG, otelcol, startCollector } from '../support/otelcol';
import { OtlpReceiver, type WireSpan } from '../support/otlp-receiver';

const folder = testFolder('otlp');
const APP = join(__dirname, '../support/consumer-app.js');
const SETUP = join(__dirname, '../support/otel.js');
const RECORDS = 80;
/** The record that carries a trace of its own. */
const CARRIER = 5;
const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const children: ChildProcess[] = [];
const collector = otelcol();

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

if (collector === null) {
  console.warn('No OpenTelemetry Collector: set OTELCOL to its binary, and the tests with a real one run.');
}

/** One group's consumers, each an application with its own OpenTelemetry. */
class Scene {
  readonly group = uniqueName('otlp');
  readonly topic = uniqueName('otlp');
  private readonly truth = join(folder, `${this.group}.truth`);

  constructor(private readonly endpoint: string) {}

  async produce(): Promise<void> {
    await createTopic(this.topic);
    const producer = testKafka().producer();
    await producer.connect();
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
    const headers = (i: number): { headers?: IHeaders } =>
      i === CARRIER ? { headers: { traceparent } } : {};
    const messages = Array.from({ length: RECORDS }, (_, i) => ({ value: `v${i}`, ...headers(i) }));
    await producer.send({ topic: this.topic, messages });
    await producer.disconnect();
  }

  async consumer(service: string, options: object): Promise<ChildProcess> {
    const task = {
      brokers: testBrokers(),
      group: this.group,
      topics: [this.topic],
      store: join(folder, `${this.group}.db`),
      truth: this.truth,
      handler: 'eachMessage',
      workMs: 15,
      consumer: { sessionTimeout: 1_500, heartbeatInterval: 200, rebalanceTimeout: 3_000 },
      run: {},
      options: { pastLimitMs: 10_000, ...options },
    };
    const child = fork(APP, [JSON.stringify(task)], {
      execArgv: ['--require', SETUP],
      env: {
        ...process.env,
        OTEL_SERVICE_NAME: service,
        OTEL_EXPORTER_OTLP_ENDPOINT: this.endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    });
    children.push(child);
    await once(child, 'message');
    return child;
  }

  /** Offsets in the order in which handlers got them. */
  seen(): number[] {
    if (!existsSync(this.truth)) return [];
    const lines = readFileSync(this.truth, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => Number(line.split(' ')[2]));
  }

  /**
   * First consumer, killed in the middle of its first batch; second consumer, which gets all of it again. Answers how
   * often the first one had each record: a slow machine may have thrown it out of the group in between.
   */
  async play(beforeKill: () => boolean): Promise<{ before: Map<number, number>; firstPid: number }> {
    await this.produce();
    const first = await this.consumer('first', { tracing: 'all' });
    await until('it is in mid-batch', () => this.seen().length >= 20 && beforeKill(), 30_000);
    const gone = once(first, 'exit');
    first.kill('SIGKILL');
    await gone;
    const seen = this.seen();
    const before = new Map<number, number>();
    for (const offset of seen) before.set(offset, (before.get(offset) ?? 0) + 1);
    expect(before.size).toBeLessThan(RECORDS);
    const second = await this.consumer('second', {});
    const rest = () => new Set(this.seen().slice(seen.length)).size;
    await until('all is done', () => rest() === RECORDS, 30_000);
    const ended = once(second, 'exit');
    second.send('stop');
    await ended;
    return { before, firstPid: first.pid as number };
  }
}

function deliveriesIn(receiver: OtlpReceiver, scene: Scene, service: string): WireSpan[] {
  return receiver
    .all()
    .filter(({ name, service: of }) => name === `process ${scene.topic}` && of === service)
    .sort((a, b) => offsetOf(a) - offsetOf(b));
}

/** The second consumer's first deliveries of what the first one had. */
function repeats(receiver: OtlpReceiver, scene: Scene, had: Map<number, number>): WireSpan[] {
  return deliveriesIn(receiver, scene, 'second').filter(
    (span) => span.attributes['dupescope.delivery.attempt'] === (had.get(offsetOf(span)) ?? 0) + 1,
  );
}

const offsetOf = (span: WireSpan) => Number(span.attributes['kafka.offset']);
const previousOf = (span: WireSpan) =>
  span.links.find(({ attributes }) => attributes['dupescope.link'] === 'previous_attempt');

describe('OTLP over HTTP', () => {
  test('the attempts of records in two processes, one of them killed, are one trace with links', async () => {
    const receiver = await OtlpReceiver.listen();
    try {
      const scene = new Scene(receiver.url);
      const { before: had, firstPid } = await scene.play(
        () => deliveriesIn(receiver, scene, 'first').length > 10,
      );
      const before = deliveriesIn(receiver, scene, 'first');
      const again = repeats(receiver, scene, had);
      // Each record that the first one had.
      expect(again.map(offsetOf)).toEqual([...had.keys()].sort((a, b) => a - b));
      for (const span of again) {
        const attempt = had.get(offsetOf(span)) as number;
        expect(span).toMatchObject({ kind: 5, status: 0 });
        const earlier = before.find(
          (one) =>
            offsetOf(one) === offsetOf(span) && one.attributes['dupescope.delivery.attempt'] === attempt,
        );
        const link = previousOf(span);
        expect(link?.attributes).toMatchObject({
          'process.pid': firstPid,
          'dupescope.delivery.attempt': attempt,
        });
        if (earlier === undefined) continue;
        expect([link?.traceId, link?.spanId]).toEqual([earlier.traceId, earlier.spanId]);
        expect([span.traceId, span.parentSpanId]).toEqual([earlier.traceId, earlier.parentSpanId]);
      }
      expect(before.length).toBeGreaterThan(10);
      expect(before.map(offsetOf)).toContain(CARRIER);
      expect(again.find((span) => offsetOf(span) === CARRIER)).toMatchObject({
        traceId: PARENT.traceId,
        parentSpanId: PARENT.spanId,
      });
      // What the first one did last could not be told by a span; the link tells of it, from the ledger.
      const last = again.at(-1) as WireSpan;
      expect(before.map(offsetOf)).not.toContain(offsetOf(last));
      expect(['in_flight', 'handled']).toContain(previousOf(last)?.attributes['dupescope.delivery.outcome']);
    } finally {
      await receiver.close();
    }
  }, 120_000);
});

(collector === null ? describe.skip : describe)('a real collector', () => {
  test('takes our configuration', () => {
    const checked = spawnSync(collector as string, ['validate', '--config', COLLECTOR_CONFIG]);
    expect([checked.status, String(checked.stderr)]).toEqual([0, '']);
  });

  test('keeps every redelivery, and hands it on', async () => {
    const receiver = await OtlpReceiver.listen();
    const running = await startCollector(collector as string, receiver.url, folder);
    try {
      const scene = new Scene(running.url);
      const { before } = await scene.play(() => true);
      const again = () => repeats(receiver, scene, before);
      await until('all redeliveries are handed on', () => again().length === before.size, 20_000);
      expect(running.log()).not.toMatch(/error/i);
    } finally {
      await running.stop();
      await receiver.close();
    }
  }, 120_000);
});
