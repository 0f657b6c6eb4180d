/** Spans and metrics as an application's own SDK gets them; across processes: `test/telemetry/otlp.test.ts`. */
import { context, type SpanContext, trace } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { ConsumerRunConfig } from 'kafkajs';
import { uniqueName, until } from '../support/broker';
import { linksOf, Recorded } from '../support/spans';
import { PARENT, plain, Stage, stopAll } from '../support/traced-stage';

let recorded: Recorded;

beforeEach(() => {
  recorded = new Recorded();
});

afterEach(async () => {
  await stopAll();
  await recorded.remove();
});

describe('spans of eachMessage', () => {
  test('a failure and its redelivery are one trace, linked, with the attributes of the conventions', async () => {
    const stage = await Stage.of([...plain(3), { key: 'gone', value: null }]);
    await stage.start({
      eachMessage: async ({ message }) => {
        stage.seen.push(Number(message.offset));
        if (message.offset === '3' && stage.seen.length === 4) throw new TypeErrorOfMine('no such order');
      },
    });
    await stage.until(5);
    await until('both spans ended', () => recorded.deliveries(stage.topic).length === 2);
    const [first, second] = recorded.deliveries(stage.topic).map(({ span }) => span);
    if (first === undefined || second === undefined) throw new Error('spans are missing');
    const ids = await stage.ids();
    const [session] = stage.sessions() as [string];

    expect(first.attributes).toEqual({
      'messaging.system.name': 'kafka',
      'messaging.system': 'kafka',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': stage.topic,
      'messaging.destination.partition.id': '0',
      'messaging.consumer.group.name': stage.group,
      'messaging.client.id': 'traced-app',
      'kafka.offset': 3,
      'messaging.kafka.offset': 3,
      'kafka.message.key': 'gone',
      'messaging.kafka.message.key': 'gone',
      'kafka.message.tombstone': true,
      'messaging.kafka.message.tombstone': true,
      'dupescope.delivery.attempt': 1,
      'error.type': 'TypeErrorOfMine',
    });
    expect(first.status).toMatchObject({ code: 2, message: 'no such order' });
    expect(first.events[0]?.name).toBe('exception');
    expect(first.links).toEqual([]);
    expect(first.spanContext()).toMatchObject({ traceId: ids.trace(3), spanId: ids.attempt(session, 3, 1) });
    expect(first.parentSpanContext).toMatchObject({ spanId: ids.parent(3), isRemote: true });

    expect(second.spanContext()).toMatchObject({ traceId: ids.trace(3), spanId: ids.attempt(session, 3, 2) });
    expect(second.status.code).toBe(0);
    expect(second.attributes).toMatchObject({
      'dupescope.delivery.attempt': 2,
      'dupescope.redelivery.previous_session': session,
    });
    expect(second.attributes['dupescope.redelivery.gap_seconds']).toBeGreaterThan(0.01);
    expect(linksOf(second)).toEqual({
      previous_attempt: { traceId: first.spanContext().traceId, spanId: first.spanContext().spanId },
    });
    expect(second.links[0]?.attributes).toMatchObject({
      'dupescope.delivery.outcome': 'failed',
      'dupescope.session.id': session,
      'process.pid': process.pid,
    });
  });

  test('another session links to the spans of the one before, and they share their traces', async () => {
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
    const stage = await Stage.of([...plain(2), { headers: { traceparent } }]);
    const first = await stage.start(stage.noting(), { tracing: 'all' });
    await stage.until(3);
    await stage.stop(first);
    await stage.start(stage.noting());
    await stage.until(6);
    await until('all spans ended', () => recorded.deliveries(stage.topic).length === 6);

    for (const offset of [0, 1, 2]) {
      const [one, two] = recorded.deliveries(stage.topic).filter((delivery) => delivery.offset === offset);
      expect([one?.attempt, two?.attempt]).toEqual([1, 2]);
      const { traceId, spanId } = one?.span.spanContext() ?? {};
      expect(two?.span.spanContext().traceId).toBe(traceId);
      expect(linksOf(two?.span as never).previous_attempt).toEqual({ traceId, spanId });
    }
    const last = recorded.deliveries(stage.topic).at(-1)?.span;
    expect(last?.spanContext().traceId).toBe(PARENT.traceId);
    expect(last?.parentSpanContext?.spanId).toBe(PARENT.spanId);
    expect(linksOf(last as never).creation).toEqual(PARENT);

    // What the service finds is in the trace of the place: from there a mark of the attempt's id leads to its span.
    const ids = await stage.ids();
    const place = { traceId: ids.trace(2), spanId: ids.parent(2) };
    for (const { offset, span } of recorded.deliveries(stage.topic)) {
      expect(linksOf(span).place).toEqual(offset === 2 ? place : undefined);
    }
    const marks = recorded.named('dupescope.delivery');
    expect(marks.map(({ attributes }) => attributes['dupescope.delivery.attempt'])).toEqual([2]);
    const [mark] = marks as [ReadableSpan];
    expect(mark.spanContext()).toMatchObject({
      traceId: place.traceId,
      spanId: ids.attempt(stage.sessions()[1] as string, 2, 2),
    });
    expect(mark.parentSpanContext?.spanId).toBe(place.spanId);
    const { traceId, spanId } = last?.spanContext() ?? {};
    expect(linksOf(mark).delivery).toEqual({ traceId, spanId });
  });

  test('the handler runs in the span, or in the context that the record carries', async () => {
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
    const stage = await Stage.of([
      { headers: { traceparent } },
      { headers: { traceparent: [traceparent, traceparent] } },
      {},
    ]);
    const inside: { traceId: string | undefined; spanId: string | undefined }[] = [];
    const run = (): ConsumerRunConfig => ({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        await Promise.resolve();
        const active = trace.getSpanContext(context.active());
        inside.push({ traceId: active?.traceId, spanId: active?.spanId });
        stage.seen.push(Number(message.offset));
      },
    });
    const first = await stage.start(run());
    await stage.until(3);
    await stage.stop(first);
    // First deliveries: no span of ours; where the record carries nothing, nothing is active.
    expect(recorded.deliveries(stage.topic)).toEqual([]);
    expect(inside).toEqual([PARENT, PARENT, { traceId: undefined, spanId: undefined }]);
    await stage.start(run());
    await stage.until(6);
    await until('spans ended', () => recorded.deliveries(stage.topic).length === 3);
    const ours = recorded.deliveries(stage.topic).map(({ span }) => span.spanContext());
    expect(inside.slice(3)).toEqual(ours.map(({ traceId, spanId }) => ({ traceId, spanId })));
  });

  test('a redelivery has its span though its trace is not sampled; a first delivery follows its trace', async () => {
    const stage = await Stage.of([
      { headers: { traceparent: `00-${PARENT.traceId}-${PARENT.spanId}-00` } },
      {},
    ]);
    const first = await stage.start(stage.noting(), { tracing: 'all' });
    await stage.until(2);
    await stage.stop(first);
    expect(recorded.deliveries(stage.topic).map(({ offset }) => offset)).toEqual([1]);
    await stage.start(stage.noting());
    await stage.until(4);
    await until('spans ended', () => recorded.deliveries(stage.topic).length === 3);
    expect(recorded.deliveries(stage.topic).map(({ offset, attempt }) => [offset, attempt])).toEqual([
      [0, 2],
      [1, 1],
      [1, 2],
    ]);
  });

  test('a ratio chooses the same records in every session, by eachBatch too', async () => {
    const stage = await Stage.of(plain(360));
    const chosen: number[][] = [];
    for (let round = 1; round <= 2; round++) {
      // A group of its own: nobody has a redelivery.
      const other = Object.assign(new Stage(), { topic: stage.topic });
      const batches: ConsumerRunConfig = {
        autoCommit: false,
        eachBatch: async ({ batch }) =>
          void other.seen.push(...batch.messages.map(({ offset }) => Number(offset))),
      };
      const run = round === 1 ? other.noting() : batches;
      const consumer = await other.start(run, { tracing: { ratio: 0.25 } });
      await other.until(360);
      await other.stop(consumer);
      const mine = recorded
        .deliveries(stage.topic)
        .filter(({ span }) => span.attributes['messaging.consumer.group.name'] === other.group);
      chosen.push(mine.map(({ offset }) => offset));
    }
    expect(chosen[0]).toEqual(chosen[1]);
    // A batch has 128 spans of records at most: what is chosen of 360 must be fewer for the above to hold.
    expect(chosen[0]?.length).toBeGreaterThan(50);
    expect(chosen[0]?.length).toBeLessThan(128);
  });

  test('a synchronous throw, a thenable and a plain return end their spans and pass through', async () => {
    const stage = await Stage.of(plain(3));
    let thrown = false;
    const handler = ({ message }: { message: { offset: string } }): unknown => {
      stage.seen.push(Number(message.offset));
      if (message.offset === '0' && !thrown) {
        thrown = true;
        throw new Error('at once');
      }
      // biome-ignore lint/suspicious/noThenProperty: what an old promise library returns
      if (message.offset === '1') return { then: (done: () => void) => void setImmediate(done) };
      return undefined;
    };
    await stage.start({ eachMessage: handler as never }, { tracing: 'all' });
    await stage.until(4);
    await until('spans ended', () => recorded.deliveries(stage.topic).length === 4);
    const told = recorded.deliveries(stage.topic);
    expect(told.map(({ offset, attempt, span }) => [offset, attempt, span.status.code])).toEqual([
      [0, 1, 2],
      [0, 2, 0],
      [1, 1, 0],
      [2, 1, 0],
    ]);
  });
});

describe('spans of eachBatch', () => {
  test('one of the batch; redelivered records have their own, in their traces', async () => {
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
    const stage = await Stage.of([...plain(4), { headers: { traceparent } }]);
    let active: string | undefined;
    let isFailing = true;
    await stage.start({
      eachBatch: async ({ batch, resolveOffset }) => {
        active = trace.getSpanContext(context.active())?.spanId;
        for (const { offset } of batch.messages) {
          stage.seen.push(Number(offset));
          if (isFailing && offset === '3') {
            isFailing = false;
            throw new Error('batch broke');
          }
          resolveOffset(offset);
        }
      },
    });
    await until('the batch was done again', () => stage.seen.filter((offset) => offset === 4).length === 1);
    await until('spans ended', () => recorded.deliveries(stage.topic).length === 4);
    const batches = batchesOf(stage);
    expect(
      batches.map(({ attributes, status }) => [
        attributes['messaging.batch.message_count'],
        attributes['dupescope.batch.redeliveries'],
        status.code,
      ]),
    ).toEqual([
      [5, 0, 2],
      [2, 2, 0],
    ]);
    expect(active).toBe(batches[1]?.spanContext().spanId);
    // The batch that failed left 3 and 4, which come again: each in its own trace, each linked to the attempt before.
    const told = recorded.deliveries(stage.topic);
    expect(told.map(({ offset, attempt, span }) => [offset, attempt, span.status.code])).toEqual([
      [3, 1, 2],
      [3, 2, 0],
      [4, 1, 2],
      [4, 2, 0],
    ]);
    const traceIds = told.map(({ span }) => span.spanContext().traceId);
    const own = (await stage.ids()).trace(3);
    expect(traceIds).toEqual([own, own, PARENT.traceId, PARENT.traceId]);
    for (const [i, { attempt, span }] of told.entries()) {
      const before = attempt === 1 ? undefined : told[i - 1]?.span.spanContext();
      expect(linksOf(span).previous_attempt?.spanId).toBe(before?.spanId);
      expect(linksOf(span).batch?.spanId).toBe(batches[attempt - 1]?.spanContext().spanId);
    }
    // And the batches lead to them, and to the message's creation.
    for (const [i, batch] of batches.entries()) {
      const ones = told
        .filter(({ attempt }) => attempt === i + 1)
        .map(({ span }) => span.spanContext().spanId);
      expect(batch.links.map((link) => link.context.spanId)).toEqual([PARENT.spanId, ...ones]);
    }
  });

  test('of a batch of many records 128 have spans, by choice and as redeliveries, and these are linked', async () => {
    const stage = await Stage.of(plain(500));
    const run = (): ConsumerRunConfig => ({
      autoCommit: false,
      eachBatch: async ({ batch }) =>
        void stage.seen.push(...batch.messages.map(({ offset }) => Number(offset))),
    });
    const first = await stage.start(run(), { tracing: 'all' });
    await stage.until(500);
    await stage.stop(first);
    const ones = recorded.deliveries(stage.topic);
    expect(ones.length).toBeGreaterThanOrEqual(128);
    expect(ones.length).toBeLessThanOrEqual(128 * batchesOf(stage).length);
    await stage.start(run());
    await stage.until(1_000);
    const count = (key: string) =>
      batchesOf(stage).reduce((sum, { attributes }) => sum + Number(attributes[key]), 0);
    await until('all batches ended', () => count('messaging.batch.message_count') === 1_000);
    expect(count('dupescope.batch.redeliveries')).toBe(500);
    const again = recorded.deliveries(stage.topic).filter(({ attempt }) => attempt === 2);
    expect(again.length).toBeGreaterThanOrEqual(128);
    expect(ones.length + again.length).toBeLessThanOrEqual(128 * batchesOf(stage).length);
    // Both sessions began at the same record, with the same batch: what the links name is there.
    const firsts = new Set(ones.map(({ span }) => spanOf(span.spanContext())));
    const linked = again.map(({ span }) => linksOf(span).previous_attempt as SpanContext);
    expect(linked.slice(0, 128).filter((to) => !firsts.has(spanOf(to)))).toEqual([]);
    expect(new Set(linked.map(({ traceId }) => traceId)).size).toBe(again.length);
  });
});

describe('spans of offsets', () => {
  test('commits are told with all, rewinds and seeks always', async () => {
    const stage = await Stage.of(plain(10));
    const consumer = await stage.start(
      { autoCommit: false, eachMessage: async ({ message }) => void stage.seen.push(Number(message.offset)) },
      {},
    );
    await stage.until(10);
    const at = (offset: string) => [{ topic: stage.topic, partition: 0, offset }];
    await consumer.commitOffsets(at('8'));
    expect(recorded.named(`commit ${stage.topic}`)).toEqual([]);
    await consumer.commitOffsets(at('2'));
    await until('the rewind has a span', () => recorded.named(`commit ${stage.topic}`).length === 1);
    expect(recorded.named(`commit ${stage.topic}`)[0]).toMatchObject({
      kind: 2,
      attributes: {
        'messaging.operation.name': 'commit',
        'messaging.operation.type': 'settle',
        'messaging.consumer.group.name': stage.group,
        'kafka.offset': 2,
        'dupescope.commit.previous_offset': 8,
      },
    });
    consumer.seek({ topic: stage.topic, partition: 0, offset: '5' });
    await stage.until(15);
    expect(recorded.named(`seek ${stage.topic}`)[0]).toMatchObject({
      kind: 2,
      attributes: { 'messaging.operation.name': 'seek', 'kafka.offset': 5 },
    });
    await stage.stop(consumer);
    const traced = await stage.start(stage.noting(), { tracing: 'all' });
    await stage.until(23);
    await traced.commitOffsets(at('10'));
    await until('the commit has a span', () => recorded.named(`commit ${stage.topic}`).length === 2);
  });

  test('a commit that fails has a span with its error', async () => {
    const stage = await Stage.of(plain(2));
    const consumer = await stage.start(stage.noting());
    await stage.until(2);
    const nowhere = [{ topic: uniqueName('nowhere'), partition: 0, offset: '1' }];
    await expect(consumer.commitOffsets(nowhere)).rejects.toThrow();
    const [span] = recorded.named(`commit ${nowhere[0]?.topic}`);
    expect(span?.status.code).toBe(2);
    expect(span?.attributes['error.type']).toMatch(/^KafkaJS/);
  });
});

describe('metrics', () => {
  test('durations, deliveries, redeliveries and exposure', async () => {
    recorded.meter();
    const stage = await Stage.of(plain(20));
    const slowly = async () => {
      const from = performance.now();
      await until('2 ms went by', () => performance.now() - from > 2);
    };
    const first = await stage.start({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        await slowly();
        stage.seen.push(Number(message.offset));
      },
    });
    await stage.until(20);
    const of = async (name: string) => {
      const points = await recorded.metric(name);
      return points.find(({ attributes }) => attributes['messaging.consumer.group.name'] === stage.group)
        ?.value;
    };
    await until('the batch is counted', async () => (await of('messaging.client.consumed.messages')) === 20);
    expect(await of('messaging.process.duration')).toMatchObject({ count: 20, min: expect.any(Number) });
    expect(((await of('messaging.process.duration')) as { min: number }).min).toBeGreaterThan(0.001);
    expect(await of('dupescope.exposure.records')).toBe(20);
    expect(await of('dupescope.exposure.age')).toBeGreaterThan(0);
    expect(await of('dupescope.redeliveries')).toBeUndefined();
    await stage.stop(first);
    await stage.start(stage.noting());
    await stage.until(40);
    expect(await of('dupescope.redeliveries')).toBe(20);
  });

  test.each([
    // The batch that failed is counted whole; by eachMessage what was handed over of it.
    ['eachMessage', 6, { ok: 5, failed: 1 }],
    ['eachBatch', 7, { ok: 1, failed: 1 }],
  ] as const)('of a handler of %s that threw', async (kind, consumed, durations) => {
    recorded.meter();
    const stage = await Stage.of(plain(5));
    let isFailing = true;
    const handle = async (offset: string): Promise<void> => {
      const from = performance.now();
      await until('2 ms went by', () => performance.now() - from > 2);
      stage.seen.push(Number(offset));
      if (offset !== '3' || !isFailing) return;
      isFailing = false;
      throw new TypeErrorOfMine('no such order');
    };
    await stage.start(
      kind === 'eachMessage'
        ? { eachMessage: ({ message }) => handle(message.offset) }
        : {
            eachBatch: async ({ batch, resolveOffset }) => {
              for (const { offset } of batch.messages) {
                await handle(offset);
                resolveOffset(offset);
              }
            },
          },
    );
    await stage.until(6);
    const of = async (name: string) =>
      (await recorded.metric(name)).filter(
        ({ attributes }) => attributes['messaging.consumer.group.name'] === stage.group,
      );
    const consumedNow = async () => (await of('messaging.client.consumed.messages'))[0]?.value;
    await until('the last batch is counted', async () => (await consumedNow()) === consumed);
    const points = await of('messaging.process.duration');
    expect(
      Object.fromEntries(
        points.map(({ attributes, value }) => [
          attributes['error.type'] ?? 'ok',
          (value as { count: number }).count,
        ]),
      ),
    ).toEqual({ ok: durations.ok, TypeErrorOfMine: durations.failed });
    for (const { value } of points) expect((value as { min: number }).min).toBeGreaterThan(0.001);
  });
});

describe('without tracing', () => {
  test('off makes no span and touches no context; a provider that goes away is let go', async () => {
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-01`;
    const stage = await Stage.of([{ headers: { traceparent } }]);
    const active: unknown[] = [];
    const run = (): ConsumerRunConfig => ({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        active.push(trace.getSpanContext(context.active()));
        stage.seen.push(Number(message.offset));
      },
    });
    for (let round = 1; round <= 2; round++) {
      const consumer = await stage.start(run(), { tracing: 'off' });
      await stage.until(round);
      await stage.stop(consumer);
    }
    expect(active).toEqual([undefined, undefined]);
    const consumer = await stage.start(run());
    await stage.until(3);
    expect(active[2]).toBeDefined();
    await recorded.remove();
    await until('the provider is let go', async () => {
      const before = stage.seen.length;
      await stage.produce([{ headers: { traceparent } }]);
      await stage.until(before + 1);
      return active.at(-1) === undefined;
    });
    await stage.stop(consumer);
    expect(recorded.all().map(({ name }) => name)).toEqual(['dupescope.delivery', `process ${stage.topic}`]);
  });
});

/** Spans of whole batches, as they ended. */
const batchesOf = (stage: Stage) =>
  recorded
    .named(`process ${stage.topic}`)
    .filter(({ attributes }) => attributes['messaging.batch.message_count'] !== undefined);

const spanOf = ({ traceId, spanId }: Pick<SpanContext, 'traceId' | 'spanId'>) => `${traceId} ${spanId}`;

class TypeErrorOfMine extends Error {
  override name = 'TypeErrorOfMine';
}
