/** Consumers with OpenTelemetry, one killed in mid-batch, another that gets the records again. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IHeaders } from 'kafkajs';
import { createTopic, testBrokers, testKafka, uniqueName, until } from './broker';
import { testFolder } from './folder';
import type { OtlpReceiver, WireSpan } from './otlp-receiver';

const folder = testFolder('otlp');
const APP = join(__dirname, 'consumer-app.js');
const SETUP = join(__dirname, 'otel.js');
export const RECORDS = 80;
/** The record that carries a trace of its own. */
export const CARRIER = 5;
export const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

/** What the receiver of the tests takes. */
const JSON_ZIPPED = {
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
  OTEL_METRICS_EXPORTER: 'none',
  OTEL_LOGS_EXPORTER: 'none',
};
/** By eachBatch: so many records a batch. */
const BATCH = 20;

/** One group's consumers, each an application with its own OpenTelemetry. */
export class Scene {
  readonly group = uniqueName('otlp');
  readonly topic = uniqueName('otlp');
  private readonly truth = join(folder, `${this.group}.truth`);

  /** @param otel their OTEL_ variables, besides the endpoint and a short delay */
  constructor(
    private readonly endpoint: string,
    private readonly handler: 'eachMessage' | 'eachBatch' = 'eachMessage',
    private readonly otel: Record<string, string> = JSON_ZIPPED,
  ) {}

  async produce(): Promise<void> {
    await createTopic(this.topic);
    const producer = testKafka().producer();
    await producer.connect();
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
    const headers = (i: number): { headers?: IHeaders } =>
      i === CARRIER ? { headers: { traceparent } } : {};
    const messages = Array.from({ length: RECORDS }, (_, i) => ({ value: `v${i}`, ...headers(i) }));
    // What is sent at once is fetched at once: a batch of eachBatch.
    const size = this.handler === 'eachBatch' ? BATCH : RECORDS;
    for (let i = 0; i < RECORDS; i += size) {
      await producer.send({ topic: this.topic, messages: messages.slice(i, i + size) });
    }
    await producer.disconnect();
  }

  async consumer(service: string, options: object): Promise<ChildProcess> {
    const task = {
      brokers: testBrokers(),
      group: this.group,
      topics: [this.topic],
      store: join(folder, `${this.group}.db`),
      truth: this.truth,
      handler: this.handler,
      workMs: 15,
      consumer: {
        sessionTimeout: 1_500,
        heartbeatInterval: 200,
        rebalanceTimeout: 3_000,
        ...(this.handler === 'eachBatch' ? { maxBytesPerPartition: 1 } : {}),
      },
      // A batch that was handled would be committed: nothing of it came again.
      run: this.handler === 'eachBatch' ? { autoCommit: false } : {},
      options: { pastLimitMs: 10_000, ...options },
    };
    const child = fork(APP, [JSON.stringify(task)], {
      execArgv: ['--require', SETUP],
      env: {
        ...withoutOtel(process.env),
        ...this.otel,
        OTEL_SERVICE_NAME: service,
        OTEL_EXPORTER_OTLP_ENDPOINT: this.endpoint,
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
    // eachBatch notes its batch when it gets it: this is in the second one.
    const begun = this.handler === 'eachBatch' ? 2 * BATCH : 20;
    await until('it is in mid-batch', () => this.seen().length >= begun && beforeKill(), 30_000);
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

function withoutOtel(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('OTEL_')));
}

/** Of records: the spans of whole batches have no offset. */
export function deliveriesIn(receiver: OtlpReceiver, scene: Scene, service: string): WireSpan[] {
  return receiver
    .all()
    .filter(({ name, service: of }) => name === `process ${scene.topic}` && of === service)
    .filter(({ attributes }) => attributes['kafka.offset'] !== undefined)
    .sort((a, b) => offsetOf(a) - offsetOf(b));
}

/** The second consumer's first deliveries of what the first one had. */
export function repeats(receiver: OtlpReceiver, scene: Scene, had: Map<number, number>): WireSpan[] {
  return deliveriesIn(receiver, scene, 'second').filter(
    (span) => span.attributes['dupescope.delivery.attempt'] === (had.get(offsetOf(span)) ?? 0) + 1,
  );
}

export const offsetOf = (span: WireSpan) => Number(span.attributes['kafka.offset']);
export const previousOf = (span: WireSpan) =>
  span.links.find(({ attributes }) => attributes['dupescope.link'] === 'previous_attempt');
