/** What a consumer's own check tells, and what the process knows of a cause, as an application's SDK gets them. */
import type { ConsumerRunConfig } from 'kafkajs';
import { idempotent, recordHit } from '../../src';
import { uniqueName, until } from '../support/broker';
import { query } from '../support/ledger';
import { settle } from '../support/settle';
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

const id = (text: string) => ({ headers: { 'message-id': text } });
const check = () => ({ name: uniqueName('check'), store: { memory: 1_000 }, windowMs: 60_000 });

/** A handler that notes what it applied. */
const applying =
  (stage: Stage) =>
  async ({ message }: { message: { offset: string } }): Promise<void> =>
    void stage.seen.push(Number(message.offset));

async function metric(name: string, stage: Stage): Promise<unknown> {
  const points = await recorded.metric(name);
  return points.find(({ attributes }) => attributes['messaging.consumer.group.name'] === stage.group)?.value;
}

describe('hits of eachMessage', () => {
  test('a duplicate that the check caught has a span though it came for the first time; hits are counted', async () => {
    recorded.meter();
    const traceparent = `00-${PARENT.traceId}-${PARENT.spanId}-00`;
    const stage = await Stage.of([
      id('a'),
      id('b'),
      id('a'),
      { headers: { ...id('b').headers, traceparent } },
      id('c'),
    ]);
    await stage.start({ eachMessage: idempotent(applying(stage), check()) });
    await stage.until(3);
    await until('both hits ended', () => recorded.deliveries(stage.topic).length === 2);
    expect(stage.seen).toEqual([0, 1, 4]);
    const [plainCopy, carrying] = recorded.deliveries(stage.topic).map(({ span }) => span);
    const ids = await stage.ids();
    const [session] = stage.sessions() as [string];
    expect(plainCopy?.spanContext()).toMatchObject({
      traceId: ids.trace(2),
      spanId: ids.attempt(session, 2, 1),
    });
    expect(plainCopy?.attributes).toMatchObject({
      'kafka.offset': 2,
      'dupescope.delivery.attempt': 1,
      'dupescope.idempotency.hit': true,
      'dupescope.idempotency.copy': 'duplicate',
      'dupescope.idempotency.window_seconds': 60,
    });
    expect(plainCopy?.attributes['dupescope.idempotency.age_seconds']).toBeGreaterThanOrEqual(0);
    expect(plainCopy?.status.code).toBe(0);
    // Its own trace says that it is not sampled: a hit has its span all the same.
    expect(carrying?.spanContext().traceId).toBe(PARENT.traceId);
    expect(linksOf(carrying as never).creation).toEqual(PARENT);
    expect(await metric('dupescope.idempotency.hits', stage)).toBe(2);
  });

  test('a redelivery that the check caught tells so on its own span, once however often it is told', async () => {
    recorded.meter();
    const stage = await Stage.of(plain(3));
    const first = await stage.start(stage.noting());
    await stage.until(3);
    await stage.stop(first);
    await stage.start({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        if (message.offset === '1') for (let i = 0; i < 2; i++) recordHit(message, { ageMs: 4_000 });
        stage.seen.push(Number(message.offset));
      },
    });
    await stage.until(6);
    await until('all spans ended', () => recorded.deliveries(stage.topic).length === 3);
    expect(
      recorded
        .deliveries(stage.topic)
        .map(({ offset, attempt, span }) => [
          offset,
          attempt,
          span.attributes['dupescope.idempotency.copy'],
          span.attributes['dupescope.idempotency.age_seconds'],
        ]),
    ).toEqual([
      [0, 2, undefined, undefined],
      [1, 2, 'redelivery', 4],
      [2, 2, undefined, undefined],
    ]);
    expect(await metric('dupescope.idempotency.hits', stage)).toBe(1);
  });

  test('a handler that throws after its hit: one span, that tells of both', async () => {
    const stage = await Stage.of(plain(2));
    let thrown = false;
    await stage.start({
      eachMessage: async ({ message }) => {
        stage.seen.push(Number(message.offset));
        if (message.offset !== '1' || thrown) return;
        recordHit(message);
        thrown = true;
        throw new Error('the store of the check is away');
      },
    });
    await stage.until(3);
    await until('both spans ended', () => recorded.deliveries(stage.topic).length === 2);
    expect(
      recorded
        .deliveries(stage.topic)
        .map(({ attempt, span }) => [
          attempt,
          span.attributes['dupescope.idempotency.hit'],
          span.status.code,
          span.status.message,
        ]),
    ).toEqual([
      [1, true, 2, 'the store of the check is away'],
      [2, undefined, 0, undefined],
    ]);
  });

  test('off: no span, and hits are counted', async () => {
    recorded.meter();
    const stage = await Stage.of([id('a'), id('a'), id('b')]);
    await stage.start({ eachMessage: idempotent(applying(stage), check()) }, { tracing: 'off' });
    await stage.until(2);
    expect(await metric('dupescope.idempotency.hits', stage)).toBe(1);
    expect(recorded.all()).toEqual([]);
  });
});

describe('hits of eachBatch', () => {
  test('each has a span, up to the bound; the batch tells how many', async () => {
    recorded.meter();
    const stage = await Stage.of([
      ...Array.from({ length: 4 }, (_, i) => id(`first ${i}`)),
      ...Array.from({ length: 300 }, (_, i) => id(`first ${i % 4}`)),
    ]);
    const run = {
      autoCommit: false,
      eachBatch: idempotent.eachBatch(async ({ batch }) => {
        stage.seen.push(...batch.messages.map(({ offset }) => Number(offset)));
      }, check()),
    };
    const first = await stage.start(run);
    await until(
      'all hits are counted',
      async () => (await metric('dupescope.idempotency.hits', stage)) === 300,
    );
    await stage.stop(first);
    expect(stage.seen).toEqual([0, 1, 2, 3]);
    const spans = recorded.deliveries(stage.topic);
    expect(spans.length).toBeGreaterThanOrEqual(128);
    for (const { attempt, span } of spans) {
      expect([attempt, span.attributes['dupescope.idempotency.copy']]).toEqual([1, 'duplicate']);
    }

    // All of them again: now they are redeliveries, and the spans that these have are told.
    await stage.start(run);
    await until(
      'all hits are counted',
      async () => (await metric('dupescope.idempotency.hits', stage)) === 604,
    );
    const batches = () =>
      recorded
        .named(`process ${stage.topic}`)
        .filter(({ attributes }) => attributes['dupescope.batch.redeliveries'] !== undefined);
    const sum = (key: string) =>
      batches().reduce((total, { attributes }) => total + Number(attributes[key] ?? 0), 0);
    await until('the batches ended', () => sum('dupescope.batch.redeliveries') === 304);
    expect(sum('dupescope.batch.hits')).toBe(304);
    const again = recorded.deliveries(stage.topic).filter(({ attempt }) => attempt === 2);
    expect(again.length).toBeGreaterThanOrEqual(128);
    for (const { span } of again) {
      expect(span.attributes['dupescope.idempotency.copy']).toBe('redelivery');
    }
  });
});

describe('the cause on the span', () => {
  /** What spans say of causes, and what the ledger says of the same redeliveries. */
  async function causes(stage: Stage): Promise<{ told: unknown[]; ledger: unknown[] }> {
    await stopAll();
    settle(stage.store, 5_000);
    const ledger = query<{ first: number; last: number; attempt: number; cause: string; certainty: string }>(
      stage.store,
      'SELECT first, last, attempt, cause, certainty FROM redelivery ORDER BY first, attempt',
    ).flatMap(({ first, last, attempt, cause, certainty }) =>
      Array.from({ length: last - first + 1 }, (_, i) => [first + i, attempt, cause, certainty]),
    );
    const told = recorded
      .deliveries(stage.topic)
      .filter(({ attempt }) => attempt > 1)
      .map(({ offset, attempt, span }) => [
        offset,
        attempt,
        span.attributes['dupescope.redelivery.cause'],
        span.attributes['dupescope.redelivery.certainty'],
      ]);
    return { told, ledger };
  }

  test('of a seek and of a handler that threw, as the ledger says it later', async () => {
    const stage = await Stage.of(plain(6));
    let sought = false;
    let thrown = false;
    const consumer = await stage.start({
      eachMessage: async ({ topic, partition, message }) => {
        stage.seen.push(Number(message.offset));
        if (message.offset === '4' && !sought) {
          sought = true;
          consumer.seek({ topic, partition, offset: '2' });
        } else if (message.offset === '3' && sought && !thrown) {
          thrown = true;
          throw new Error('not now');
        }
      },
    });
    // 0 1 2 3 4, back to 2: 2 3, 3 again, 4 5
    await stage.until(10);
    await until('their spans ended', () => recorded.deliveries(stage.topic).length >= 4);
    const { told, ledger } = await causes(stage);
    expect(told).toEqual([
      [2, 2, 'seek', 'proven'],
      [3, 2, 'seek', 'proven'],
      [3, 3, 'handler_error', 'proven'],
      [4, 2, 'seek', 'proven'],
    ]);
    expect(told).toEqual(ledger);
  });

  test('of a batch that was left unresolved; none where only the ledger can know', async () => {
    const stage = await Stage.of(plain(4));
    let left = false;
    const run = (): ConsumerRunConfig => ({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        for (const { offset } of batch.messages) {
          stage.seen.push(Number(offset));
          if (offset === '2' && !left) {
            left = true;
            return;
          }
          resolveOffset(offset);
        }
      },
    });
    const first = await stage.start(run());
    await stage.until(5);
    await stage.stop(first);
    const before = recorded.deliveries(stage.topic).length;
    await stage.start(run());
    await stage.until(9);
    await until('their spans ended', () => recorded.deliveries(stage.topic).length === before + 4);
    const { told, ledger } = await causes(stage);
    const known = told.filter((row) => (row as unknown[])[2] !== undefined);
    expect(known).toEqual([
      [2, 2, 'left_unresolved', 'proven'],
      [3, 2, 'left_unresolved', 'proven'],
    ]);
    for (const row of known) expect(ledger).toContainEqual(row);
    // After the restart of the consumer: why is for the ledger to say.
    expect(told.length).toBe(before + 4);
  });
});
