/** A topic that is deleted and made again under a living consumer: kafkajs goes on within the same membership. */
import { testKafka, until } from '../support/broker';
import { Case } from '../support/case';
import { query } from '../support/ledger';

/** On a busy machine a member must not be thrown out besides. */
const PATIENT = { sessionTimeout: 20_000, rebalanceTimeout: 20_000 };

async function makeAnew(topic: string): Promise<void> {
  const admin = testKafka().admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  // Refused until the broker has forgotten the old one.
  await until('it is made again', () =>
    admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }).catch(() => false),
  );
  await admin.disconnect();
}

const lives = (store: string) =>
  query<{ lives: number }>(store, 'SELECT count(DISTINCT topic_id) AS lives FROM topic')[0]?.lives;
const runs = (store: string) =>
  query(
    store,
    'SELECT t.id AS life, r.first, r.last FROM delivery_run r JOIN group_partition g ON g.id = r.gp JOIN topic t ON t.id = g.topic ORDER BY r.id',
  );

test.each(['eachMessage', 'eachBatch'] as const)(
  '%s: no record of the new topic is one of the old',
  async (handler) => {
    const one = await Case.of(20);
    const batched = {
      eachBatch: async ({ batch }: { batch: { partition: number; messages: { offset: string }[] } }) => {
        for (const { offset } of batch.messages) one.seen.push(`${batch.partition} ${offset}`);
      },
    };
    const consumer = await one.start(handler === 'eachBatch' ? batched : one.noting(), PATIENT);
    await one.until(20);
    for (const life of [2, 3]) {
      await makeAnew(one.topic);
      await one.produce(10);
      await until(`life ${life} is delivered`, () => one.seen.length >= 20 + 10 * (life - 1), 60_000);
    }
    await one.stop(consumer);
    expect(one.explained()).toEqual([]);
    expect(lives(one.store)).toBe(3);
    expect(runs(one.store)).toEqual([
      { life: 1, first: 0, last: 19 },
      { life: 2, first: 0, last: 9 },
      { life: 3, first: 0, last: 9 },
    ]);
  },
);

test('an offset outside of the log of the same topic is still a redelivery', async () => {
  const one = await Case.of(30);
  const consumer = await one.start(one.noting(), PATIENT);
  await one.until(30);
  consumer.seek({ topic: one.topic, partition: 0, offset: '1000' });
  // It seeks beyond the end, is reset to the begin, and goes on.
  await one.until(60);
  await one.stop(consumer);
  expect(lives(one.store)).toBe(1);
  expect(one.explained()).toMatchObject([{ first: 0, last: 29, attempt: 2 }]);
});
