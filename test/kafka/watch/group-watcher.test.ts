import { join } from 'node:path';
import { openReader } from '../../../src/store/open';
import { generationsOf, lagPoints, watchedGroups, watchedOffsets } from '../../../src/store/queries';
import { testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { fill, filledTopic, type Reading, reading, Tool } from './groups';
import { type Watching, watching } from './watching';

const RECORDS = 100;
/** A rewind is in the store within this time of its commit, in ms. */
const WITHIN_MS = 2_000;

const folder = testFolder('watcher');
const prefix = uniqueName('watched');
const store = join(folder, 'watched.db');
const tool = new Tool();
let watched: Watching;

beforeAll(async () => {
  watched = await watching(store, [`${prefix}*`]);
});
afterAll(async () => {
  await watched.stop();
  await tool.close();
});

/** A group that has read the topic up to there, without a member now. */
async function leftAt(topic: string, offset: number): Promise<string> {
  const group = uniqueName(prefix);
  const member = await reading(group, topic, offset);
  await member.committed(offset, offset);
  await member.stop();
  return group;
}

/** Waits for so many rewinds of the group; answers from, to and cause, and how long it took at most. */
async function found(group: string, count: number, doneAt: number) {
  await until(`${count} rewinds of ${group} are found`, () => watched.rewinds(group).length >= count, 10_000);
  const tookMs = Date.now() - doneAt;
  await until('they are explained', () => watched.rewinds(group).every(({ because }) => because !== '[]'));
  const rows = watched.rewinds(group);
  return {
    tookMs,
    rows,
    told: rows.map(({ partition, from, to, cause, certainty }) => [partition, from, to, cause, certainty]),
  };
}

describe.each([
  ['keeps up', RECORDS],
  ['has a backlog', RECORDS / 2],
])('a group that %s', (_name, at) => {
  let topic: string;
  beforeAll(async () => {
    topic = await filledTopic('watched', RECORDS);
  });

  test('set back by an operator: to an earlier offset, to the earliest, by time', async () => {
    const admin = testKafka().admin();
    await admin.connect();
    const targets = {
      earlier: { 0: 10, 1: 20 },
      earliest: { 0: 0, 1: 0 },
      time: Object.fromEntries(
        (await admin.fetchTopicOffsetsByTimestamp(topic, 1)).map(({ partition, offset }) => [
          partition,
          Number(offset),
        ]),
      ),
    };
    await admin.disconnect();
    for (const to of Object.values(targets)) {
      const group = await leftAt(topic, at);
      const { told, tookMs } = await found(group, 2, await tool.commit(group, topic, to));
      expect(told).toEqual([0, 1].map((p) => [p, at, (to as Record<number, number>)[p], 'reset', 'proven']));
      expect(tookMs).toBeLessThan(WITHIN_MS);
    }
  });

  test('set back by its own seek', async () => {
    const group = uniqueName(prefix);
    const member = await reading(group, topic, at);
    await member.committed(at, at);
    member.consumer.resume([{ topic }]);
    const seen = member.seen[0] as number;
    member.consumer.seek({ topic, partition: 0, offset: '5' });
    await until('it reads again', () => (member.seen[0] as number) > seen);
    const doneAt = Date.now();
    const { told, rows, tookMs } = await found(group, 1, doneAt);
    expect(told).toEqual([[0, expect.any(Number), 5, 'seek', 'probable']]);
    expect(rows[0]?.from).toBeGreaterThanOrEqual(at);
    expect(tookMs).toBeLessThan(WITHIN_MS);
    await until('it has come back', () => watched.rewinds(group)[0]?.recoveredAt != null);
    await member.stop();
  });

  test('a commit that goes down and up again at once', async () => {
    const group = await leftAt(topic, at);
    const down = await tool.commit(group, topic, { 0: 2 });
    const up = await tool.commit(group, topic, { 0: at });
    expect(up - down).toBeLessThan(300);
    const { told, tookMs } = await found(group, 1, up);
    expect(told).toEqual([[0, at, 2, 'reset', 'proven']]);
    expect(tookMs).toBeLessThan(WITHIN_MS);
    await until('it has come back', () => watched.rewinds(group)[0]?.recoveredAt != null);
  });

  test('deleted, and starts over', async () => {
    const group = await leftAt(topic, at);
    const admin = testKafka().admin();
    await admin.connect();
    await until('the group is deleted', async () => {
      const [result] = await admin.deleteGroups([group]).catch(() => []);
      return result?.errorCode === 0;
    });
    await admin.disconnect();
    const member = await reading(group, topic, at);
    await until('it has started over', () => member.seen.every((count) => count > 0));
    const { told, tookMs } = await found(group, 2, Date.now());
    await member.stop();
    expect(told.map(([partition, from, , cause]) => [partition, from, cause]).sort()).toEqual([
      [0, at, 'group_deleted'],
      [1, at, 'group_deleted'],
    ]);
    for (const row of watched.rewinds(group)) expect(row.to).toBeLessThan(at);
    expect(tookMs).toBeLessThan(WITHIN_MS);
  });
});

describe('a deleted group whose first commit is not below the last one', () => {
  async function deleted(topic: string, at: number): Promise<string> {
    const group = await leftAt(topic, at);
    const ends = () => watched.watcher.all().filter((value) => value.group === group);
    await until('the log ends are known', () => ends().length === 2);
    const knownAt = Date.now();
    await until('by all clocks, before what comes', () => Date.now() - knownAt > 1_100);
    const admin = testKafka().admin();
    await admin.connect();
    await until('the group is deleted', async () => {
      const [result] = await admin.deleteGroups([group]).catch(() => []);
      return result?.errorCode === 0;
    });
    await admin.disconnect();
    return group;
  }

  test.each([
    ['read everything again', RECORDS],
    ['read again beyond where it was', RECORDS - 20],
  ])('%s', async (_name, stopAt) => {
    const topic = await filledTopic('watched', RECORDS);
    const group = await deleted(topic, RECORDS / 2);
    const member = await reading(group, topic, stopAt, testKafka(), { commitsEveryMs: 1_500 });
    await member.committed(stopAt, stopAt);
    const { told, tookMs } = await found(group, 2, Date.now());
    await member.stop();
    expect(told.sort()).toEqual([0, 1].map((p) => [p, RECORDS / 2, 0, 'group_deleted', 'probable']));
    expect(tookMs).toBeLessThan(WITHIN_MS);
    for (const row of watched.rewinds(group)) {
      expect(row.because).toContain(`its first commit was ${stopAt}, and the log had ended at ${RECORDS}`);
      expect(row.recoveredAt).toBe(row.at);
    }
  });

  test('one that went on from the end, and one that a tool set forward, read nothing again', async () => {
    const topic = await filledTopic('watched', RECORDS);
    const group = await deleted(topic, RECORDS / 2);
    const member = await reading(group, topic, undefined, testKafka(), { fromBeginning: false });
    await until('it reads on', async () => {
      await fill(topic, 5);
      return member.seen.every((count) => count > 0);
    });
    await member.stop();
    const forward = await deleted(topic, RECORDS / 2);
    await tool.commit(forward, topic, { 0: RECORDS - 10, 1: RECORDS - 10 });
    const last = await leftAt(topic, 10);
    await tool.commit(last, topic, { 0: 5 });
    await until('a later rewind is found', () => watched.rewinds(last).length === 1);
    expect(watched.rewinds(group)).toEqual([]);
    expect(watched.rewinds(forward)).toEqual([]);
  });
});

test('forward resets, rebalances and restarts of members are no rewinds; members are told over time', async () => {
  const topic = await filledTopic('watched', RECORDS);
  const group = await leftAt(topic, RECORDS / 4);
  await tool.commit(group, topic, { 0: RECORDS / 2, 1: RECORDS / 2 });
  const members: Reading[] = [];
  for (let i = 0; i < 3; i++) {
    members.push(await reading(group, topic));
    await fill(topic, 20);
  }
  await members[0]?.stop();
  await fill(topic, 20);
  await members[1]?.committed(RECORDS + 80, RECORDS + 80);
  for (const member of members.slice(1)) await member.stop();
  const last = await leftAt(topic, 10);
  await tool.commit(last, topic, { 0: 5 });
  // What comes later is found: what came before would have been.
  await until('a later rewind is found', () => watched.rewinds(last).length === 1);
  expect(watched.rewinds(group)).toEqual([]);

  const db = openReader(store);
  const row = watchedGroups(db).find((one) => one.group === group);
  const generations = generationsOf(db, row?.groupId as number, 100);
  const members2 = generations.map(
    ({ members: json }) => (JSON.parse(json) as { clientId: string }[]).length,
  );
  const places = watchedOffsets(db, row?.groupId as number);
  db.close();
  expect(row).toMatchObject({ state: 'empty', protocol: 'classic' });
  expect(row?.rebalances).toBe(members2.filter((count) => count > 0).length);
  expect(Math.max(...members2)).toBeGreaterThanOrEqual(2);
  expect(members2[0]).toBe(0);
  expect(places.map(({ partition, committed }) => [partition, committed])).toEqual([
    [0, RECORDS + 80],
    [1, RECORDS + 80],
  ]);
  expect(places[0]?.topicId).toMatch(/^[0-9a-f]{32}$/);
});

test('consumer lag in records and seconds', async () => {
  const topic = await filledTopic('watched', 10);
  const group = await leftAt(topic, 10);
  const lag = () =>
    watched.watcher.all().filter((value) => value.group === group && value.partition === 0)[0];
  await until('lag is known', () => lag()?.records === 0);
  expect(lag()).toMatchObject({ topic, committed: 10, logEnd: 10, seconds: 0 });
  const beganAt = Date.now();
  await fill(topic, 5);
  await until('it grows', () => (lag()?.seconds ?? 0) > 1);
  expect(lag()).toMatchObject({ records: 5, logEnd: 15 });
  expect(lag()?.seconds).toBeLessThanOrEqual((Date.now() - beganAt) / 1000 + 1);
  await tool.commit(group, topic, { 0: 15 });
  await until('it is gone', () => lag()?.records === 0);
  const db = openReader(store);
  const gp = watchedOffsets(db, watchedGroups(db).find((one) => one.group === group)?.groupId as number)[0]
    ?.gp;
  expect(lagPoints(db, gp as number, { since: 0, until: Date.now(), limit: 10 }).rows.length).toBeGreaterThan(
    0,
  );
  db.close();
});

test('commits in transactions: a rewind when committed, none when aborted', async () => {
  const topic = await filledTopic('watched', RECORDS);
  const group = await leftAt(topic, RECORDS);
  const producer = testKafka().producer({
    transactionalId: uniqueName('tx'),
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  const send = async (offset: number, commits: boolean) => {
    const transaction = await producer.transaction();
    const topics = [{ topic, partitions: [{ partition: 0, offset: String(offset) }] }];
    // The broker may still be ending the one before.
    await until('the offset is taken', () =>
      transaction.sendOffsets({ consumerGroupId: group, topics }).then(
        () => true,
        () => false,
      ),
    );
    if (commits) await transaction.commit();
    else await transaction.abort();
  };
  try {
    await send(50, false);
    await send(60, true);
  } finally {
    await producer.disconnect();
  }
  const { rows } = await found(group, 1, Date.now());
  expect(rows.map(({ from, to }) => [from, to])).toEqual([[RECORDS, 60]]);
});

test('nothing is written: no group of the watcher, no problem told', async () => {
  const admin = testKafka().admin();
  await admin.connect();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  expect(groups.filter(({ groupId }) => /dupescope|watcher/.test(groupId))).toEqual([]);
  expect(watched.problems).toEqual([]);
  expect(watched.watcher.counts().unreadable).toBe(0);
});
