/** Rewinds that a broker and kafkajs make together, and what looks like one and is none. */
import { join } from 'node:path';
import { rewindShape } from '../../../src/service/answers/rewinds';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { fill, filledTopic, type Reading, reading, Tool } from './groups';
import { rewindsOf, type Watching, watching } from './watching';

const RECORDS = 50;
const folder = testFolder('matrix');
const prefix = uniqueName('matrix');
const store = join(folder, 'matrix.db');
const tool = new Tool();
let watched: Watching;

beforeAll(async () => {
  watched = await watching(store, [`${prefix}*`]);
});
afterAll(async () => {
  await watched.stop();
  await tool.close();
});

const told = (group: string) =>
  watched
    .rewinds(group)
    .map(({ partition, from, to, cause, certainty }) => [partition, from, to, cause, certainty]);

test.each([
  ['earliest', true, 0],
  ['latest', false, RECORDS],
])('out of range, and kafkajs begins at the %s', async (_name, fromBeginning, to) => {
  const topic = await filledTopic('matrix', RECORDS);
  const group = uniqueName(prefix);
  await tool.commit(group, topic, { 0: 500, 1: 400 });
  const member = await reading(group, topic, undefined, testKafka(), { fromBeginning });
  await until('both are told', () => watched.rewinds(group).length === 2);
  await until('they are explained', () => watched.rewinds(group).every(({ cause }) => cause !== 'unknown'));
  await fill(topic, 5);
  await member.committed(RECORDS + 5, RECORDS + 5);
  await member.stop();
  expect(told(group).sort()).toEqual([
    [0, 500, to, 'out_of_range', 'proven'],
    [1, 400, to, 'out_of_range', 'proven'],
  ]);
  for (const row of watched.rewinds(group)) expect(row.because).toContain(`the log ended at ${RECORDS}`);
});

test('a topic made again: told with its cause, and nothing is delivered twice', async () => {
  const topic = await filledTopic('matrix', RECORDS);
  const group = uniqueName(prefix);
  const before = await reading(group, topic);
  await before.committed(RECORDS, RECORDS);
  await before.stop();
  const admin = testKafka().admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await until('it is gone', async () => !(await admin.listTopics()).includes(topic));
  await admin.disconnect();
  await createTopic(topic, 2);
  await fill(topic, 10);
  const after = await reading(group, topic);
  await after.committed(10, 10);
  await after.stop();
  await until('both are told', () => watched.rewinds(group).length >= 2);
  await until('they are explained', () => watched.rewinds(group).every(({ cause }) => cause !== 'unknown'));
  const rows = watched.rewinds(group);
  expect(
    rows.map(({ partition, from, cause, certainty }) => [partition, from, cause, certainty]).sort(),
  ).toEqual([
    [0, RECORDS, 'topic_recreated', 'proven'],
    [1, RECORDS, 'topic_recreated', 'proven'],
  ]);
  expect(rows.map((row) => rewindShape(row).records)).toEqual([0, 0]);
});

test('a consumer that has fallen out of the log at its start goes forward: no rewind', async () => {
  const topic = await filledTopic('matrix', RECORDS);
  const group = uniqueName(prefix);
  const first = await reading(group, topic, 20);
  await first.committed(20, 20);
  await first.stop();
  const admin = testKafka().admin();
  await admin.connect();
  // kafkajs asks for the leaders of topics alone that it has been asked about.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '40' }] });
  await admin.disconnect();
  const second = await reading(group, topic);
  await second.committed(RECORDS, RECORDS);
  await second.stop();
  // From 20 to 40, forward: partition 1 goes on, and a later rewind is told.
  await tool.commit(group, topic, { 1: 5 });
  await until('the later one is told', () => watched.rewinds(group).length > 0);
  await until('it is explained', () => watched.rewinds(group).every(({ cause }) => cause !== 'unknown'));
  expect(told(group)).toEqual([[1, RECORDS, 5, 'reset', 'proven']]);
});

test('none is invented by rebalances while commits go on, and restarts of the watcher with live members', async () => {
  const topic = await filledTopic('matrix', RECORDS);
  const group = uniqueName(prefix);
  const members: Reading[] = [await reading(group, topic), await reading(group, topic)];
  let records = RECORDS;
  for (let round = 0; round < 4; round++) {
    members.push(await reading(group, topic));
    await fill(topic, 100);
    records += 100;
    // The oldest leaves in the middle of it, and the watcher is started anew.
    const [leaves] = members.splice(0, 1);
    await Promise.all([leaves?.stop(), restarted()]);
  }
  await members[0]?.committed(records, records);
  expect(watched.rewinds(group)).toEqual([]);
  for (const member of members) await member.stop();
  await tool.commit(group, topic, { 0: 7 });
  await until('a later one is told', () => rewindsOf(store, group).length > 0);
  expect(watched.rewinds(group).map(({ from, to }) => [from, to])).toEqual([[records, 7]]);
});

async function restarted(): Promise<void> {
  await watched.stop();
  watched = await watching(store, [`${prefix}*`]);
}
