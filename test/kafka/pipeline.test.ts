/** A consume-transform-produce pipeline, killed at every step of its transactions. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { verdictOf } from '../../src/ledger';
import { openStore } from '../../src/store/open';
import { groupsOf } from '../../src/store/queries';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';

/** Kills of each test; DUPESCOPE_TEST_KILLS=50 for the long run, DUPESCOPE_TEST_SEED for another plan. */
const KILLS = Number(process.env.DUPESCOPE_TEST_KILLS ?? 8);
const SEED = Number(process.env.DUPESCOPE_TEST_SEED ?? 1);
const MESSAGES_A_KILL = 40;
const STEPS = ['sending', 'offering', 'committing', 'committed'];

const folder = testFolder('pipeline');
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What stands in the topic, by key. */
async function written(topic: string, readUncommitted: boolean): Promise<Map<string, number>> {
  const consumer = testKafka().consumer({
    groupId: uniqueName('audit'),
    readUncommitted,
    maxWaitTimeInMs: 50,
  });
  const admin = testKafka().admin();
  const counts = new Map<string, number>();
  const reached = new Map<number, number>();
  await Promise.all([consumer.connect(), admin.connect()]);
  const ends = await admin.fetchTopicOffsets(topic);
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      for (const { key } of batch.messages) counts.set(String(key), (counts.get(String(key)) ?? 0) + 1);
      reached.set(batch.partition, Number(batch.lastOffset()) + 1);
    },
  });
  const isRead = () =>
    ends.every(({ partition, high }) => Number(high) === 0 || (reached.get(partition) ?? 0) >= Number(high));
  await until('the output is read', isRead, 60_000);
  await Promise.all([consumer.disconnect(), admin.disconnect()]);
  return counts;
}

const sum = (counts: Map<string, number>) => [...counts.values()].reduce((total, count) => total + count, 0);

async function isConsumed(topic: string, group: string): Promise<boolean> {
  const admin = testKafka().admin();
  await admin.connect();
  try {
    const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const ends = await admin.fetchTopicOffsets(topic);
    return ends.every(
      ({ partition, high }) =>
        committed?.partitions.find((one) => one.partition === partition)?.offset === high,
    );
  } finally {
    await admin.disconnect();
  }
}

/** What the ledger says once the journals of the dead are taken in. */
function toldOf(ledger: string, group: string) {
  const writer = new Writer({ storePath: ledger, ownJournal: null, retention: DEFAULT_RETENTION });
  writer.sweep(true);
  writer.close();
  const db = openStore(ledger);
  try {
    const [row] = groupsOf(db, { group, limit: 1 });
    if (row === undefined) throw new Error('the ledger does not know the group');
    return { row, ...verdictOf(row) };
  } finally {
    db.close();
  }
}

test.each(['eachMessage', 'eachBatch'])(
  `killed ${KILLS} times it writes each output once, and the ledger says so: %s`,
  async (handler) => {
    const random = randomOf(SEED);
    const input = await createTopic(uniqueName('pipeline-in'), 2);
    const output = await createTopic(uniqueName('pipeline-out'), 2);
    const group = uniqueName('pipeline');
    const task = {
      ...{ brokers: testBrokers(), group, input, output, handler, failEvery: 25 },
      ...{ transactionalId: uniqueName('pipeline'), ledger: join(folder, `${group}.db`) },
    };
    const producer = testKafka().producer();
    await producer.connect();
    let sent = 0;
    const send = async () => {
      const messages = Array.from({ length: MESSAGES_A_KILL }, () => ({
        key: `message ${++sent}`,
        value: String(sent),
        partition: sent % 2,
      }));
      await producer.send({ topic: input, messages });
    };
    const launch = () => {
      const child = fork(join(__dirname, 'pipeline-app.js'), [JSON.stringify(task)]);
      children.push(child);
      return { child, exited: once(child, 'exit') };
    };
    for (let kill = 0; kill < KILLS; kill++) {
      await send();
      // After so many transactions, at that step.
      const step = STEPS[Math.floor(random() * STEPS.length)];
      let left = 1 + Math.floor(random() * 4);
      const { child, exited } = launch();
      child.on('message', (told) => {
        if (told === step && --left === 0) child.kill('SIGKILL');
      });
      const timer = setTimeout(() => child.kill('SIGTERM'), 60_000);
      const [, signal] = await exited;
      clearTimeout(timer);
      expect(signal).toBe('SIGKILL');
    }
    await producer.disconnect();
    const last = launch();
    await until('everything is consumed', () => isConsumed(input, group), 60_000 + KILLS * 8_000);
    last.child.send('stop');
    await last.exited;

    const committed = await written(output, false);
    const { row, verdict, words } = toldOf(task.ledger, group);
    const promises = query<{ took_place: number | null; n: number }>(
      task.ledger,
      'SELECT took_place, count(*) AS n FROM commit_promise GROUP BY took_place',
    );
    console.info(
      `${handler}, seed ${SEED}: ${KILLS} kills, ${sent} messages, ${sum(committed)} outputs, ${row.redeliveries} redelivered, commits in doubt`,
      promises,
      words,
    );
    expect([...committed.values()].every((count) => count === 1)).toBe(true);
    expect(committed.size).toBe(sent);
    expect(row.redeliveries).toBeGreaterThan(0);
    expect({ verdict, again: row.appliedAgain, lost: row.premature + row.skipped }).toEqual({
      ...{ verdict: 'exactly_once_so_far', again: 0, lost: 0 },
    });
    expect(row.failedAgain).toBe(row.redeliveries);
    expect(words).toMatch(/^exactly once so far: \d+ redelivered, none after the transaction/);
  },
  120_000 + KILLS * 30_000,
);
