/**
 * One service, three clusters: two real ones with the same names of topics and groups, and one that nobody can reach.
 * The second broker is this file's own.
 */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Broker } from '../../src/demo/broker';
import type {
  Duplicate,
  Group,
  GroupDetail,
  Health,
  Identity,
  ObservedTopic,
  Page,
  Rewind,
  Status,
} from '../../src/service/schemas';
import { Tool } from '../kafka/watch/groups';
import { ask, json } from '../service/running';
import { createTopic, startOwnBroker, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { type Started, start } from './command';

jest.setTimeout(300_000);
/** A busy machine takes long to start. */
const PATIENCE_MS = 90_000;
const folder = testFolder('clusters-served');
const topic = uniqueName('orders');
const group = uniqueName('billing');
/** What stands on each: records with ids of its own, the one that both have, and so many of them once more. */
const STORIES = [
  { own: 'left', records: 30, copies: 3, from: 20, to: 5 },
  { own: 'right', records: 20, copies: 1, from: 10, to: 8 },
];
let other: Broker;
let deadPort: number;
let serving: Started;
let port: number;
let ids: [string, string];

beforeAll(async () => {
  other = await startOwnBroker();
  const clusters = [testBrokers(), other.brokers];
  ids = (await Promise.all(STORIES.map((story, i) => written(clusters[i] as string[], story)))) as typeof ids;
  deadPort = await closedPort();
  const config = join(folder, 'clusters.json');
  const watched = { topics: [topic], groups: [group] };
  const list = [[`127.0.0.1:${deadPort}`], ...clusters].map((brokers) => ({ brokers, ...watched }));
  writeFileSync(config, JSON.stringify({ clusters: list, lagIntervalMs: 500, listen: '127.0.0.1:0' }));
  const flags = ['serve', '--config', config, '--store', join(folder, 'clusters.db')];
  serving = start(flags, {}, 3 * PATIENCE_MS);
  port = Number(/:(\d+) /.exec(await serving.firstLine)?.[1]);
});
afterAll(async () => {
  serving?.process.kill('SIGTERM');
  await serving?.ended;
  await other?.stop();
});

/** Answers the cluster's id. */
async function written(brokers: string[], story: (typeof STORIES)[number]): Promise<string> {
  const kafka = testKafka({ brokers });
  await createTopic(topic, 1, kafka);
  const producer = kafka.producer();
  const admin = kafka.admin();
  await Promise.all([producer.connect(), admin.connect()]);
  const own = Array.from({ length: story.records - 1 }, (_, i) => `${story.own}-${i}`);
  const written = [...own, 'on-both', ...own.slice(0, story.copies)];
  await producer.send({
    topic,
    messages: written.map((id) => ({ value: id, headers: { 'message-id': id } })),
  });
  const tool = new Tool(kafka);
  for (const offset of [story.from, story.to]) await tool.commit(group, topic, { 0: offset });
  const { clusterId } = await admin.describeCluster();
  await Promise.all([producer.disconnect(), admin.disconnect(), tool.close()]);
  return clusterId;
}

/** A port of loopback on which nobody listens. */
function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = server.address() as { port: number };
      server.close(() => resolve(free));
    });
  });
}

const items = async <T>(path: string) => (await json<Page<T>>(port, path)).items;
const byCluster = <T extends { cluster: string }>(list: readonly T[]) =>
  ids.map((id) => list.filter(({ cluster }) => cluster === id));

test('topics, duplicates and identities of the same names are told apart by their clusters', async () => {
  const topics = () => items<ObservedTopic>('/v1/topics');
  await until(
    'both are observed',
    async () => (await topics()).reduce((sum, { records }) => sum + records, 0) === 54,
    PATIENCE_MS,
  );
  expect(new Set(ids).size).toBe(2);
  expect(
    byCluster(await topics()).map((list) => list.map((one) => [one.topic, one.records, one.duplicates])),
  ).toEqual([[[topic, 33, 3]], [[topic, 21, 1]]]);
  const duplicates = await items<Duplicate>(`/v1/duplicates?topic=${topic}`);
  expect(byCluster(duplicates).map((list) => list.map(({ identity }) => identity).sort())).toEqual([
    ['left-0', 'left-1', 'left-2'],
    ['right-0'],
  ]);
  for (const [i, id] of ids.entries()) {
    const own = await items<Duplicate>(`/v1/duplicates?topic=${topic}&cluster=${id}`);
    expect(own.map(({ cluster }) => cluster)).toEqual(Array(STORIES[i]?.copies).fill(id));
  }
  // The same id on two clusters is no copy.
  const both = await json<Identity>(port, '/v1/identities/on-both');
  expect(both.copies).toEqual([]);
  expect(byCluster(both.places).map((list) => list.map(({ offset }) => offset))).toEqual([[29], [19]]);
  const left = await json<Identity>(port, '/v1/identities/left-0');
  expect(left.places.map(({ cluster }) => cluster)).toEqual([ids[0], ids[0]]);
});

test('groups, their lag and rewinds too', async () => {
  const rewinds = () => items<Rewind>(`/v1/rewinds?group=${group}`);
  await until('both rewinds are found', async () => (await rewinds()).length === 2, PATIENCE_MS);
  expect(
    byCluster(await rewinds()).map((list) => list.map((one) => [one.from_offset, one.to_offset])),
  ).toEqual([[[20, 5]], [[10, 8]]]);
  expect((await items<Group>('/v1/groups')).map((one) => [one.cluster, one.group]).sort()).toEqual(
    ids.map((id) => [id, group]).sort(),
  );
  const detail = (id: string) => json<GroupDetail>(port, `/v1/groups/${group}?cluster=${id}`);
  const lag = async (id: string) => (await detail(id)).partitions_detail[0]?.lag_records ?? null;
  for (const id of ids) await until('its lag is known', async () => (await lag(id)) !== null, PATIENCE_MS);
  expect([await lag(ids[0]), await lag(ids[1])]).toEqual([28, 13]);
  // The third one's trouble is not theirs.
  for (const id of ids) expect((await detail(id)).lag_problem).toBeNull();
  const unclear = await json<{ detail: string }>(port, `/v1/groups/${group}`, 400);
  for (const id of ids) expect(unclear.detail).toContain(id);
});

test('metrics carry the cluster', async () => {
  const samples = async (name: string) =>
    (await ask(port, '/metrics')).text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && line.includes(`topic="${topic}"`));
  const sumOf = (lines: string[], id: string) =>
    lines
      .filter((line) => line.includes(`cluster="${id}"`))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  for (const [name, values] of [
    ['dupescope_observed_records_total', [33, 21]],
    ['dupescope_consumer_lag_records', [28, 13]],
  ] as const) {
    const lines = await samples(name);
    expect([name, ids.map((id) => sumOf(lines, id))]).toEqual([name, values]);
  }
  // What is counted by cause is up to a minute late: 0 until then, of each cluster.
  for (const name of ['dupescope_duplicates_total', 'dupescope_rewinds_total']) {
    const lines = await samples(name);
    for (const id of ids) {
      expect([name, lines.some((line) => line.includes(`cluster="${id}"`))]).toEqual([name, true]);
    }
  }
});

test('the cluster that cannot be reached is told in one line, and the others go on', async () => {
  const line = `No broker answered at 127.0.0.1:${deadPort} (ECONNREFUSED)`;
  const ready = () => json<Health>(port, '/readyz', 503);
  await until(
    'it is the one problem',
    async () => {
      const { problems } = await ready();
      return problems.length === 1 && problems[0]?.startsWith(line) === true;
    },
    PATIENCE_MS,
  );
  expect(await json<Health>(port, '/healthz')).toEqual({ status: 'ok', problems: [] });
  const status = await json<Status>(port, '/v1/status');
  expect([status.status, status.problems]).toEqual(['failing', [expect.stringContaining(line)]]);
  expect(new Set(status.watchers.map(({ cluster }) => cluster))).toEqual(new Set(ids));
  const metrics = (await ask(port, '/metrics')).text;
  expect(metrics).toMatch(/^dupescope_observer_ready\{observer="groups"\} 0$/m);

  const producer = testKafka({ brokers: other.brokers }).producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: 'late', headers: { 'message-id': 'late' } }] });
  await producer.disconnect();
  await until(
    'what comes is still observed',
    async () => {
      const answer = await ask(port, '/v1/identities/late');
      return answer.status === 200 && (JSON.parse(answer.text) as Identity).places[0]?.cluster === ids[1];
    },
    PATIENCE_MS,
  );

  serving.process.kill('SIGTERM');
  const ended = await serving.ended;
  expect(ended.code).toBe(0);
  const told = ended.stderr
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { level: number; msg: string; brokers?: string[] });
  // Once by each of the three that watch it, however often it is tried; of the other two nothing.
  expect(told.filter(({ msg }) => msg.includes(line)).map(({ brokers }) => brokers)).toEqual(
    Array(3).fill([`127.0.0.1:${deadPort}`]),
  );
  expect(told.filter(({ level, msg }) => level > 30 && !msg.includes(line))).toEqual([]);
});
