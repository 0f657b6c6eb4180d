/** A producer's sequences: what is used twice is told once, whatever stands between, and memory is bounded. */
import { join } from 'node:path';
import { IdentityIndex } from '../../../src/store/identity';
import { PRODUCERS_MAX } from '../../../src/store/identity/sequences';
import { openStore, type Store } from '../../../src/store/open';
import { testFolder } from '../../support/folder';
import { type MadeRecord, observed } from '../../support/records';

const folder = testFolder('sequences');

function opened(name: string) {
  const db = openStore(join(folder, `${name}.db`));
  db.pragma('synchronous = OFF');
  const make = () => new IdentityIndex(db, { snapshotPath: null, firstSlots: 64 });
  return { db, make, index: make() };
}

/** Records that follow each other in the log, of that producer, epoch and sequence. */
const log = (from: number, marks: [number, number, number][], id: string | null = null): MadeRecord[] =>
  marks.map(([producer, epoch, sequence], i) => ({
    offset: from + i,
    at: 1_000 + from + i,
    id: id === null ? null : `${id}-${from + i}`,
    producer: { id: producer, epoch, sequence },
  }));

const anomalies = (db: Store) =>
  db
    .prepare(
      'SELECT first_offset AS "offset", sequence, last_sequence AS last FROM sequence_anomaly ORDER BY first_offset',
    )
    .all();

test('used numbers are told; left-out ones, new epochs, other partitions and fenced epochs are not', () => {
  const { db, index } = opened('used');
  const marks: [number, number, number][] = [
    [7, 0, 0],
    [7, 0, 1],
    [7, 0, 9],
    [7, 0, 9],
    [8, 0, 0],
    [7, 1, 0],
    [7, 0, 10],
    [7, 1, 1],
    [7, 1, 0],
    [7, 1, 1],
  ];
  index.observe(observed(index, 't', 0, log(0, marks, 'm')));
  index.observe(observed(index, 't', 1, log(0, [[7, 0, 0]])));
  expect(anomalies(db)).toEqual([
    { offset: 3, sequence: 9, last: 9 },
    { offset: 8, sequence: 0, last: 1 },
  ]);
  expect(db.prepare('SELECT sequence_anomalies FROM observed_topic').pluck().get()).toBe(2);
  db.close();
});

test('numbers begin again at 0 behind the last of 31 bits', () => {
  const { db, index } = opened('round');
  const last = 2 ** 31 - 1;
  index.observe(
    observed(
      index,
      't',
      0,
      log(0, [
        [7, 0, last - 1],
        [7, 0, last],
        [7, 0, 0],
        [7, 0, 1],
        [7, 0, last],
      ]),
    ),
  );
  expect(anomalies(db)).toEqual([{ offset: 4, sequence: last, last: 1 }]);
  db.close();
});

test('across restarts, and turns that fail or come again: once each', () => {
  const { db, make, index } = opened('restarts');
  index.observe(observed(index, 't', 0, log(0, [[7, 0, 5]])));
  const again = make();
  const batch = observed(
    again,
    't',
    0,
    log(1, [
      [7, 0, 6],
      [7, 0, 5],
    ]),
  );
  expect(() =>
    again.observe(batch, () => {
      throw new Error('the disk is full');
    }),
  ).toThrow('the disk is full');
  expect(anomalies(db)).toEqual([]);
  again.observe(batch);
  again.observe(batch);
  make().observe(batch);
  expect(anomalies(db)).toEqual([{ offset: 2, sequence: 5, last: 6 }]);
  expect(db.prepare('SELECT sequence_anomalies FROM observed_topic').pluck().get()).toBe(1);
  db.close();
});

test('of more producers than are kept, those that wrote last are known', () => {
  const { db, make, index } = opened('many');
  const producers = PRODUCERS_MAX * 3;
  for (let from = 0; from < producers; from += 250) {
    const marks = Array.from({ length: 250 }, (_, i): [number, number, number] => [from + i, 0, 0]);
    index.observe(observed(index, 't', 0, log(from, marks)));
  }
  const kept = db.prepare('SELECT producer_id FROM observed_producer ORDER BY producer_id').pluck().all();
  expect(kept).toEqual(Array.from({ length: PRODUCERS_MAX }, (_, i) => producers - PRODUCERS_MAX + i));
  // The last is known, here and after a restart; the first is not, and taken for new.
  const marks: [number, number, number][] = [
    [producers - 1, 0, 0],
    [0, 0, 0],
  ];
  index.observe(observed(index, 't', 0, log(producers, marks)));
  const next = make();
  next.observe(observed(next, 't', 0, log(producers + 2, [[0, 0, 0]])));
  expect(anomalies(db)).toEqual([
    { offset: producers, sequence: 0, last: 0 },
    { offset: producers + 2, sequence: 0, last: 0 },
  ]);
  db.close();
});
