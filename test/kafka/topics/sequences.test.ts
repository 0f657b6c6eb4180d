/** Producers' own numbers, as only a raw produce request can write them, on a real broker. */
import type { Message } from 'kafkajs';
import type { Broker } from '../../../src/demo/broker';
import { type RawBroker, rawCluster } from '../../../src/kafka/raw-cluster';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { found, observe, read, recordsOf, storeIn } from './observing';

jest.setTimeout(240_000);
const folder = testFolder('observer-sequences');

/** What kafkajs's broker speaks beside what `RawBroker` tells. */
interface ProducingBroker extends RawBroker {
  initProducerId(request: {
    transactionalId: string | null;
    transactionTimeout: number;
  }): Promise<{ producerId: string; producerEpoch: number }>;
  produce(request: object): Promise<{ topics: { partitions: { baseOffset: string }[] }[] }>;
}

let broker: Broker;
let producing: ProducingBroker;
let disconnect: () => Promise<void>;
beforeAll(async () => {
  // A broker that forgets its producers at once, as it does by default after a day.
  broker = await startOwnBroker({
    properties: { 'producer.id.expiration.ms': '500', 'producer.id.expiration.check.interval.ms': '100' },
  });
  const cluster = rawCluster(testKafka({ brokers: broker.brokers }));
  if (cluster === null) throw new Error('this kafkajs sends no raw requests');
  await cluster.connect();
  await cluster.refreshMetadata();
  producing = (await cluster.findControllerBroker()) as ProducingBroker;
  disconnect = () => cluster.disconnect();
});
afterAll(async () => {
  await disconnect?.();
  await broker?.stop();
});

const message = (id: string | null): Message => ({
  key: id,
  value: `value of ${id}`,
  headers: id === null ? {} : { 'message-id': id },
});

/** A producer whose numbers the test gives. */
async function producer(topic: string) {
  let producerId = '';
  // A broker that has just started has no ids to give yet.
  await until('the broker gives an id', async () => {
    const request = { transactionalId: null, transactionTimeout: 60_000 };
    producerId = (await producing.initProducerId(request).catch(() => null))?.producerId ?? '';
    return producerId !== '';
  });
  return {
    id: Number(producerId),
    /** Answers the offset at which the broker says that the batch begins. */
    write: async (epoch: number, sequence: number, ids: (string | null)[]): Promise<number> => {
      const partitions = [{ partition: 0, firstSequence: sequence, messages: ids.map(message) }];
      const answer = await producing.produce({
        topicData: [{ topic, partitions }],
        producerId,
        producerEpoch: epoch,
        transactionalId: null,
      });
      return Number(answer.topics[0]?.partitions[0]?.baseOffset);
    },
  };
}

async function observed(topic: string, records: number) {
  const store = storeIn(folder, topic);
  const observing = await observe({ store, topics: [topic], brokers: broker.brokers });
  try {
    await until('all is read', () => recordsOf(store, topic) >= records, 60_000);
  } finally {
    await observing.close();
  }
  const anomalies = read(store, (db) =>
    db
      .prepare(
        `SELECT first_offset AS "offset", records, producer_id AS producer, epoch, sequence,
                last_sequence AS lastSequence, last_offset AS lastOffset FROM sequence_anomaly ORDER BY first_offset`,
      )
      .all(),
  );
  return { findings: found(store), anomalies, store };
}

test('an epoch that was raised: what was under way comes again', async () => {
  const topic = await createTopic(uniqueName('epoch'), 1, testKafka({ brokers: broker.brokers }));
  const one = await producer(topic);
  await one.write(0, 0, ['a', 'b', 'c']);
  await one.write(1, 0, ['b', 'c']);
  const { findings, anomalies } = await observed(topic, 5);
  expect(findings.map(({ identity, cause, certainty }) => [identity, cause, certainty])).toEqual([
    ['b', 'epoch_bump', 'probable'],
    ['c', 'epoch_bump', 'probable'],
  ]);
  // A new epoch begins at 0.
  expect(anomalies).toEqual([]);
});

test('a broker that forgot its producer takes a sequence twice: a copy, other messages, and records without identity', async () => {
  const topic = await createTopic(uniqueName('sequences'), 1, testKafka({ brokers: broker.brokers }));
  const one = await producer(topic);
  /** Until the broker does not know it any more and appends what it has. */
  const again = async (ids: (string | null)[], sequence: number, at: number) => {
    let offset = -1;
    await until(
      'the broker has forgotten the producer',
      async () => {
        offset = await one.write(0, sequence, ids).catch(() => -1);
        return offset === at;
      },
      60_000,
    );
  };
  expect(await one.write(0, 0, ['a', 'b', 'c'])).toBe(0);
  expect(await one.write(0, 3, ['d'])).toBe(3);
  // The very batch: while the broker knows the producer it drops it and answers the offset that it has.
  await again(['d'], 3, 4);
  await again(['x', 'y'], 1, 5);
  await again([null], 0, 7);
  // What goes on from there is as it should be.
  expect(await one.write(0, 1, ['z'])).toBe(8);
  const { findings, anomalies, store } = await observed(topic, 9);
  expect(
    findings.map(({ identity, offset, cause, certainty }) => [identity, offset, cause, certainty]),
  ).toEqual([['d', 4, 'sequence_anomaly', 'proven']]);
  const by = { producer: one.id, epoch: 0 };
  expect(anomalies).toEqual([
    { ...by, offset: 4, records: 1, sequence: 3, lastSequence: 3, lastOffset: 3 },
    { ...by, offset: 5, records: 2, sequence: 1, lastSequence: 3, lastOffset: 4 },
    { ...by, offset: 7, records: 1, sequence: 0, lastSequence: 2, lastOffset: 6 },
  ]);
  expect(read(store, (db) => db.prepare('SELECT sequence_anomalies FROM observed_topic').pluck().get())).toBe(
    3,
  );
});
