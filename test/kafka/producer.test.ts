import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { type Context, context, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import fc from 'fast-check';
import {
  type KafkaConfig,
  type KafkaMessage,
  logLevel,
  type Message,
  type Producer,
  type ProducerConfig,
} from 'kafkajs';
import { instrument } from '../../src';
import { API, type FaultProxy } from '../../src/demo/broker';
import { newMessageId } from '../../src/kafka/message-id';
import { prepare } from '../../src/kafka/sent-messages';
import { producersAnswer } from '../../src/service/answers';
import type { AnswerContext } from '../../src/service/answers/context';
import type { Producer as ProducerShape } from '../../src/service/schemas';
import { openReader } from '../../src/store/open';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { dropNext, proxySharedBroker, through } from '../support/proxied';

const folder = testFolder('producer');
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}

const newStore = () => join(folder, `${uniqueName('producer')}.db`);

async function consumed(topic: string, count: number, kafka = testKafka()): Promise<KafkaMessage[]> {
  const consumer = kafka.consumer({ groupId: uniqueName('reader'), maxWaitTimeInMs: 50 });
  const found: KafkaMessage[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void found.push(message) });
  await until(`${count} messages are read`, () => found.length >= count, 30_000);
  await consumer.disconnect();
  return found;
}

const idOf = ({ headers }: KafkaMessage) => headers?.['message-id']?.toString();

interface ProducerRow {
  cluster_id: string | null;
  settings: string;
  sends: number;
  messages: number;
  stamped: number;
  failed_attempts: number;
  unanswered: number;
  failed_sends: number;
  acks: string;
}

const producersIn = (store: string) => query<ProducerRow>(store, 'SELECT * FROM producer');

/** A context manager of the application's, as its tracing would set it. */
function setUpTracing(): () => void {
  const storage = new AsyncLocalStorage<Context>();
  context.setGlobalContextManager({
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, work, self, ...args) => storage.run(active, () => work.call(self as never, ...args)),
    bind: (_active, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
  return () => context.disable();
}

const SPAN = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };

describe('the ids that the producer gives', () => {
  test('are UUIDs of version 7 in the order of time, each its own', () => {
    const ids = Array.from({ length: 10_000 }, () => newMessageId());
    expect(ids.every((id) => UUID7.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect(newMessageId(1_700_000_000_000) < newMessageId(1_700_000_000_001)).toBe(true);
  });

  test("go to messages without an identity alone, and never into the caller's objects", () => {
    const header = fc.oneof(
      fc.string(),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.array(fc.string()),
    );
    const anyMessage: fc.Arbitrary<Message> = fc.record(
      {
        key: fc.option(fc.string()),
        value: fc.option(fc.string()),
        headers: fc.dictionary(
          fc.constantFrom('a', 'message-id', 'content-type', 'traceparent', '__proto__'),
          header,
        ),
      },
      { requiredKeys: ['value'] },
    );
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 5 }), (messages) => {
        const given = deepFreeze([{ topic: 't', messages }]);
        const [sent] = prepare(given, true).topicMessages;
        sent?.messages.forEach((message, i) => {
          const before = messages[i] as Message;
          expect({ ...message, headers: null }).toEqual({ ...before, headers: null });
          for (const [name, value] of Object.entries(before.headers ?? {})) {
            if (name !== 'message-id') expect(message.headers?.[name]).toEqual(value);
          }
          expect(String(message.headers?.['message-id'] ?? '')).not.toBe('');
        });
        expect(prepare(given, false).topicMessages[0]).toBe(given[0]);
      }),
    );
  });
});

describe('an observed producer', () => {
  test('sends what it was given, deeply frozen, with ids where there were none', async () => {
    const topic = await createTopic(uniqueName('sent'));
    const store = newStore();
    const producer = instrument(testKafka(), { store, stamp: true }).producer({ maxInFlightRequests: 1 });
    await producer.connect();
    await producer.send(
      deepFreeze({ topic, messages: [{ value: 'a' }, { value: 'b', headers: { 'message-id': 'mine' } }] }),
    );
    await producer.sendBatch(
      deepFreeze({
        acks: 1,
        topicMessages: [{ topic, messages: [{ key: 'k', value: 'c', headers: { other: 'x' } }] }],
      }),
    );
    await producer.disconnect();
    const messages = await consumed(topic, 3);
    expect(messages.map(({ value }) => String(value))).toEqual(['a', 'b', 'c']);
    expect(messages.map(idOf)).toEqual([expect.stringMatching(UUID7), 'mine', expect.stringMatching(UUID7)]);
    expect(messages[2]?.headers?.other?.toString()).toBe('x');
    const [row] = producersIn(store);
    expect(row).toMatchObject({ sends: 2, messages: 3, stamped: 2, failed_attempts: 0, acks: '[-1,1]' });
    expect(JSON.parse(row?.settings as string)).toEqual({
      idempotent: false,
      transactional: false,
      retries: 5,
      maxInFlightRequests: 1,
    });
  });

  test('leaves messages as they are without stamp and without a trace, and errors too', async () => {
    const topic = await createTopic(uniqueName('sent'));
    const store = newStore();
    const producer = instrument(testKafka(), { store }).producer();
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'a' }] });
    await expect(producer.send({ topic, messages: [{} as Message] })).rejects.toThrow(
      'message without value',
    );
    await expect(producer.send({ topic } as never)).rejects.toThrow('Invalid messages array');
    await producer.disconnect();
    expect((await consumed(topic, 1))[0]?.headers).toEqual({});
    expect(producersIn(store)).toMatchObject([{ sends: 3, messages: 2, stamped: 0, failed_sends: 2 }]);
  });

  test('tells the active span to whoever consumes, in transactions too', async () => {
    const topic = await createTopic(uniqueName('sent'));
    const producer = instrument(testKafka(), { store: newStore(), stamp: true }).producer({
      transactionalId: uniqueName('tx'),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    const tearDown = setUpTracing();
    try {
      await context.with(trace.setSpanContext(ROOT_CONTEXT, SPAN), async () => {
        const transaction = await producer.transaction();
        await transaction.send({
          topic,
          messages: [{ value: 'a' }, { value: 'b', headers: { traceparent: 'theirs' } }],
        });
        await transaction.commit();
      });
    } finally {
      tearDown();
    }
    await producer.disconnect();
    const messages = await consumed(topic, 2);
    expect(messages.map(({ headers }) => String(headers?.traceparent))).toEqual([
      `00-${SPAN.traceId}-${SPAN.spanId}-01`,
      'theirs',
    ]);
    expect(messages.map(idOf)).toEqual([expect.stringMatching(UUID7), expect.stringMatching(UUID7)]);
  });
});

describe('a producer whose answers are lost', () => {
  let proxy: FaultProxy;
  beforeAll(async () => {
    proxy = await proxySharedBroker();
  });
  afterAll(() => proxy.close());

  interface Kind {
    log: Partial<KafkaConfig>;
    config?: () => ProducerConfig;
    send: (producer: Producer, topic: string, value: string) => Promise<unknown>;
    /** Whether the broker knows the second copy of what it has. */
    isTold: boolean;
  }

  const NO_FILTER = { cluster: undefined, cursor: undefined, since: undefined, until: undefined };
  const one = (topic: string, value: string) => ({ topic, messages: [{ value }] });
  const KINDS: Record<string, Kind> = {
    'send, with no log': {
      log: { logLevel: logLevel.NOTHING },
      send: (producer, topic, value) => producer.send({ ...one(topic, value), acks: 1 }),
      isTold: false,
    },
    'sendBatch, with a log of its own': {
      log: { logLevel: logLevel.DEBUG, logCreator: () => () => undefined },
      send: (producer, topic, value) => producer.sendBatch({ topicMessages: [one(topic, value)], acks: 1 }),
      isTold: false,
    },
    'a transaction, with no log': {
      log: { logLevel: logLevel.NOTHING },
      config: () => ({ transactionalId: uniqueName('tx'), idempotent: true, maxInFlightRequests: 1 }),
      send: async (producer, topic, value) => {
        const transaction = await producer.transaction();
        await transaction.send(one(topic, value));
        await transaction.commit();
      },
      isTold: true,
    },
  };

  test.each(Object.keys(KINDS))(
    'gives all copies of a retried message one id, counts what was lost, and is advised: %s',
    async (name) => {
      const { log, config, send, isTold } = KINDS[name] as Kind;
      const topic = await createTopic(uniqueName('lost'), 1);
      const store = newStore();
      const kafka = testKafka({ ...log, socketFactory: through(proxy.port), requestTimeout: 1_000 });
      const producer = instrument(kafka, { store, stamp: true }).producer(config?.());
      await producer.connect();
      await send(producer, topic, 'first');
      const before = proxy.counters.dropped;
      dropNext(proxy, [API.Produce]);
      await send(producer, topic, 'again');
      expect(proxy.counters.dropped).toBe(before + 1);
      await producer.disconnect();
      const messages = await consumed(topic, isTold ? 2 : 3);
      const copies = messages.filter(({ value }) => String(value) === 'again');
      if (isTold) expect(copies).toHaveLength(1);
      else expect(copies.length).toBeGreaterThan(1);
      expect(new Set(copies.map(idOf)).size).toBe(1);
      const db = openReader(store);
      const { items } = producersAnswer(db, { limit: 10, ...NO_FILTER }, {
        now: Date.now(),
      } as AnswerContext);
      db.close();
      const [told] = items as [ProducerShape];
      expect(told).toMatchObject({ sends: 2, messages: 2, failed_sends: 0, acks: [isTold ? -1 : 1] });
      // A machine that is slow may take longer than a request may, too.
      expect(told.unanswered).toBeGreaterThan(0);
      expect(told.failed_attempts).toBeGreaterThanOrEqual(told.unanswered);
      const [n, failed] = [told.unanswered, told.failed_attempts];
      const seen = `It happened ${n} ${n === 1 ? 'time' : 'times'}: ${failed} ${failed === 1 ? 'attempt' : 'attempts'} failed.`;
      const texts = told.advice.map(({ text }) => text);
      const advice = expect.stringContaining(
        `acks: 1 and not idempotent: a lost answer writes twice. ${seen}`,
      );
      if (isTold) expect(texts.join()).not.toContain('It happened');
      else expect(texts).toContainEqual(advice);
    },
  );
});
