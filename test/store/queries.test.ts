import { join } from 'node:path';
import { openReader, type Store } from '../../src/store/open';
import * as q from '../../src/store/queries';
import { BEGIN, Seed, seedStory, temporaryFolder } from '../service/seed';

const folder = temporaryFolder();
const path = join(folder.path, 'story.db');
let db: Store;

beforeAll(() => {
  seedStory(path);
  db = openReader(path);
});
afterAll(() => {
  db.close();
  folder.remove();
});

const gpOf = (group: string, partition: number, topicId: string | null): number =>
  q.placesOf(db, { group, partition, topic: 'orders' }).find((place) => place.topicId === topicId)?.gp ?? -1;
const ORDERS = 'b'.repeat(32);

test('the summary adds up all groups', () => {
  const summary = q.summaryOf(db);
  expect(summary).toMatchObject({ clusters: 2, groups: 4, topics: 2, partitions: 6, sessions: 3 });
  expect(summary).toMatchObject({ deliveries: 536, redeliveries: 114, inFlight: 50, uncertain: 4 });
  expect(q.droppedOf(db)).toMatchObject({ events: 2, deliveries: 7, lastReason: 'disk full' });
});

test('groups are paged by name and id', () => {
  const first = q.groupsOf(db, { limit: 3 });
  expect(first.map((row) => row.group)).toEqual(['=cmd()', 'audit', 'billing']);
  const last = first[2];
  const rest = q.groupsOf(db, { limit: 3, after: { id: last?.id ?? 0 } });
  expect(rest.map((row) => [row.cluster, row.group])).toEqual([['c2', 'billing']]);
});

test('topics of one name are told apart by cluster and topic id', () => {
  expect(q.topicsNamed(db, 'orders', undefined)).toHaveLength(3);
  expect(q.topicsNamed(db, 'orders', 'c1').map((topic) => topic.topicId)).toEqual(['a'.repeat(32), ORDERS]);
  expect(q.placesOf(db, { group: 'billing', topic: 'orders', cluster: 'c1', partition: 0 })).toHaveLength(2);
});

test('only living sessions have a position, and the one that moved last owns a partition', () => {
  const positions = q.livePositions(db);
  expect(positions.map((row) => [row.group, row.host])).toEqual([
    ['audit', 'host-ccc'],
    ['billing', 'host-bb'],
  ]);
  expect(positions[1]).toMatchObject({ handled: 180, committed: 150, memberId: 'member-2-0', generation: 1 });
});

test('runs over an offset are found from their first offset to their last uncertain one', () => {
  const gp = gpOf('billing', 0, ORDERS);
  const runsAt = (offset: number) => q.runsOver(db, gp, offset).map((row) => [row.first, row.last]);
  expect(runsAt(0)).toEqual([[0, 99]]);
  expect(runsAt(50)).toEqual([
    [0, 99],
    [50, 199],
  ]);
  expect(runsAt(103)).toHaveLength(2);
  expect(runsAt(104)).toEqual([[50, 199]]);
  expect(runsAt(200)).toEqual([]);
});

test('the first commit behind an offset, rewinds and seeks over it', () => {
  const gp = gpOf('billing', 0, ORDERS);
  expect(q.commitPast(db, gp, 49, BEGIN)).toMatchObject({ committed: 50 });
  expect(q.commitPast(db, gp, 50, BEGIN)).toMatchObject({ committed: 200 });
  expect(q.commitPast(db, gp, 200, BEGIN)).toBeUndefined();
  expect(q.rewindsOver(db, gp, 150, 10)).toHaveLength(1);
  expect(q.rewindsOver(db, gp, 149, 10)).toHaveLength(0);
  expect(q.seeksBefore(db, gp, 150, BEGIN, 10)).toHaveLength(1);
  expect(q.seeksBefore(db, gp, 149, BEGIN, 10)).toHaveLength(0);
});

test('series fall into steps, by group or topic', () => {
  const minute = BEGIN / 60_000;
  const hours = {
    fromMinute: Math.floor(minute / 60) * 60,
    toMinute: minute + 120,
    stepMinutes: 60,
    limit: 100,
  };
  const all = q.seriesOf(db, { ...hours, by: 'all' });
  expect(all.reduce((sum, row) => sum + row.deliveries, 0)).toBe(505);
  const groups = q.seriesOf(db, { ...hours, by: 'group', group: 'billing' });
  expect(new Set(groups.map((row) => row.group))).toEqual(new Set(['billing']));
  expect(groups.every((row) => row.minute % 60 === 0 && row.topic === null)).toBe(true);
});

test('changes are told in the order of version and id, behind any place', () => {
  const all = q.redeliveriesAfter(db, { version: 0, id: 0 }, 10);
  expect(all.map((row) => row.version)).toEqual([1, 2, 3, 4]);
  expect(q.redeliveriesAfter(db, { version: 2, id: all[1]?.id ?? 0 }, 10)).toHaveLength(2);
  expect(q.changeVersion(db)).toBe(4);
  const before = q.dataVersion(db);
  const writer = new Seed(path);
  writer.cluster('c3');
  writer.close();
  expect(q.dataVersion(db)).not.toBe(before);
});
