import { join } from 'node:path';
import { quantileOf } from '../../src/ledger';
import { Exposures } from '../../src/store/exposures';
import { openStore } from '../../src/store/open';
import { exposureWeights } from '../../src/store/queries/exposure';
import { testFolder } from '../support/folder';

const folder = testFolder('exposures');
const BEGIN = 400_000 * 3_600_000;

/** Looks of one partition: at which ms, handled up to where, committed up to where, exposed since when. */
type Look = [at: number, session: number, handled: number, committed: number, since: number];

function quantiles(name: string, looks: Look[]) {
  const db = openStore(join(folder, name));
  // The rows of a group partition stand in other tables; here its number is enough.
  db.pragma('foreign_keys = OFF');
  db.exec('INSERT INTO group_partition (id, grp, topic, partition) VALUES (1, 1, 1, 0)');
  const exposures = new Exposures(db);
  for (const [at, session, handled, committed, since] of looks) {
    const exposedSince = since === 0 ? 0 : BEGIN + since;
    const peaks = { peakRecords: 0, peakMs: 0, peakHour: 0 };
    exposures.weigh(1, session, {
      ...{ next: handled, handled, committed, exposedSince, at: BEGIN + at },
      ...peaks,
    });
  }
  const records = exposureWeights(db, 1, 'records', 0);
  const ms = exposureWeights(db, 1, 'ms', 0);
  db.close();
  const sum = records.reduce((total, { weight }) => total + weight, 0);
  return { sum, p50: quantileOf(records, 0.5), p99: quantileOf(records, 0.99), age50: quantileOf(ms, 0.5) };
}

test('what held between two looks counts, not what is seen at the second', () => {
  // Exposed for 99 s of each 100 s, and written at both edges alone.
  const looks = Array.from({ length: 20 }, (_, i): Look[] => [
    [i * 100_000, 7, (i + 1) * 100, i * 100, i * 100_000 || 1],
    [i * 100_000 + 99_000, 7, (i + 1) * 100, (i + 1) * 100, 0],
  ]).flat();
  const { sum, p50, p99, age50 } = quantiles('held.db', looks);
  expect(sum).toBe(1_999_000);
  expect(p50).toBeGreaterThan(91);
  expect(p50).toBeLessThan(110);
  expect(p99).toBe(p50);
  expect(age50).toBeGreaterThan(45_000);
  expect(age50).toBeLessThan(55_000);
});

test('two sessions of one partition are weighed each by itself', () => {
  const { sum, p50 } = quantiles('two.db', [
    [0, 1, 100, 0, 1],
    [500, 2, 0, 0, 0],
    [1_000, 1, 100, 0, 1],
    [1_500, 2, 0, 0, 0],
    [1_501, 1, 100, 100, 0],
  ]);
  expect(sum).toBe(2_501);
  expect(p50).toBeGreaterThan(91);
});

test('looks in the wrong order count nothing twice', () => {
  expect(
    quantiles('order.db', [
      [0, 1, 10, 0, 1],
      [1_000, 1, 10, 0, 1],
      [500, 1, 10, 0, 1],
      [1_000, 1, 10, 0, 1],
    ]).sum,
  ).toBe(1_000);
});
