import { createTopic, testBrokers, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { writeByJava } from './java-writer';
import { found, observe, rangesOf, read, recordsOf, storeIn, untilRecords } from './observing';

jest.setTimeout(180_000);
const folder = testFolder('observer-java');
const brokers = testBrokers();

test.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)(
  '%s batches of a Java producer: read byte for byte',
  async (compression) => {
    const topic = await createTopic(uniqueName(compression), 2);
    const store = storeIn(folder, topic);
    await writeByJava({ brokers, topic, count: 400 });
    await writeByJava({ brokers, topic, count: 400, compression });
    const observing = await observe({ store, topics: [topic] });
    try {
      await untilRecords(store, topic, 800);
      await until('it has caught up', () => observing.observer.ready());
      const rows = found(store);
      // A byte that differs would make it id reuse.
      expect(rows.map(({ kind }) => kind)).toEqual(Array(400).fill('duplicate'));
      expect(new Set(rows.map(({ identity }) => identity))).toEqual(
        new Set(Array.from({ length: 400 }, (_, i) => `java-${i}`)),
      );
      expect(observing.observer.unread()).toEqual({ old: 0, unreadable: 0 });
    } finally {
      await observing.close();
    }
  },
);

test('transactions: aborted records are no duplicates, unless uncommitted ones are asked for', async () => {
  const topic = await createTopic(uniqueName('transactions'), 3);
  // Of 600 records each second transaction of 100 is aborted; then all ids are written once more and stay.
  await writeByJava({ brokers, topic, count: 600, transactionalId: uniqueName('tx'), ends: 'ca' });
  await writeByJava({ brokers, topic, count: 600 });
  const kept = Array.from({ length: 600 }, (_, i) => i).filter((i) => Math.floor(i / 100) % 2 === 0);
  const committed = storeIn(folder, `${topic}-committed`);
  const all = storeIn(folder, `${topic}-all`);
  const one = await observe({ store: committed, topics: [topic] });
  const other = await observe({ store: all, topics: [topic], uncommitted: true });
  try {
    await untilRecords(committed, topic, 900);
    await untilRecords(all, topic, 1_200);
    await until('both have caught up', () => one.observer.ready() && other.observer.ready());
    const names = (store: string) => new Set(found(store).map(({ identity }) => identity));
    expect(names(committed)).toEqual(new Set(kept.map((i) => `java-${i}`)));
    expect(found(committed)).toHaveLength(300);
    expect(found(all)).toHaveLength(600);
    // Control records and aborted ones are passed over, and known to be.
    for (const ranges of Object.values(rangesOf(committed, topic))) {
      expect(ranges).toHaveLength(1);
      expect(ranges[0]?.[0]).toBe(0);
    }
    const live = read(committed, (db) =>
      db.prepare('SELECT DISTINCT state FROM observer_offset').pluck().all(),
    );
    expect(live).toEqual(['live']);
  } finally {
    await one.close();
    await other.close();
  }
  expect(recordsOf(committed, topic)).toBe(900);
});
