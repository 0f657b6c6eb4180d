import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { found, observe, recordsOf, storeIn } from './observing';

jest.setTimeout(120_000);
const folder = testFolder('observer-headers');

test('thousands of headers: the identity among them is found, and the next record is read', async () => {
  const topic = await createTopic(uniqueName('headers'));
  const store = storeIn(folder, topic);
  const many = (round: number) => ({
    ...Object.fromEntries(Array.from({ length: 6_000 }, (_, i) => [`x-${round}-${i}`, `value ${i}`])),
    // One name thousands of times, and names that an object has by itself.
    repeated: Array.from({ length: 3_000 }, (_, i) => `${i}`),
    constructor: 'a',
    'message-id': 'the-one',
  });
  const producer = testKafka().producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (const round of [1, 2]) {
    await producer.send({
      topic,
      messages: [
        { key: 'k', value: 'v', headers: many(round) },
        { key: 'k', value: 'v', headers: { 'message-id': `small-${round}` } },
      ],
    });
  }
  await producer.disconnect();
  const observing = await observe({ store, topics: [topic] });
  try {
    await until('all is read', () => recordsOf(store, topic) >= 4);
    expect(observing.observer.unread()).toEqual({ old: 0, unreadable: 0 });
  } finally {
    await observing.close();
  }
  expect(found(store)).toMatchObject([
    { identity: 'the-one', kind: 'duplicate', partition: 0, offset: 2, first: '0/0', cause: 'resent' },
  ]);
});
