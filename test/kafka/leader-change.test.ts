/**
 * Three nodes, and the one that leads is killed, twice: the topic observer and the group watcher go on with the next
 * leaders, pass nothing over, count nothing twice, and find what happens after.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { rawCluster } from '../../src/kafka/raw-cluster';
import { testKafka, uniqueName, until } from '../support/broker';
import { type Cluster, startCluster } from '../support/cluster';
import { testFolder } from '../support/folder';
import { found, observe, rangesOf, storeIn, untilRecords } from './topics/observing';
import { Tool } from './watch/groups';
import { watching } from './watch/watching';

jest.setTimeout(300_000);
const folder = testFolder('leaders');
const PARTITIONS = [0, 1, 2] as const;
const OFFSETS = '__consumer_offsets';
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
}, 180_000);
afterAll(() => cluster?.stop(), 60_000);

const kafkaOf = () => testKafka({ brokers: cluster.brokers });

/** Each node leads one partition, and all have all. */
async function spreadTopic(): Promise<string> {
  const topic = uniqueName('led');
  const orders = [
    [1, 2, 3],
    [2, 3, 1],
    [3, 1, 2],
  ];
  const replicaAssignment = orders.map((replicas, partition) => ({ partition, replicas }));
  const admin = kafkaOf().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: false });
  await until('the topic is served', () =>
    admin.fetchTopicOffsets(topic).then(
      (offsets) => offsets.length === orders.length,
      () => false,
    ),
  );
  await admin.disconnect();
  return topic;
}

/** Writes one message after the other, every fifth twice, until it is told to end. */
async function writing(topic: string) {
  const producer = kafkaOf().producer({ retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 } });
  await producer.connect();
  let written = 0;
  let isOver = false;
  const send = async (id: number) => {
    const headers = { 'message-id': `message ${id}` };
    await producer.send({ topic, acks: -1, messages: [{ value: String(id), partition: id % 3, headers }] });
  };
  const done = (async () => {
    for (; !isOver; written++) {
      await send(written);
      if (written % 5 === 0) await send(written);
      await sleep(5);
    }
    await producer.disconnect();
  })();
  return {
    /** Waits until so many more were written: after a leader's end these are with the next one. */
    more: (count: number) => {
      const goal = written + count;
      return until(`${count} more messages are written`, () => written >= goal, 60_000);
    },
    end: () => {
      isOver = true;
      return done;
    },
  };
}

/** What stands in the log, by a reader of its own: the ends, and the places of every copy. */
async function truthOf(topic: string) {
  const consumer = kafkaOf().consumer({ groupId: uniqueName('truth') });
  const admin = kafkaOf().admin();
  await Promise.all([consumer.connect(), admin.connect()]);
  const ends = (await admin.fetchTopicOffsets(topic))
    .sort((a, b) => a.partition - b.partition)
    .map(({ high }) => Number(high));
  await admin.disconnect();
  const ids = ends.map((): string[] => []);
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      (ids[partition] as string[])[Number(message.offset)] = String(message.headers?.['message-id']);
    },
  });
  await until('the log is read', () => ends.every((end, i) => (ids[i]?.length ?? 0) >= end), 60_000);
  await consumer.disconnect();
  const copies = ids.flatMap((column, partition) =>
    column.flatMap((id, offset) => (column.indexOf(id) < offset ? [`${partition}/${offset}`] : [])),
  );
  return { ends, copies };
}

async function leadersOf(topic: string): Promise<number[]> {
  const admin = kafkaOf().admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader));
  } finally {
    await admin.disconnect();
  }
}

/** The node that leads the group's partition of the offsets' log. */
async function coordinatorOf(groupId: string): Promise<number> {
  const raw = rawCluster(kafkaOf()) as ReturnType<typeof rawCluster> & {
    findGroupCoordinator(group: { groupId: string }): Promise<{ nodeId: string | number }>;
  };
  await raw.connect();
  try {
    return Number((await raw.findGroupCoordinator({ groupId })).nodeId);
  } finally {
    await raw.disconnect();
  }
}

test('observers go on over the end of leaders, and find copies and rewinds after it, each once', async () => {
  const topic = await spreadTopic();
  const group = uniqueName('led');
  const tool = new Tool(kafkaOf());
  const rewound: [number, number][] = [];
  let committed = 0;
  const commit = async (offset: number) => {
    await tool.commit(group, topic, { 0: offset });
    if (offset < committed) rewound.push([committed, offset]);
    committed = offset;
  };
  await commit(100);
  const store = storeIn(folder, 'observer');
  const { brokers } = cluster;
  const observing = await observe({ store, topics: [topic], brokers });
  const watched = await watching(storeIn(folder, 'watcher'), [group], { brokers });
  const writer = await writing(topic);
  await writer.more(50);
  await commit(60);

  const ended: number[] = [];
  for (const round of [1, 2]) {
    const victim = await coordinatorOf(group);
    expect(await leadersOf(topic)).toContain(victim);
    await cluster.kill(victim);
    ended.push(victim);
    // While nobody leads yet: taken by the next coordinator.
    await commit(committed + 10);
    await until(
      'others lead',
      async () => {
        const leaders = [...(await leadersOf(topic)), ...(await leadersOf(OFFSETS))];
        return leaders.length === 2 * PARTITIONS.length && leaders.every((one) => one > 0 && one !== victim);
      },
      60_000,
    );
    await writer.more(60);
    await commit(committed - 15 - round);
    await until(
      'the rewind after the change is found',
      () => watched.rewinds(group).length === rewound.length,
      30_000,
    );
    if (round === 2) break;
    await cluster.restart(victim);
    // The next to end must not take the last that has all.
    await until(
      'all have all again',
      async () => {
        const admin = kafkaOf().admin();
        await admin.connect();
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic, OFFSETS] });
        await admin.disconnect();
        return topics.every(({ partitions }) => partitions.every(({ isr }) => isr.length === 3));
      },
      60_000,
    );
  }
  await writer.end();

  const { ends, copies } = await truthOf(topic);
  const total = ends.reduce((sum, end) => sum + end, 0);
  await untilRecords(store, topic, total, 60_000);
  await until('the observer has recovered', () => (observing.problems.at(-1) ?? null) === null);
  await observing.close();
  await watched.stop();
  await tool.close();

  expect(copies.length).toBeGreaterThan(30);
  expect(rangesOf(store, topic)).toEqual(
    Object.fromEntries(ends.map((end, partition) => [partition, [[0, end - 1]]])),
  );
  expect(observing.missed).toEqual([]);
  const places = found(store, topic).map(({ kind, partition, offset }) => `${kind} ${partition}/${offset}`);
  expect(places.sort()).toEqual(copies.map((place) => `duplicate ${place}`).sort());
  expect(watched.rewinds(group).map(({ from, to }) => [from, to])).toEqual(rewound);
  expect(rewound).toHaveLength(3);
  expect(ended).toHaveLength(2);
});
