import { join } from 'node:path';
import { json } from '../service/running';
import { Seed, temporaryFolder } from '../service/seed';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { run, start } from './command';

const folder = temporaryFolder();
const store = join(folder.path, 'gone.db');
const brokers = testBrokers().join(',');
const local = ['--store', store, '--brokers', brokers];
const suffix = uniqueName('');
const topic = `orders${suffix}`;
const misspelt = `ordres${suffix}`;
const gone = uniqueName('gone');
const group = uniqueName('group');
const admin = testKafka().admin();

/** A group of this cluster in the store whose topic does not exist (any more), and one whose topic does. */
beforeAll(async () => {
  await createTopic(topic, 3);
  await admin.connect();
  await admin.setOffsets({ groupId: `z-${group}`, topic, partitions: [{ partition: 0, offset: '0' }] });
  const seed = new Seed(store);
  const cluster = seed.cluster((await admin.describeCluster()).clusterId);
  // Lag is asked for of instrumented groups: those with a session.
  for (const [name, read] of [
    [group, gone],
    [`z-${group}`, topic],
  ] as const) {
    const row = seed.group(cluster, name);
    seed.session(row, name, Date.now());
    seed.place(row, seed.topic(cluster, read, null), 0, { deliveries: 1 });
  }
  seed.close();
});
afterAll(async () => {
  await admin.disconnect();
  folder.remove();
});

interface GroupState {
  lag_records: number | null;
  lag_problem: string | null;
  partitions_detail: { lag_age_seconds: number | null }[];
}

const linesOf = (stdout: string, what: string) =>
  stdout.split('\n').filter((line) => new RegExp(`^(ok {2}|warn|FAIL) +${what} {2,}`).test(line));

test('doctor --topic: a missing one fails with the nearest that is there, and is not made by asking', async () => {
  const ended = await run(['doctor', ...local, '--topic', `${misspelt}, ${topic}`]);
  expect([ended.code, ended.stderr]).toEqual([1, '']);
  const [missing, found, ...more] = linesOf(ended.stdout, 'topic');
  expect(missing?.replace(/ +/g, ' ')).toBe(
    `FAIL topic The topic "${misspelt}" does not exist on ${brokers}. Check its name. Did you mean "${topic}"?`,
  );
  expect(found?.replace(/ +/g, ' ')).toBe(
    `ok topic "${topic}" has 3 partitions; deliveries to z-${group} are seen`,
  );
  expect(more).toEqual([]);
  expect(ended.stdout).not.toMatch(/\bat .*:\d+:\d+|undefined|\[object/);
  expect(await admin.listTopics()).not.toContain(misspelt);
});

test('doctor --topic: one that no group is seen to read is a warning', async () => {
  const unread = await createTopic(uniqueName('unread'));
  const ended = await run(['doctor', ...local, '--topic', unread, '--json']);
  const { checks } = JSON.parse(ended.stdout) as { checks: { check: string; level: string; text: string }[] };
  expect(checks.filter(({ check }) => check === 'topic')).toEqual([
    { check: 'topic', level: 'warn', text: expect.stringContaining(`"${unread}" has 1 partition; no instr`) },
  ]);
});

test.each([
  ['no brokers', ['--store', store]],
  ['unreachable brokers', ['--store', store, '--brokers', '127.0.0.1:1']],
])('doctor --topic with %s: says that it did not look', async (_name, args) => {
  const ended = await run(['doctor', ...args, '--topic', topic]);
  expect([ended.code, ended.stderr]).toEqual([1, '']);
  expect(linesOf(ended.stdout, 'topic')).toEqual([
    expect.stringMatching(/^FAIL +topic +"orders.*" was not looked for: .*\(--brokers\)$/),
  ]);
});

test('doctor: a topic of the store that the cluster lacks is named where its lag is asked for', async () => {
  const ended = await run(['doctor', ...local]);
  expect([ended.code, ended.stderr]).toEqual([1, '']);
  expect(linesOf(ended.stdout, 'consumer lag')).toEqual([
    expect.stringMatching(
      new RegExp(`^FAIL +consumer lag +cannot be read for ${group}: The topic "${gone}" does not exist on `),
    ),
  ]);
});

test('serve: says once which topic is missing, and reads the lag of the others', async () => {
  const serving = start(['serve', ...local, '--listen', '127.0.0.1:0', '--lag-interval-ms', '500']);
  const port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(await serving.firstLine)?.[1]);
  const stateOf = (name: string) => json<GroupState>(port, `/v1/groups/${name}`);
  await until('both were asked for', async () => {
    const states = [await stateOf(group), await stateOf(`z-${group}`)];
    return states[0]?.lag_problem !== null && states[1]?.lag_records === 0;
  });
  expect(await stateOf(group)).toMatchObject({
    lag_records: null,
    lag_problem: `The topic "${gone}" does not exist on ${brokers}. Check its name.`,
  });
  // The groups are caught up with a moment later.
  await until('it is ready', () =>
    json(port, '/readyz').then(
      () => true,
      () => false,
    ),
  );
  expect(await json(port, '/readyz')).toEqual({ status: 'ok', problems: [] });
  // The problem is told when it begins, not at each round.
  let age = 0;
  await until('a round more has gone by', async () => {
    const before = age;
    age = (await stateOf(`z-${group}`)).partitions_detail[0]?.lag_age_seconds ?? 0;
    return age < before;
  });
  serving.process.kill('SIGTERM');
  const ended = await serving.ended;
  expect(ended.code).toBe(0);
  const told = ended.stderr.split('\n').filter((line) => line.includes('kafka-topic-missing'));
  expect(told).toHaveLength(1);
  expect(JSON.parse(told[0] ?? '')).toMatchObject({ msg: expect.stringContaining(`"${gone}"`) });
  expect(ended.stderr).not.toMatch(/"stack"|at .*\.js:\d+/);
});
