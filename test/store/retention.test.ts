import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from '../../src/store/open';
import { DEFAULT_RETENTION, retain, usedBytes } from '../../src/store/retention';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';

const folder = testFolder('retention');
const DAY_MS = 86_400_000;

function filled(name: string, rounds: number): string {
  const store = join(folder, name);
  const recorder = new Recorder(store, 'group');
  for (let round = 0; round < rounds; round++) recorder.deliver(round % 4, 0, 9);
  recorder.writer.flush();
  recorder.close();
  return store;
}

function count(store: string, table: string): number {
  return query<{ n: number }>(store, `SELECT count(*) AS n FROM ${table}`)[0]?.n as number;
}

describe('retention', () => {
  test('by age deletes runs, what was found of them, and rollups; counters stay', () => {
    const store = filled('age.db', 40);
    const before = query(store, 'SELECT sum(deliveries) AS n FROM group_partition');
    const db = openStore(store);
    retain(db, { ...DEFAULT_RETENTION, days: 1 }, Date.now() + DAY_MS / 2);
    expect(count(store, 'delivery_run')).toBe(40);
    retain(db, { ...DEFAULT_RETENTION, days: 1 }, Date.now() + 2 * DAY_MS);
    db.close();
    for (const table of ['delivery_run', 'redelivery', 'rollup_minute'])
      expect([table, count(store, table)]).toEqual([table, 0]);
    expect(query(store, 'SELECT sum(deliveries) AS n FROM group_partition')).toEqual(before);
  });

  test('by size gives up the oldest, until the rows fit', () => {
    const store = filled('size.db', 12_000);
    const db = openStore(store);
    const full = usedBytes(db);
    const limits = { ...DEFAULT_RETENTION, bytes: Math.floor(full * 0.6) };
    for (let turn = 0; turn < 10 && usedBytes(db) > limits.bytes; turn++) retain(db, limits, Date.now());
    expect(usedBytes(db)).toBeLessThanOrEqual(limits.bytes);
    // The file itself, not only what its rows fill.
    db.pragma('wal_checkpoint(TRUNCATE)');
    expect(statSync(store).size).toBeLessThanOrEqual(limits.bytes);
    const left = db
      .prepare('SELECT min(run) AS low, max(run) AS high, count(*) AS n FROM delivery_run')
      .get() as { low: number; high: number; n: number };
    expect(left.high).toBe(12_000);
    expect(left.n).toBeGreaterThan(1_000);
    expect(left.low).toBeGreaterThan(1);
    const dangling = db
      .prepare(
        'SELECT count(*) FROM redelivery WHERE run NOT IN (SELECT id FROM delivery_run) OR previous_run NOT IN (SELECT id FROM delivery_run)',
      )
      .pluck()
      .get();
    expect(dangling).toBe(0);
    db.close();
  });
});
