import { join } from 'node:path';
import type { Consumer } from 'kafkajs';
import { openReader } from '../../../src/store/open';
import { groupsOf, incidentPage, type StalledRow, stalledNow, stalledPage } from '../../../src/store/queries';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { fill, filledTopic, reading } from './groups';
import { type Watching, watching } from './watching';

const RECORDS = 50;
/** Of the watcher here; members of `reading` may take their 5 s for a rebalance, and have so long. */
const STALLED_MS = 1_000;

const folder = testFolder('stalls');
const prefix = uniqueName('stalls');
const store = join(folder, 'stalls.db');
let watched: Watching;

beforeAll(async () => {
  watched = await watching(store, [`${prefix}*`], { stalledMs: STALLED_MS });
});
afterAll(() => watched.stop());

function read<T>(use: (db: ReturnType<typeof openReader>) => T): T {
  const db = openReader(store);
  try {
    return use(db);
  } finally {
    db.close();
  }
}
const stalls = (group: string): StalledRow[] => read((db) => stalledPage(db, { group, limit: 100 }));

/** A member whose handler hangs at that offset, until it is let go. */
async function hanging(group: string, topic: string, at: number) {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let consumer: Consumer | null = null;
  const admin = testKafka().admin();
  await admin.connect();
  consumer = testKafka().consumer({ groupId: group, rebalanceTimeout: 5_000, sessionTimeout: 10_000 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message, heartbeat }) => {
      if (Number(message.offset) < at) return;
      const beats = setInterval(() => void heartbeat().catch(() => undefined), 500);
      await held.finally(() => clearInterval(beats));
    },
  });
  await admin.disconnect();
  return {
    letGo,
    stop: async () => {
      letGo();
      await consumer.disconnect();
    },
  };
}

test('a member that hangs is told, once, and when it goes on again; a group that keeps up is not', async () => {
  const topic = await createTopic(uniqueName('stalls'), 1);
  await fillOne(topic, RECORDS);
  const group = uniqueName(prefix);
  const well = uniqueName(prefix);
  const other = await filledTopic('stalls', RECORDS);
  const keeps = await reading(well, other);
  const member = await hanging(group, topic, 20);
  await until('it is told', () => stalls(group).length > 0);
  const [row] = stalls(group);
  expect(row).toMatchObject({ topic, partition: 0, records: RECORDS - 20, session: null, endedAt: null });
  expect(row?.clientId).toBe('dupescope-test');
  expect((row?.seenAt ?? 0) - (row?.since ?? 0)).toBeGreaterThanOrEqual(5_000);
  expect(read(stalledNow).find((one) => one.group === group)?.partitions).toBe(1);
  const [incident] = read((db) =>
    incidentPage(db, { cluster: row?.cluster, group, isOpen: true, now: Date.now(), limit: 10 }),
  );
  expect(incident).toMatchObject({
    kind: 'stalled_commits',
    cause: 'nothing_committed',
    certainty: 'probable',
  });
  expect(incident?.because).toMatch(/has the partition, and nothing was committed since/);

  member.letGo();
  await until('it is over', () => stalls(group)[0]?.endedAt !== null);
  expect(stalls(group)).toHaveLength(1);
  await keeps.committed(RECORDS, RECORDS);
  expect(stalls(well)).toEqual([]);
  await member.stop();
  await keeps.stop();
});

test('no stall: a group without members, and offsets of a topic that nobody reads', async () => {
  const [left, read1] = await Promise.all([filledTopic('stalls', RECORDS), filledTopic('stalls', RECORDS)]);
  const group = uniqueName(prefix);
  const first = await reading(group, left, 20);
  await first.committed(20, 20);
  await first.stop();
  const member = await reading(group, read1);
  await member.committed(RECORDS, RECORDS);
  const since = Date.now();
  await fill(left, 20);
  // A group that does hang, later than these, is told of.
  const hung = uniqueName(prefix);
  const topic = await createTopic(uniqueName('stalls'), 1);
  await fillOne(topic, RECORDS);
  const hangs = await hanging(hung, topic, 20);
  await until('it is told', () => stalls(hung).length > 0);
  expect(Date.now() - since).toBeGreaterThan(5_000);
  expect(stalls(group)).toEqual([]);
  await hangs.stop();
  await member.stop();
});

test('commits are counted: all of them, and of the last whole minutes', async () => {
  const topic = await filledTopic('stalls', 10);
  const group = uniqueName(prefix);
  const member = await reading(group, topic);
  await member.committed(10, 10);
  await member.stop();
  const row = (now: number) => read((db) => groupsOf(db, { group, limit: 1, now })[0]);
  // One a record, and perhaps one more at the end.
  await until('they are counted', () => (row(Date.now() + 60_000)?.recentCommits ?? 0) >= 20);
  expect(row(Date.now() + 60_000)?.commitsSeen).toBe(1);
  expect(row(Date.now() + 12 * 60_000)?.recentCommits).toBe(0);
});

async function fillOne(topic: string, records: number): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({ topic, messages: Array.from({ length: records }, (_, i) => ({ value: String(i) })) });
  await producer.disconnect();
}
