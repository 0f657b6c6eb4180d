import { join } from 'node:path';
import { openReader, type Store } from '../../src/store/open';
import * as q from '../../src/store/queries';
import { Seed, temporaryFolder } from '../service/seed';

/** Enough that a full scan is seen in the time, too. */
const ROWS = 200_000;
const GROUPS = 20;
const PARTITIONS = 10;
/** Of the budget: p99 of any answer below this, in ms. */
const BUDGET_MS = 100;

/** Tables that grow with time; those of groups, partitions and sessions stay small. */
const LARGE = /FROM (redelivery|delivery_run|commit_point|seek|rewind)\b/;

const folder = temporaryFolder();
let db: Store;

beforeAll(() => {
  const path = join(folder.path, 'large.db');
  const seed = new Seed(path);
  const cluster = seed.cluster('c');
  const topic = seed.topic(cluster, 'orders', null);
  for (let i = 0; i < GROUPS; i++) {
    const group = seed.group(cluster, `group-${i}`);
    seed.session(group, `s${i}`, 0);
    for (let p = 0; p < PARTITIONS; p++) seed.place(group, topic, p);
  }
  const places = GROUPS * PARTITIONS;
  const numbers = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS - 1})`;
  seed.db.exec(`
    ${numbers} INSERT INTO delivery_run
      (gp, session, run, first, last, handled, uncertain_last, first_at, last_at, outcome)
      SELECT 1 + i % ${places}, 1 + i % ${GROUPS}, i, i / ${places} * 10, i / ${places} * 10 + 9,
             i / ${places} * 10 + 10, i / ${places} * 10 + 9, i, i + 5, 'handled' FROM n;
    ${numbers} INSERT INTO redelivery (gp, run, previous_run, first, last, attempt, doubt, at, previous_at, version)
      SELECT 1 + i % ${places}, i + 1, i + 1, i / ${places} * 10, i / ${places} * 10 + 9, 2, i % 1000 = 0,
             i / 3, i - 5, i / 2 FROM n;
    UPDATE change SET version = ${ROWS / 2};
    ${numbers} INSERT INTO commit_point (gp, at, session, committed, lowered_from)
      SELECT 1 + i % ${places}, i, 1, i / ${places} * 10, NULL FROM n;`);
  seed.db.exec(`
    ${numbers} INSERT INTO rewind (gp, at, from_offset, to_offset, cause, settled, version)
      SELECT 1 + i % ${places}, i, i + 10, i, iif(i % 7 = 0, 'reset', 'seek'), 1, i FROM n;`);
  // One group whose findings are all older than everybody else's: the worst place for an index by time alone.
  const rare = seed.group(cluster, 'rare');
  const rarePlace = seed.place(rare, topic, 0);
  for (let i = 0; i < 50; i++) seed.redelivery(rarePlace, 1, 1, { first: i, last: i, at: i - 1_000 });
  seed.close();
  db = openReader(path);
});
afterAll(() => {
  db.close();
  folder.remove();
});

/** Runs `use` and answers the statements that it prepared. */
function statementsOf(use: () => unknown): string[] {
  const found: string[] = [];
  const spy = jest.spyOn(db, 'prepare').mockImplementation(function spied(sql: string) {
    found.push(sql);
    return Object.getPrototypeOf(db).prepare.call(db, sql);
  } as typeof db.prepare);
  try {
    use();
  } finally {
    spy.mockRestore();
  }
  return found;
}

function planOf(sql: string): string[] {
  const names = [...new Set(sql.match(/@\w+/g))].map((name) => [name.slice(1), 0] as const);
  const rows = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(Object.fromEntries(names));
  return rows.map((row) => (row as { detail: string }).detail);
}

const page = (filter: Partial<q.RedeliveryFilter>) => () =>
  q.redeliveryPage(db, { places: null, limit: 101, ...filter });
const placesOfGroup = (group: string) => q.placesOf(db, { group }).map((place) => place.gp);

describe.each([
  ['all', () => page({})()],
  ['all, behind a place', () => page({ after: { at: 30_000, id: 90_000 } })()],
  ['all, of a time', () => page({ since: 100, until: 30_000 })()],
  ['all, doubtful', () => page({ certain: false })()],
  ['one group', () => page({ places: placesOfGroup('group-3'), certain: true })()],
  ['one group, doubtful', () => page({ places: placesOfGroup('group-3'), certain: false, since: 5 })()],
  ['a group without news', () => page({ places: placesOfGroup('rare') })()],
  ['one partition', () => page({ places: [7], after: { at: 30_000, id: 90_000 } })()],
  ['a range of offsets', () => page({ places: [7], firstOffset: 100, lastOffset: 2_000 })()],
  ['an endless range of offsets', () => page({ places: [7], firstOffset: 100 })()],
  ['runs over an offset', () => q.runsOver(db, 7, 500)],
  ['a commit behind an offset', () => q.commitPast(db, 7, 500, 1_000)],
  ['rewinds', () => q.rewindPage(db, { places: null, limit: 101, since: 5 })],
  ['rewinds of a cause', () => q.rewindPage(db, { places: null, cause: 'reset', limit: 101 })],
  ['rewinds of a group', () => q.rewindPage(db, { places: placesOfGroup('group-3'), limit: 101 })],
  ['rewinds over an offset', () => q.rewindsOver(db, 7, 500, 10)],
  ['seeks', () => q.seeksBefore(db, 7, 500, 0, 10)],
  ['commits within a time', () => q.commitsWithin(db, 7, { since: 100, until: 90_000, limit: 2_000 })],
  ['runs within a time', () => q.runsWithin(db, 7, { since: 100, until: 90_000, limit: 2_000 })],
  ['changes', () => q.redeliveriesAfter(db, { version: 50_000, id: 3 }, 200)],
  ['one redelivery', () => q.redeliveryById(db, 500)],
])('%s', (_name, use) => {
  test('follows an index and stops', () => {
    for (const sql of statementsOf(use).filter((text) => LARGE.test(text))) {
      const plan = planOf(sql);
      // An index walked in the order of the page, up to its limit, is no full scan; a table is.
      const scans = plan.filter(
        (step) => /^SCAN/.test(step) && !/^SCAN \w+ USING (COVERING )?INDEX/.test(step),
      );
      expect(scans).toEqual([]);
      if (plan.some((step) => /^SCAN/.test(step))) {
        expect(sql).toMatch(/LIMIT @limit$/);
        expect(plan.join()).not.toContain('TEMP B-TREE FOR ORDER BY');
      }
    }
  });

  test('answers within the budget', () => {
    use();
    const times = Array.from({ length: 5 }, () => {
      const begin = performance.now();
      use();
      return performance.now() - begin;
    });
    expect(Math.min(...times)).toBeLessThan(BUDGET_MS);
  });
});

test('how far apart copies came is read from the index alone', () => {
  const [, check] = statementsOf(() => q.checkOf(db, 3, 0));
  expect(planOf(check ?? '').join()).toMatch(/COVERING INDEX redelivery_by_gp_time/);
});

test('merged pages are the same as sorted ones, to the end', () => {
  const places = placesOfGroup('group-3');
  const wanted = db
    .prepare(`SELECT at, id FROM redelivery WHERE gp IN (${places.join()}) ORDER BY at DESC, id DESC`)
    .all();
  const found: q.PagePlace[] = [];
  let after: q.PagePlace | undefined;
  for (;;) {
    const rows = q.redeliveryPage(db, { places, after, limit: 777 });
    found.push(...rows);
    if (rows.length < 777) break;
    after = rows.at(-1);
  }
  expect(found).toEqual(wanted);
});
