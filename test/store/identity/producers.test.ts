/** Producer causes from what real producers wrote to a real broker, read back by eachBatch through the whole way. */
import net from 'node:net';
import { join } from 'node:path';
import type { Kafka, Message, Producer } from 'kafkajs';
import { type FetchedRecord, RecordReader } from '../../../src/identity';
import { IdentityIndex } from '../../../src/store/identity';
import { openStore } from '../../../src/store/open';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';

const folder = testFolder('producers');

interface Told {
  kind: string;
  identity: string;
  cause: string;
  certainty: string;
  because: string[];
  partition: number;
}

/** Observes the topic up to `records` records; answers what was found, by identity. */
async function observe(topic: string, records: number): Promise<Told[]> {
  const db = openStore(join(folder, `${topic}.db`));
  const index = new IdentityIndex(db, { snapshotPath: null, capacity: 100_000, firstSlots: 1_024 });
  const reader = new RecordReader({ topic, seed: index.seed });
  const consumer = testKafka().consumer({ groupId: uniqueName('observer') });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let read = 0;
  let failed: unknown = null;
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      try {
        index.observe({
          cluster: 'cluster',
          topic,
          topicId: null,
          partition: batch.partition,
          firstOffset: Number(batch.firstOffset()),
          nextOffset: Number(batch.lastOffset()) + 1,
          live: true,
          observedAt: Date.now(),
          records: reader.read(batch.messages as unknown as FetchedRecord[]),
        });
      } catch (error) {
        failed = error;
      }
      read += batch.messages.length;
    },
  });
  await until('all is read', () => failed !== null || read >= records);
  await consumer.disconnect();
  if (failed !== null) throw failed;
  index.maintain(Date.now() + 120_000);
  const rows = db
    .prepare(
      'SELECT kind, identity, cause, certainty, because, partition, settled FROM duplicate ORDER BY id',
    )
    .all() as (Told & { because: unknown; settled: number })[];
  db.close();
  expect(rows.every(({ settled }) => settled === 1)).toBe(true);
  return rows.map((row) => ({ ...row, because: JSON.parse(row.because as unknown as string) as string[] }));
}

async function withProducer<T>(
  use: (producer: Producer) => Promise<T>,
  options: Parameters<Kafka['producer']>[0] = {},
  kafka = testKafka(),
): Promise<T> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...options });
  await producer.connect();
  try {
    return await use(producer);
  } finally {
    await producer.disconnect();
  }
}

function message(id: string, more: Partial<Message> = {}): Message {
  return { key: id, value: `value of ${id}`, partition: 0, headers: { 'message-id': id }, ...more };
}

/** A client whose connections break when the answer to a produce request arrives, once after each `arm`. */
function losingAnswers() {
  let armed = false;
  let asked = false;
  let lost = 0;
  const kafka = testKafka({
    // As kafkajs has it where NODE_ENV is not test: a retry is told by its pause, too.
    retry: { initialRetryTime: 300, maxRetryTime: 30_000, retries: 5 },
    socketFactory: ({ host, port, onConnect }) => {
      const socket = net.connect({ host, port }, onConnect);
      const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
      socket.write = ((...args: unknown[]) => {
        const bytes = args[0] as Buffer;
        // Size, then the api key: 0 is Produce.
        if (armed && Buffer.isBuffer(bytes) && bytes.readInt16BE(4) === 0) asked = true;
        return write(...args);
      }) as typeof socket.write;
      const emit = socket.emit.bind(socket);
      socket.emit = ((event: string, ...args: unknown[]) => {
        if (event === 'data' && armed && asked) {
          armed = asked = false;
          lost++;
          socket.destroy(new Error('the answer is lost'));
          return true;
        }
        return emit(event, ...args);
      }) as typeof socket.emit;
      return socket;
    },
  });
  return {
    kafka,
    arm: () => {
      armed = true;
    },
    lost: () => lost,
  };
}

const ids = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

describe('producers', () => {
  test('kafkajs repeats a request whose answer is lost', async () => {
    const topic = await createTopic(uniqueName('retry'));
    const { kafka, arm, lost } = losingAnswers();
    await withProducer(
      async (producer) => {
        await producer.send({ topic, messages: ids('before', 5).map((id) => message(id)) });
        arm();
        await producer.send({ topic, messages: ids('lost', 12).map((id) => message(id)) });
        await producer.send({ topic, messages: ids('after', 5).map((id) => message(id)) });
      },
      {},
      kafka,
    );
    expect(lost()).toBe(1);
    const told = await observe(topic, 34);
    expect(told.map(({ identity }) => identity)).toEqual(ids('lost', 12));
    for (const one of told) {
      expect(one).toMatchObject({ kind: 'duplicate', cause: 'producer_retry', certainty: 'probable' });
    }
    expect(told[0]?.because[0]).toMatch(/^a batch of 12 records stands again/);
  });

  test('an idempotent one repeats it too, and the broker drops it', async () => {
    const topic = await createTopic(uniqueName('idempotent-retry'));
    const { kafka, arm, lost } = losingAnswers();
    await withProducer(
      async (producer) => {
        await producer.send({ topic, messages: ids('before', 5).map((id) => message(id)) });
        arm();
        await producer.send({ topic, messages: ids('lost', 12).map((id) => message(id)) });
      },
      { idempotent: true, maxInFlightRequests: 1 },
      kafka,
    );
    expect(lost()).toBe(1);
    expect(await observe(topic, 17)).toEqual([]);
  });

  test('the application sends again: proven by sequences, idempotent; probable by a mixed batch, not', async () => {
    const topic = await createTopic(uniqueName('resent'));
    await withProducer(
      async (producer) => {
        await producer.send({ topic, messages: ids('a', 5).map((id) => message(id)) });
        await producer.send({ topic, messages: ['a-1', 'a-3'].map((id) => message(id)) });
      },
      { idempotent: true, maxInFlightRequests: 1 },
    );
    await withProducer(async (producer) => {
      await producer.send({ topic, messages: ids('b', 5).map((id) => message(id)) });
      await producer.send({ topic, messages: ['b-1', 'other', 'b-3'].map((id) => message(id)) });
    });
    const told = await observe(topic, 15);
    expect(told.map(({ identity, cause, certainty }) => [identity, cause, certainty])).toEqual([
      ['a-1', 'resent', 'proven'],
      ['a-3', 'resent', 'proven'],
      ['b-1', 'resent', 'probable'],
      ['b-3', 'resent', 'probable'],
    ]);
  });

  test('a producer is started anew and repeats its tail', async () => {
    const topic = await createTopic(uniqueName('restart'));
    const send = (list: string[]) =>
      withProducer((producer) => producer.send({ topic, messages: list.map((id) => message(id)) }), {
        idempotent: true,
        maxInFlightRequests: 1,
      });
    await send(ids('m', 8));
    await send(ids('m', 12).slice(5));
    const told = await observe(topic, 15);
    expect(told.map(({ identity, cause }) => [identity, cause])).toEqual(
      ['m-5', 'm-6', 'm-7'].map((id) => [id, 'producer_restart']),
    );
  });

  test('a mirror writes the log again with its times', async () => {
    const topic = await createTopic(uniqueName('mirror'));
    const from = Date.now() - 3_600_000;
    const originals = ids('m', 300).map((id, i) => message(id, { timestamp: String(from + i * 5_000) }));
    const inBatches = async (producer: Producer) => {
      for (let i = 0; i < 300; i += 20) await producer.send({ topic, messages: originals.slice(i, i + 20) });
    };
    await withProducer(inBatches);
    await withProducer(inBatches, { idempotent: true, maxInFlightRequests: 1 });
    const told = await observe(topic, 600);
    expect(told).toHaveLength(300);
    expect(told.filter(({ cause }) => cause === 'replay')).toHaveLength(300);
  });

  test('an outbox, a retry topic, an id used again, a copy in another partition', async () => {
    const topic = await createTopic(uniqueName('others'), 2);
    const outbox = (id: string): Message => message(id, { headers: { id: `"${id}"` } });
    const uuid = '6a1c9e52-7d5e-4a43-9a2f-0c5f6f1b2d3e';
    await withProducer(async (producer) => {
      const { key: _, ...keyless } = message('p');
      await producer.send({ topic, messages: [outbox(uuid), message('r'), message('reused'), keyless] });
      const retried = message('r', { headers: { 'message-id': 'r', 'retry_topic-attempts': '2' } });
      await producer.send({
        topic,
        messages: [outbox(uuid), retried, message('reused', { value: 'another' })],
      });
      await producer.send({ topic, messages: [{ ...keyless, partition: 1 }] });
    });
    const told = await observe(topic, 8);
    expect(Object.fromEntries(told.map(({ identity, kind, cause }) => [identity, [kind, cause]]))).toEqual({
      [uuid]: ['duplicate', 'outbox_relay'],
      r: ['intentional', 'retry_topic'],
      reused: ['id_reuse', 'unknown'],
      // Alone, though its original was not.
      p: ['duplicate', 'resent'],
    });
  });

  test('a transactional producer: aborted records are no copies; a later transaction is', async () => {
    const topic = await createTopic(uniqueName('transactions'));
    const transactionalId = uniqueName('tx');
    await withProducer(
      async (producer) => {
        const aborted = await producer.transaction();
        await aborted.send({ topic, messages: [message('t-1')] });
        await aborted.abort();
        for (let round = 0; round < 2; round++) {
          const transaction = await producer.transaction();
          await transaction.send({ topic, messages: [message('t-1')] });
          await transaction.commit();
        }
      },
      { transactionalId, idempotent: true, maxInFlightRequests: 1 },
    );
    const told = await observe(topic, 2);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ identity: 't-1', cause: 'resent', certainty: 'proven' });
  });
});
