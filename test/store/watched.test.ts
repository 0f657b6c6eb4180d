import { join } from 'node:path';
import type { DupescopeError } from '../../src/errors';
import type { RewindFacts, RewindFound, WatchBatch, WatchedOffset, WatchedStall } from '../../src/ledger';
import { openStore } from '../../src/store/open';
import {
  groupsOf,
  outsideTotalsOf,
  placesOf,
  rewindPage,
  rewindTotalsOf,
  stalledNow,
  stalledPage,
  unreadOf,
  unreadTotals,
} from '../../src/store/queries';
import { DEFAULT_RETENTION, retain } from '../../src/store/retention';
import { Tables } from '../../src/store/tables';
import { testFolder } from '../support/folder';

const folder = testFolder('watched');
let stores = 0;

function newStore() {
  const db = openStore(join(folder, `${stores++}.db`));
  const tables = new Tables(db);
  const apply = (batch: WatchBatch) =>
    db.transaction(() => tables.watched.apply(batch, tables.nextVersion(), 1)).immediate();
  return { db, tables, apply };
}

const PLACE = { group: 'billing', topic: 'orders', topicId: 'a'.repeat(32), partition: 0 };

function batch(parts: Partial<WatchBatch>): WatchBatch {
  return {
    cluster: 'c',
    positions: [],
    offsets: [],
    groups: [],
    generations: [],
    rewinds: [],
    followed: [],
    lag: [],
    ends: [],
    stalls: [],
    skipped: { unknown: 0, unreadable: 0 },
    ...parts,
  };
}

function offset(committed: number, more: Partial<WatchedOffset> = {}): WatchedOffset {
  return {
    ...PLACE,
    committed,
    reset: null,
    metadata: '',
    leaderEpoch: null,
    at: 1_000,
    goneAt: null,
    idleMs: null,
    lowered: null,
    commits: 1,
    source: { partition: 3, offset: 10 },
    ...more,
  };
}

const FACTS = {
  resetTo: null,
  state: 'empty',
  since: 1,
  seenBy: 'log',
  members: 0,
  goneAt: null,
  topicId: null,
  topicIdBefore: null,
} as unknown as RewindFacts;

function rewind(
  from: number,
  to: number,
  sourceOffset: number | null,
  at = 1_000_000,
  facts = FACTS,
): RewindFound {
  const source = sourceOffset === null ? null : { partition: 3, offset: sourceOffset };
  return { ...PLACE, from, to, at, source, facts };
}

test('a batch begins where the one before ended, or nothing of it is stored', () => {
  const { db, tables, apply } = newStore();
  const position = (from: number | null, next: number) => [{ partition: 3, from, next, resume: next }];
  apply(batch({ positions: position(null, 10), offsets: [offset(5)] }));
  const again = batch({ positions: position(null, 20), offsets: [offset(9)], rewinds: [rewind(9, 1, 15)] });
  expect(() => apply(again)).toThrow(
    expect.objectContaining({ code: 'watch-gap' } satisfies Partial<DupescopeError>),
  );
  tables.watched.undo();
  expect(tables.watched.state('c')).toMatchObject({ positions: [{ next: 10 }], offsets: [{ committed: 5 }] });
  apply(batch({ positions: position(10, 20), offsets: [offset(9)] }));
  expect(tables.watched.state('c')).toMatchObject({
    positions: [{ next: 20 }],
    offsets: [{ committed: 9, commits: 0 }],
  });
  expect(db.prepare('SELECT commits FROM watched_offset').pluck().all()).toEqual([2]);
  expect(tables.watched.state('other')).toEqual({ positions: [], offsets: [], groups: [], ends: [] });
  db.close();
});

test('what is stored comes back as it was', () => {
  const { db, tables, apply } = newStore();
  const stored = offset(50, {
    reset: { to: -2, from: 50, at: 7, sourceOffset: 9, passed: true },
    metadata: 'm',
    leaderEpoch: 4,
    goneAt: 2_000,
    idleMs: 77,
  });
  const group = {
    group: 'billing',
    protocol: 'classic',
    state: 'live',
    stateBefore: 'empty',
    generation: 3,
    since: 5,
    goneAt: null,
  } as const;
  const members = [
    {
      memberId: 'm',
      instanceId: null,
      clientId: 'c',
      host: '/h',
      sessionTimeoutMs: 1,
      rebalanceTimeoutMs: 2,
      assignment: { orders: [0] },
    },
  ];
  apply(
    batch({
      offsets: [stored],
      groups: [{ ...group, members, rebalances: 2 }],
      ends: [{ topic: 'orders', partition: 0, ends: [[10, 1_000]] }],
      rewinds: [rewind(60, 50, 8)],
    }),
  );
  expect(tables.watched.state('c')).toEqual({
    positions: [],
    offsets: [
      { ...stored, commits: 0, lowered: { source: { partition: 3, offset: 8 }, from: 60, followed: false } },
    ],
    groups: [{ ...group, members, rebalances: 0 }],
    ends: [{ topic: 'orders', partition: 0, ends: [[10, 1_000]] }],
  });
  db.close();
});

describe('a rewind that two saw is one row', () => {
  const rows = ({ db }: ReturnType<typeof newStore>) =>
    rewindPage(db, { places: null, limit: 10 }).map(({ from, to, facts, session }) => [
      from,
      to,
      facts !== null,
      session,
    ]);

  function withSession() {
    const store = newStore();
    const { dimensions, facts } = store.tables;
    const cluster = dimensions.cluster('c');
    const group = dimensions.group(cluster, 'billing');
    const gp = dimensions.groupPartition(group, dimensions.topic(cluster, 'orders', PLACE.topicId, 0), 0);
    const session = facts.session('j', group, {
      t: 'session',
      session: 1,
      key: 's1',
      group: 'billing',
      host: 'h',
      pid: 1,
      bootId: '',
      at: 0,
      version: '0',
      settings: {},
    });
    const told = (at: number, from: number, to: number) =>
      store.tables.rewinds.told(gp, session, { at, from, to }, 1);
    return { ...store, gp, session, told };
  }

  test.each([
    ['the watcher first', true],
    ['the instrumented consumer first', false],
  ])('%s', (_name, watcherFirst) => {
    const store = withSession();
    const seen = () => store.apply(batch({ rewinds: [rewind(100, 40, 7)] }));
    const tell = () => store.told(1_000_400, 99, 40);
    for (const first of [watcherFirst, !watcherFirst]) (first ? seen : tell)();
    // Read again, after a kill.
    seen();
    expect(rows(store)).toEqual([[100, 40, true, 's1']]);
    store.db.close();
  });

  test('kafkajs -2 is the reset to the start that the watcher resolved', () => {
    const store = withSession();
    store.told(1_000_100, 100, -2);
    store.apply(batch({ rewinds: [rewind(100, 12, 7, 1_000_000, { ...FACTS, resetTo: -2 })] }));
    expect(rows(store)).toEqual([[100, 12, true, 's1']]);
    store.db.close();
  });

  test('the same again later, or elsewhere, is another one', () => {
    const store = withSession();
    store.apply(batch({ rewinds: [rewind(100, 40, 7), rewind(90, 40, 9, 1_000_500)] }));
    store.told(1_000_010, 100, 40);
    store.told(1_000_510, 90, 40);
    store.told(2_000_000, 100, 40);
    expect(rows(store)).toHaveLength(3);
    expect(rows(store).filter(([, , watched]) => watched)).toHaveLength(2);
    store.db.close();
  });
});

test('causes are explained once and counted once; old rows go', () => {
  const { db, tables, apply } = newStore();
  apply(
    batch({ offsets: [offset(40)], rewinds: [rewind(100, 40, 7), { ...rewind(100, 30, 8), partition: 1 }] }),
  );
  expect(tables.rewinds.settle(1_001_000)).toBe(2);
  expect(tables.rewinds.settle(2_000_000)).toBe(0);
  expect(rewindTotalsOf(db)).toEqual([
    { cluster: 'c', group: 'billing', topic: 'orders', cause: 'reset', rewinds: 2 },
  ]);
  const [row] = rewindPage(db, { places: placesOf(db, { partition: 1 }).map(({ gp }) => gp), limit: 5 });
  expect(row).toMatchObject({ from: 100, to: 30, cause: 'reset', certainty: 'proven', redelivered: null });
  expect(JSON.parse(row?.because ?? '[]').join()).toContain('2 partitions of the group went down together');
  apply(
    batch({
      lag: [{ ...PLACE, at: 1_000, committed: 1, logEnd: 2 }],
      offsets: [offset(40, { goneAt: 2_000 })],
    }),
  );
  retain(db, DEFAULT_RETENTION, 40 * 86_400_000);
  for (const table of ['rewind', 'lag_point', 'watched_offset']) {
    expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
  }
  expect(rewindTotalsOf(db)[0]?.rewinds).toBe(2);
  db.close();
});

describe('stalled commits seen from outside', () => {
  const stall = (more: Partial<WatchedStall> = {}): WatchedStall => ({
    ...PLACE,
    since: 1_000,
    at: 62_000,
    committed: 5,
    records: 10,
    limitMs: 60_000,
    owner: { clientId: 'app', host: '/10.0.0.7' },
    endedAt: null,
    ...more,
  });
  const rows = ({ db }: ReturnType<typeof newStore>) =>
    stalledPage(db, { limit: 10 }).map(({ since, seenAt, endedAt, records }) => [
      since,
      seenAt,
      endedAt,
      records,
    ]);
  const incidents = ({ db }: ReturnType<typeof newStore>) =>
    db.prepare('SELECT kind, cause, findings, records FROM incident').all();

  test('are one row and one incident from the first telling to the last, over restarts of the watcher', () => {
    const store = newStore();
    store.apply(batch({ stalls: [stall()] }));
    store.apply(batch({ stalls: [stall({ at: 92_000, records: 14 })] }));
    expect(rows(store)).toEqual([[1_000, 92_000, null, 14]]);
    expect(stalledNow(store.db)).toEqual([{ cluster: 'c', group: 'billing', partitions: 1 }]);
    store.apply(batch({ stalls: [stall({ at: 93_000, endedAt: 93_000 })] }));
    expect(rows(store)).toEqual([[1_000, 92_000, 93_000, 14]]);
    expect(stalledNow(store.db)).toEqual([]);
    store.apply(batch({ stalls: [stall({ at: 95_000, records: 15 })] }));
    expect(rows(store)).toEqual([[1_000, 95_000, null, 15]]);
    expect(incidents(store)).toEqual([
      { kind: 'stalled_commits', cause: 'nothing_committed', findings: 1, records: 14 },
    ]);
    // What nobody tells of any more is over.
    store.tables.watchedStalls.check(300_000, 1);
    expect(rows(store)).toEqual([[1_000, 95_000, 95_000, 15]]);
    // Looking for those of sessions leaves them alone.
    store.apply(batch({ stalls: [stall({ since: 400_000, at: 470_000 })] }));
    store.tables.stalls.check(471_000, 1);
    expect(rows(store)[0]).toEqual([400_000, 470_000, null, 10]);
    store.db.close();
  });
});

test('commits are counted by group, and by minute', () => {
  const store = newStore();
  store.apply(
    batch({
      offsets: [offset(5, { commits: 3, at: 61_000 }), offset(7, { partition: 1, commits: 2, at: 62_000 })],
    }),
  );
  store.apply(batch({ offsets: [offset(9, { commits: 4, at: 121_000 })] }));
  expect(outsideTotalsOf(store.db)).toMatchObject([{ cluster: 'c', group: 'billing', commits: 9 }]);
  const recent = (now: number) => groupsOf(store.db, { limit: 1, now })[0]?.recentCommits;
  expect([recent(180_000), recent(120_000), recent(13 * 60_000)]).toEqual([9, 5, 0]);
  store.db.close();
});

test('records of the groups log that were passed over', () => {
  const store = newStore();
  store.apply(
    batch({
      positions: [{ partition: 0, from: null, next: 9, resume: 9 }],
      skipped: { unknown: 2, unreadable: 0 },
    }),
  );
  store.apply(batch({ skipped: { unknown: 1, unreadable: 4 } }));
  expect(
    unreadOf(store.db).map(({ observer, topic, what, count }) => [observer, topic, what, count]),
  ).toEqual([
    ['groups', '', 'unknown', 3],
    ['groups', '', 'unreadable', 4],
  ]);
  expect(unreadTotals(store.db).map(({ what, count }) => [what, count])).toEqual([
    ['unknown', 3],
    ['unreadable', 4],
  ]);
  store.db.close();
});
