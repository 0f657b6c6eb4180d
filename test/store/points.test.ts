/** A partition over 7 days: what a chart gets spans all of them, and says where the newest stands. */
import { join } from 'node:path';
import type { PartitionPositions } from '../../src/service/schemas';
import { openReader, type Store } from '../../src/store/open';
import * as q from '../../src/store/queries';
import { json, type Running, startService } from '../service/running';
import { Seed, temporaryFolder } from '../service/seed';

const DAY_MS = 86_400_000;
/** On a whole minute, so that points stand on round offsets. */
const END = Math.floor(Date.now() / 60_000) * 60_000;
const BEGIN = END - 7 * DAY_MS;
const LIMIT = 2_000;
const PART_MS = (7 * DAY_MS) / LIMIT;
/** A commit that went down, between two that a thinning would rather keep. */
const LOWERED_AT = BEGIN + DAY_MS + 3_000;
const PLACES = 3;

const folder = temporaryFolder();
const path = join(folder.path, 'week.db');
let db: Store;
let running: Running;

beforeAll(async () => {
  const seed = new Seed(path);
  const cluster = seed.cluster('c');
  const topic = seed.topic(cluster, 'orders', null);
  const group = seed.group(cluster, 'billing');
  const session = seed.session(group, 'a', BEGIN);
  for (let p = 0; p < PLACES; p++) seed.place(group, topic, p);
  // As they are kept: of the log's end one in 60 s at most, of commits and runs one in 10 s. An offset is 1 s.
  const every = (ms: number) =>
    `WITH RECURSIVE n(at) AS (SELECT ${BEGIN} UNION ALL SELECT at + ${ms} FROM n WHERE at + ${ms} < ${END})`;
  const offset = `(n.at - ${BEGIN}) / 1000`;
  seed.db.exec(`
    ${every(60_000)} INSERT INTO lag_point (gp, at, committed, log_end)
      SELECT p.id, n.at, ${offset}, ${offset} + 100 FROM n, group_partition p;
    ${every(10_000)} INSERT INTO commit_point (gp, at, session, committed)
      SELECT p.id, n.at, ${session}, ${offset} FROM n, group_partition p;
    ${every(10_000)} INSERT INTO delivery_run
      (gp, session, run, first, last, handled, uncertain_last, first_at, last_at, outcome)
      SELECT p.id, ${session}, p.id * 1000000 + ${offset}, ${offset}, ${offset} + 9, ${offset} + 10, ${offset} + 9, n.at, n.at + 9000, 'handled'
      FROM n, group_partition p;
    INSERT INTO commit_point (gp, at, session, committed, lowered_from)
      VALUES (1, ${LOWERED_AT}, ${session}, 5, 86400);`);
  seed.close();
  db = openReader(path);
  running = await startService({ storePath: path });
}, 120_000);
afterAll(async () => {
  db.close();
  await running.service.close();
  folder.remove();
});

const week = { since: BEGIN, until: END, limit: LIMIT };
const LISTS: [string, (span: q.TimeSpan) => q.Points<{ at: number }>, number][] = [
  ['lag', (span) => q.lagPoints(db, 1, span), 60_000],
  ['commits', (span) => q.commitsWithin(db, 1, span), 10_000],
  [
    'runs',
    (span) => {
      const { rows, isThinned } = q.runsWithin(db, 1, span);
      return { rows: rows.map(({ firstAt: at }) => ({ at })), isThinned };
    },
    10_000,
  ],
];

describe.each(LISTS)('%s of 7 days', (_name, pointsOf, everyMs) => {
  test('reach from the first to the newest, evenly', () => {
    const { rows, isThinned } = pointsOf(week);
    const times = rows.map(({ at }) => at);
    expect(isThinned).toBe(true);
    // A part may be cut at either end, and what went down is there besides.
    expect(times.length).toBeGreaterThan(LIMIT - 1);
    expect(times.length).toBeLessThanOrEqual(LIMIT + 2);
    expect(times.at(-1)).toBe(END - everyMs);
    expect(times[0]).toBeLessThan(BEGIN + PART_MS + everyMs);
    const apart = times.slice(1).map((at, i) => at - (times[i] as number));
    expect(Math.min(...apart)).toBeGreaterThan(0);
    expect(Math.max(...apart)).toBeLessThanOrEqual(PART_MS + everyMs);
  });

  test('are the same ones while the time moves on', () => {
    const later = pointsOf({ ...week, since: BEGIN + everyMs, until: END + everyMs }).rows;
    const before = new Set(pointsOf(week).rows.map(({ at }) => at));
    // But for the part at each end.
    expect(later.filter(({ at }) => !before.has(at)).length).toBeLessThanOrEqual(2);
  });

  test('are all of them where they are few', () => {
    const { rows, isThinned } = pointsOf({ since: END - 600_000, until: END, limit: LIMIT });
    expect(isThinned).toBe(false);
    expect(rows.map(({ at }) => at)).toEqual(
      Array.from({ length: 600_000 / everyMs }, (_, i) => END - 600_000 + i * everyMs),
    );
  });

  test('are read in a few looks into an index, however many there are', () => {
    const begin = process.cpuUsage();
    pointsOf(week);
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1000).toBeLessThan(100);
  });
});

test('a commit that went down is never thinned out', () => {
  const lowered = q.commitsWithin(db, 1, week).rows.filter(({ loweredFrom }) => loweredFrom !== null);
  expect(lowered).toEqual([{ at: LOWERED_AT, committed: 5, loweredFrom: 86_400 }]);
});

test('the answer over 7 days ends with the newest commit and end of the log', async () => {
  const range = `since=${new Date(BEGIN).toISOString()}&until=${new Date(END).toISOString()}`;
  const found = await json<PartitionPositions>(
    running.port,
    `/v1/groups/billing/positions?topic=orders&partition=0&${range}`,
  );
  const last = { lag: (END - 60_000 - BEGIN) / 1000, commit: (END - 10_000 - BEGIN) / 1000 };
  expect(found.lag.at(-1)).toMatchObject({ committed: last.lag, log_end: last.lag + 100 });
  expect(found.commits.at(-1)).toMatchObject({ offset: last.commit });
  expect(found.commits.filter(({ lowered_from: from }) => from !== null)).toHaveLength(1);
  // Stretches were delivered between those that are told.
  expect(found.truncated).toBe(true);
});
