/**
 * Observer, watcher and an instrumented group on one topic whose messages were written again and delivered again: what
 * the ledger says of the copies is held against what the handlers did.
 */
import { join } from 'node:path';
import type { EachMessagePayload } from 'kafkajs';
import { idempotent, instrument } from '../../src';
import { groupAnswer, hitsAnswer, recordAnswer } from '../../src/service/answers';
import type { AnswerContext } from '../../src/service/answers/context';
import { openReader } from '../../src/store/open';
import { observe, untilRecords } from '../kafka/topics/observing';
import { watching } from '../kafka/watch/watching';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';

const folder = testFolder('balance');
const ROUND = 60;

interface Delivery {
  place: string;
  id: string;
  fate: 'applied' | 'failed' | 'hit';
}

/** Three rounds of messages, the later ones with copies of earlier messages, some in the other partition. */
async function write(topic: string): Promise<{ records: number; beforeLast: string[] }> {
  const producer = testKafka().producer();
  const admin = testKafka().admin();
  await Promise.all([producer.connect(), admin.connect()]);
  let number = 0;
  let records = 0;
  let beforeLast: string[] = [];
  for (let round = 0; round < 3; round++) {
    const ends = await admin.fetchTopicOffsets(topic);
    beforeLast = ends.sort((a, b) => a.partition - b.partition).map(({ high }) => high);
    const fresh = Array.from({ length: ROUND }, () => number++);
    const copies = Array.from({ length: number - ROUND }, (_, i) => i).filter((i) => i % 4 === round);
    const messages = [...fresh, ...copies].map((one, i) => ({
      partition: i % 2,
      value: `payment of ${one}`,
      headers: { 'message-id': `m${one}` },
    }));
    records += messages.length;
    await producer.send({ topic, messages });
  }
  await Promise.all([producer.disconnect(), admin.disconnect()]);
  return { records, beforeLast };
}

interface Reading {
  group: string;
  topic: string;
  store: string;
  withCheck: boolean;
  /** So many records are to be delivered. */
  records: number;
  /** Delivers partition 0 again from here, when all was delivered. */
  again: number | null;
}

/** Consumes all of it, failing now and then, and tells what each delivery came to. */
async function consume({ group, topic, store, withCheck, records, again }: Reading): Promise<Delivery[]> {
  const deliveries: Delivery[] = [];
  const failed = new Set<string>();
  const add = (
    { partition, message }: Pick<EachMessagePayload, 'partition' | 'message'>,
    fate: Delivery['fate'],
  ) => {
    const id = String(message.headers?.['message-id']);
    deliveries.push({ place: `${partition}/${message.offset}`, id, fate });
  };
  const pay = async (payload: EachMessagePayload) => {
    const place = `${payload.partition}/${payload.message.offset}`;
    if (Number(payload.message.offset) % 11 === 5 && !failed.has(place)) {
      failed.add(place);
      add(payload, 'failed');
      throw new Error('the bank does not answer');
    }
    add(payload, 'applied');
  };
  const checked = idempotent(pay, {
    name: group,
    store: { sqlite: join(folder, `${group}.check.db`) },
    windowMs: 3_600_000,
    onHit: (hit) => add(hit, 'hit'),
  });
  const kafka = instrument(testKafka(), { store });
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 50, retry: { initialRetryTime: 10 } });
  const delivered = () =>
    new Set(deliveries.filter(({ fate }) => fate !== 'failed').map(({ place }) => place)).size;
  const ended = () => deliveries.filter(({ fate }) => fate !== 'failed').length;
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({ eachMessage: withCheck ? checked : pay });
  try {
    await until('all is delivered', () => delivered() === records, 60_000);
    if (again !== null) {
      const before = ended();
      const whole = deliveries.filter(
        ({ fate, place }) => fate !== 'failed' && place.startsWith('0/'),
      ).length;
      consumer.seek({ topic, partition: 0, offset: String(again) });
      await until('it is delivered again', () => ended() === before + whole - again, 60_000);
    }
  } finally {
    await consumer.disconnect();
    await checked.close();
  }
  return deliveries;
}

/** By going through what the handlers told; every message was applied at last. */
function truthOf(deliveries: readonly Delivery[]) {
  const count = (fate: Delivery['fate']) => deliveries.filter((one) => one.fate === fate).length;
  const [places, ids] = [
    new Set(deliveries.map((one) => one.place)),
    new Set(deliveries.map((one) => one.id)),
  ];
  return {
    redeliveries: deliveries.length - places.size,
    duplicates: places.size - ids.size,
    hits: count('hit'),
    again: count('applied') - ids.size,
    failed: count('failed'),
    perhaps: 0,
  };
}

function accountOf(store: string, group: string) {
  return query(
    store,
    `SELECT sum(redeliveries) AS redeliveries, sum(duplicates_delivered) AS duplicates, sum(hits) AS hits,
       sum(applied_again) AS again, sum(failed_again) AS failed, sum(perhaps_again) AS perhaps
     FROM group_partition p JOIN consumer_group g ON g.id = p.grp WHERE g.name = ?`,
    group,
  )[0];
}

const context = (): AnswerContext => ({ now: Date.now(), lag: null }) as AnswerContext;

const ORDERS = [
  'observed before it is delivered',
  'delivered before it is observed',
  'both at once',
] as const;

describe.each([true, false])('copies of a group, with a check: %s', (withCheck) => {
  test.each(ORDERS)(
    '%s',
    async (order) => {
      const topic = await createTopic(uniqueName('balance'), 2);
      const [group, late] = [uniqueName('balance'), uniqueName('balance-late')];
      const store = join(folder, `${group}.db`);
      const { records, beforeLast } = await write(topic);
      const begin = async () => {
        const observing = await observe({ store, topics: [topic] });
        if (order === ORDERS[0]) await untilRecords(store, topic, records);
        return observing;
      };
      const watched = await watching(store, [group]);
      let observing = order === ORDERS[1] ? null : await begin();
      const reading = { group, topic, store, withCheck, records, again: 3 };
      try {
        const deliveries = await consume(reading);
        // A group that came after the first copies: of most duplicates it was given one.
        const admin = testKafka().admin();
        await admin.connect();
        const partitions = beforeLast.map((offset, partition) => ({ partition, offset }));
        await admin.setOffsets({ groupId: late, topic, partitions });
        await admin.disconnect();
        const left = records - beforeLast.reduce((sum, offset) => sum + Number(offset), 0);
        const lateDeliveries = await consume({ ...reading, group: late, records: left, again: null });
        observing ??= await begin();
        await untilRecords(store, topic, records);

        const truth = truthOf(deliveries);
        const lateTruth = truthOf(lateDeliveries);
        console.info(`${order}, check ${withCheck}:`, truth, lateTruth);
        expect(accountOf(store, group)).toEqual(truth);
        expect(accountOf(store, late)).toEqual(lateTruth);
        expect(truth.duplicates).toBeGreaterThan(0);
        expect(left).toBeGreaterThan(ROUND);
        expect(lateTruth.duplicates).toBe(0);
        expect(truth.redeliveries).toBeGreaterThan(truth.failed);
        expect(withCheck ? truth.hits : truth.again).toBe(
          truth.redeliveries + truth.duplicates - truth.failed,
        );

        await until('the watcher has seen the seek', () => watched.rewinds(group).length > 0);
        const db = openReader(store);
        try {
          const detail = groupAnswer(db, group, {}, context());
          expect(detail).toMatchObject({
            duplicates_delivered: truth.duplicates,
            applied_again: truth.again,
          });
          expect(detail.check?.catch_ratio).toBe(withCheck ? 1 : 0);
          if (withCheck) expect(detail.check?.copies_within_window).toBe(1);
          expect(detail.verdict_words).toContain(`${truth.duplicates} duplicates delivered`);

          const [row] = query<{ partition: number; offset: number; first: string }>(
            store,
            `SELECT partition, record_offset AS "offset", first_partition || '/' || first_offset AS first
           FROM duplicate WHERE partition = 0 AND record_offset >= 3 ORDER BY id DESC LIMIT 1`,
          );
          if (row === undefined) throw new Error('no duplicate in partition 0');
          const answer = recordAnswer(db, { topic, ...row }, { group });
          const own = deliveries.filter(({ place }) => place === `${row.partition}/${row.offset}`);
          expect(
            answer.copies.some(
              ({ offset, first }) =>
                offset === row.offset && `${first.partition}/${first.offset}` === row.first,
            ),
          ).toBe(true);
          expect(answer.history).toHaveLength(1);
          expect(answer.history[0]?.deliveries.map(({ outcome, hit }) => (hit ? 'hit' : outcome))).toEqual(
            own.map(({ fate }) => (fate === 'applied' ? 'handled' : fate)),
          );

          const hits = hitsAnswer(db, { group, limit: 1_000 } as never, context()).items;
          expect(hits.reduce((sum, hit) => sum + hit.records, 0)).toBe(truth.hits);
          const caught = hits.filter((hit) => hit.caught === 'duplicate');
          expect(caught.length > 0).toBe(withCheck);
          for (const hit of caught) {
            expect(hit.duplicate).not.toBeNull();
            expect(hit.cause).not.toBeNull();
            expect(hit.first_copy).not.toBeNull();
          }
        } finally {
          db.close();
        }
      } finally {
        await observing?.close();
        await watched.stop();
      }
    },
    240_000,
  );
});
