import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openDatabase } from '../../../src/sqlite';
import { until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { recordAt } from '../../support/identity-child';

const folder = testFolder('identity-kill');
const CHILD = join(__dirname, '../../support/identity-child.js');
const PARTITIONS = 2;
const RECORDS = 120_000;
const KILLS = 24;

interface Copy {
  partition: number;
  offset: number;
}

/** Every record that repeats another of its topic: what an observer must find, whatever happens to it. */
function expectedCopies(): string[] {
  const seen = new Set<string>();
  const copies: string[] = [];
  for (let offset = 0; offset < RECORDS; offset++) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const id = (recordAt(partition, offset).headers['message-id'] as Buffer | undefined)?.toString();
      if (id === undefined) continue;
      if (seen.has(id)) copies.push(`${partition}/${offset}`);
      seen.add(id);
    }
  }
  return copies;
}

function readSoFar(path: string): number {
  try {
    const db = openDatabase(path, { readonly: true, fileMustExist: true });
    try {
      return db.prepare('SELECT coalesce(sum(next_offset), 0) FROM observer_offset').pluck().get() as number;
    } finally {
      db.close();
    }
  } catch {
    return 0;
  }
}

test(`an observer killed ${KILLS} times loses nothing and counts nothing twice`, async () => {
  const path = join(folder, 'store.db');
  const args = [path, String(PARTITIONS), String(RECORDS)];
  let kills = 0;
  for (; kills < KILLS; kills++) {
    const before = readSoFar(path);
    const child = fork(CHILD, args);
    const exited = once(child, 'exit');
    const goal = before + Math.random() * ((PARTITIONS * RECORDS) / KILLS);
    await until('it has read on', () => readSoFar(path) > goal || child.exitCode !== null);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    await exited;
  }
  const last = fork(CHILD, args);
  const [code] = await once(last, 'exit');
  expect(code).toBe(0);

  const db = openDatabase(path, { readonly: true });
  const pluck = (sql: string) => db.prepare(sql).pluck().get() as number;
  const found = db.prepare('SELECT partition, record_offset AS "offset" FROM duplicate').all() as Copy[];
  const expected = expectedCopies();
  // A record of partition 0 that repeats one which partition 1 had repeated before: who came first is the reader's.
  const pairs = new Set(found.map(({ partition, offset }) => `${partition}/${offset}`));
  expect(pairs.size).toBe(found.length);
  expect(found.length).toBe(expected.length);
  expect(pluck('SELECT records FROM observed_topic')).toBe(PARTITIONS * RECORDS);
  expect(pluck('SELECT duplicates + id_reuses + intentional FROM observed_topic')).toBe(expected.length);
  expect(pluck('SELECT sum(records) FROM identity_found')).toBe(PARTITIONS * RECORDS);
  expect(pluck('SELECT sum(records) FROM duplicate_delay')).toBe(
    pluck('SELECT duplicates FROM observed_topic'),
  );
  expect(pluck('SELECT sum(next_offset) FROM observer_offset')).toBe(PARTITIONS * RECORDS);
  expect(pluck('SELECT count(*) FROM observed_range')).toBe(PARTITIONS);
  expect(pluck('SELECT entries FROM identity_window')).toBe(
    pluck("SELECT sum(records) FROM identity_found WHERE source <> ''"),
  );
  db.close();
  console.info(`${kills} kills, ${PARTITIONS * RECORDS} records, ${found.length} copies`);
}, 240_000);
