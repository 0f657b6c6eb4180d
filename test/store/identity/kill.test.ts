import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { openDatabase } from '../../../src/sqlite';
import { until } from '../../support/broker';
import { testFolder } from '../../support/folder';

const folder = testFolder('identity-kill');
const CHILD = join(__dirname, '../../support/identity-child.js');
/** What the child reads. */
const { recordAt } = require(CHILD) as {
  recordAt(partition: number, offset: number): { headers: Record<string, Buffer> };
};
const PARTITIONS = 2;
const RECORDS = 120_000;
/** DUPESCOPE_TEST_KILLS=50 for the long run. */
const KILLS = Number(process.env.DUPESCOPE_TEST_KILLS ?? 12);

/** How often each identity stands in the log again: what an observer must find, whatever happens to it. */
function expectedCopies(): Map<string, number> {
  const seen = new Set<string>();
  const copies = new Map<string, number>();
  for (let offset = 0; offset < RECORDS; offset++) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const id = recordAt(partition, offset).headers['message-id']?.toString();
      if (id === undefined) continue;
      if (seen.has(id)) copies.set(id, (copies.get(id) ?? 0) + 1);
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
  const found = db.prepare('SELECT identity, count(*) AS copies FROM duplicate GROUP BY identity').all() as {
    identity: string;
    copies: number;
  }[];
  const expected = expectedCopies();
  const total = [...expected.values()].reduce((sum, copies) => sum + copies, 0);
  expect(new Map(found.map(({ identity, copies }) => [identity, copies]))).toEqual(expected);
  expect(pluck("SELECT count(*) FROM duplicate WHERE kind = 'duplicate'")).toBe(total);
  expect(pluck('SELECT records FROM observed_topic')).toBe(PARTITIONS * RECORDS);
  expect(pluck('SELECT duplicates + id_reuses + intentional FROM observed_topic')).toBe(total);
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
  console.info(`${kills} kills, ${PARTITIONS * RECORDS} records, ${total} copies`);
}, 240_000);
