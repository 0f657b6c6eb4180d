/** A live group of the new consumer protocol (KIP-848), with a member of Kafka's own Java client, as the watcher sees it. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fetchJars } from '../../../src/demo/broker/jars';
import type { WatchedMember } from '../../../src/ledger';
import type { GroupDetail, GroupTimeline } from '../../../src/service/schemas';
import { openReader } from '../../../src/store/open';
import { unreadOf, watchedGroups, watchedOffsets } from '../../../src/store/queries';
import { json, startService } from '../../service/running';
import { ownSurroundings, testBrokers, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { fill, filledTopic, Tool } from './groups';
import { type Watching, watching } from './watching';

jest.setTimeout(300_000);
const PATIENCE_MS = 90_000;
const RECORDS = 100;
const folder = testFolder('consumer-protocol');
const store = join(folder, 'watched.db');
const group = uniqueName('next-gen');
let watched: Watching;
let java: ChildProcessWithoutNullStreams;

afterAll(async () => {
  java?.kill('SIGKILL');
  await watched?.stop();
});

/** The member of fixtures/Group848.java: answers when it has done the step. */
async function member(
  topic: string,
): Promise<{ step(words: string): Promise<void>; leave(): Promise<void> }> {
  const jars = await fetchJars(ownSurroundings(), () => undefined);
  const source = join(__dirname, '../topics/fixtures/Group848.java');
  const options = ['-XX:TieredStopAtLevel=1', '-cp', join(jars, '*'), source];
  java = spawn('java', [...options, testBrokers().join(','), topic, group]);
  let errors = '';
  java.stderr.on('data', (piece: Buffer) => {
    errors += piece.toString();
  });
  const told: string[] = [];
  createInterface(java.stdout).on('line', (line) => told.push(line));
  const said = (words: string) =>
    until(
      `the member has said "${words}"`,
      () => {
        if (java.exitCode !== null && !told.includes(words)) throw new Error(errors);
        return told.includes(words);
      },
      PATIENCE_MS,
    );
  return {
    async step(words) {
      told.length = 0;
      java.stdin.write(`${words}\n`);
      await said(words);
    },
    async leave() {
      java.stdin.end();
      await said('left');
    },
  };
}

function rowOf() {
  const db = openReader(store);
  try {
    const row = watchedGroups(db).find((one) => one.group === group);
    const offsets = row === undefined ? [] : watchedOffsets(db, row.groupId);
    return {
      row,
      committed: offsets.find(({ partition }) => partition === 0)?.committed,
      unread: unreadOf(db),
    };
  } finally {
    db.close();
  }
}
const lag = () => watched.watcher.all().find((one) => one.group === group && one.partition === 0);
const rewinds = () => watched.rewinds(group).map(({ from, to }) => [from, to]);
const patiently = (what: string, condition: () => boolean) => until(what, condition, PATIENCE_MS);

test('its commits, lag, member, assignment and rewinds are seen; kinds not looked at are counted', async () => {
  const topic = await filledTopic('next-gen', RECORDS);
  watched = await watching(store, [group]);
  const java848 = await member(topic);
  await java848.step(`read ${RECORDS}`);
  await java848.step(`commit ${RECORDS}`);
  await patiently('its commit is stored', () => rowOf().committed === RECORDS);
  await patiently('its lag is known', () => lag()?.records === 0);
  const parsed = () => JSON.parse(rowOf().row?.members ?? '[]') as WatchedMember[];
  await patiently(
    'its assignment is',
    () => Object.values(parsed()[0]?.assignment ?? {}).flat().length === 2,
  );
  expect(rowOf().row).toMatchObject({ protocol: 'consumer', goneAt: null });
  // Kafka's records name assigned topics by their ids; people are told their names.
  const { service, port } = await startService({ storePath: store });
  try {
    const { watched: told } = await json<GroupDetail>(port, `/v1/groups/${group}`);
    const assigned = { client_id: 'java-848', assignment: [{ topic, partitions: [0, 1] }] };
    expect(told?.members).toMatchObject([assigned]);
    const { generations } = await json<GroupTimeline>(port, `/v1/groups/${group}/timeline`);
    for (const members of [told?.generations, generations].map((all) =>
      all?.flatMap((one) => one.members_detail),
    )) {
      expect(members).toContainEqual(expect.objectContaining(assigned));
    }
  } finally {
    await service.close();
  }

  await fill(topic, 5);
  await patiently('its lag grows', () => lag()?.records === 5);
  await java848.step('seek 40');
  await java848.step('commit 40');
  await patiently('the rewind is found', () => rewinds().length === 1);
  await patiently('and explained', () => watched.rewinds(group)[0]?.because !== '[]');
  expect(watched.rewinds(group)[0]).toMatchObject({ from: RECORDS, to: 40, cause: 'seek', topic });
  await patiently('its lag too', () => lag()?.records === RECORDS + 5 - 40);
  await java848.step(`commit ${RECORDS}`);
  await java848.leave();
  await patiently('it has no member', () => rowOf().row?.state === 'empty');

  // By a tool, which the new protocol lets commit while nobody is a member.
  const tool = new Tool();
  await tool.commit(group, topic, { 0: 10 });
  await tool.close();
  await patiently('the reset is found', () => rewinds().length === 2);
  await patiently('and explained', () => watched.rewinds(group).every(({ because }) => because !== '[]'));
  expect(watched.rewinds(group)[1]).toMatchObject({ from: RECORDS, to: 10, cause: 'reset' });

  // Target assignments are such: nothing is asked of them.
  expect(watched.watcher.counts().unknown).toBeGreaterThan(0);
  expect(watched.watcher.counts().unreadable).toBe(0);
  expect(rowOf().unread).toEqual([
    expect.objectContaining({ observer: 'groups', topic: '', what: 'unknown', count: expect.any(Number) }),
  ]);
  expect(watched.problems).toEqual([]);
});
