import { emptyColumns, type ObservedBatch } from '../../../src/identity';
import { StoreQueue } from '../../../src/kafka/topics/store-queue';
import { until } from '../../support/broker';

const RECORDS = 10_000;
function batch(firstOffset: number): ObservedBatch {
  return {
    cluster: 'c',
    topic: 't',
    topicId: null,
    partition: 0,
    firstOffset,
    nextOffset: firstOffset + RECORDS,
    live: false,
    observedAt: 1,
    records: emptyColumns(RECORDS),
  };
}

test('a slow store: what waits is bounded, in order, and all of it comes', async () => {
  const sent: number[] = [];
  const gates: (() => void)[] = [];
  let put = 0;
  const queue = new StoreQueue(
    async (batches) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      sent.push(...batches.map(({ firstOffset }) => firstOffset));
    },
    () => undefined,
  );
  const total = 200;
  const reading = (async () => {
    for (let i = 0; i < total; i++) {
      await queue.put(batch(i * RECORDS));
      put++;
    }
  })();
  // 16 MiB of columns and the one that filled it up; the reader waits for the store from then on.
  await until('the reader waits', () => put > 20);
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  expect(put).toBeLessThanOrEqual(40);
  expect(queue.isEmpty).toBe(false);
  while (sent.length < total) {
    const before = sent.length;
    await until('the next message is there', () => gates.length > 0);
    gates.shift()?.();
    await until('it is stored', () => sent.length > before);
    expect(put - sent.length).toBeLessThanOrEqual(40);
  }
  await reading;
  await queue.settled();
  expect(sent).toEqual(Array.from({ length: total }, (_, i) => i * RECORDS));
  expect(queue.isEmpty).toBe(true);
});

test('a store that refuses: told once, nothing after it is sent', async () => {
  const failures: unknown[] = [];
  let messages = 0;
  const queue = new StoreQueue(
    async () => {
      messages++;
      throw new Error('full');
    },
    (error) => failures.push(error),
  );
  for (let i = 0; i < 100; i++) await queue.put(batch(i * RECORDS));
  await queue.settled();
  expect([messages, failures.length]).toEqual([1, 1]);
});
