/** The service is killed by SIGKILL again and again while it observes: nothing is passed over, nothing counts twice. */
import { Random } from '../../../src/demo/random';
import { start } from '../../cli/command';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { found, rangesOf, read, recordsOf, storeIn } from './observing';

/** DUPESCOPE_TEST_KILLS=50 for the long run, DUPESCOPE_TEST_SEED for the same one again. */
const KILLS = Number(process.env.DUPESCOPE_TEST_KILLS ?? 6);
jest.setTimeout(60_000 + KILLS * 15_000);
/** The same seed writes the same records, and kills at the same counts. */
const SEED = Number(process.env.DUPESCOPE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const folder = testFolder('observer-kills');

test(`killed ${KILLS} times while it observes, seed ${SEED}`, async () => {
  console.info(`DUPESCOPE_TEST_SEED=${SEED}`);
  const random = new Random(SEED);
  const killing = new Random(SEED + 1);
  const partitions = 4;
  const topic = await createTopic(uniqueName('killed'), partitions);
  const store = storeIn(folder, topic);
  // What it repeats by itself on a busy machine must not count.
  const idempotent = { idempotent: true, maxInFlightRequests: 1 };
  const producer = testKafka().producer({ allowAutoTopicCreation: false, ...idempotent });
  await producer.connect();
  const sent: string[] = [];
  const again: string[] = [];
  let written = 0;
  let stopped = false;
  const value = Buffer.alloc(150, 97);

  /** Unique records, and in each round some that stood there before: long ago and just now, in any partition. */
  const write = async () => {
    while (!stopped) {
      const fresh = Array.from({ length: 900 }, (_, i) => `m-${sent.length + i}`);
      const copies = Array.from({ length: sent.length === 0 ? 0 : 20 }, (_, i) =>
        i % 2 === 0 ? random.pick(sent) : random.pick(fresh),
      );
      sent.push(...fresh);
      again.push(...copies);
      const messages = [...fresh, ...copies].map((id) => ({ key: id, value, headers: { 'message-id': id } }));
      // Copies in another partition than their key's.
      for (const message of messages.slice(900)) {
        Object.assign(message, { partition: random.between(0, partitions - 1) });
      }
      await producer.send({ topic, messages, acks: -1 });
      written += messages.length;
      // So much ahead of the observer that each of its lives begins with work.
      await until('the observer is not too far behind', () => stopped || written - taken() < 60_000, 120_000);
    }
  };
  const taken = () => {
    try {
      return recordsOf(store, topic);
    } catch {
      return 0;
    }
  };
  const args = ['--store', store, '--listen', '127.0.0.1:0', '--brokers', testBrokers().join(',')];
  const serve = () => start(['serve', ...args, '--topics', topic, '--groups', 'none-of-them']);

  const writing = write();
  // Met where it is awaited.
  writing.catch(() => undefined);
  try {
    let killed = 0;
    while (killed < KILLS) {
      const before = taken();
      const serving = serve();
      // In the middle of it: some of it is stored, more is on its way.
      const least = before + killing.between(1, 15_000);
      await until(
        'it observes',
        () => {
          expect(serving.process.exitCode).toBeNull();
          return taken() >= least;
        },
        60_000,
      );
      serving.process.kill('SIGKILL');
      await serving.ended;
      killed++;
    }
  } finally {
    stopped = true;
    await writing.catch(() => undefined);
    await producer.disconnect();
  }
  await writing;
  const last = serve();
  await until('all of it was observed', () => taken() >= written, 120_000);
  last.process.kill('SIGTERM');
  expect((await last.ended).code).toBe(0);

  expect(recordsOf(store, topic)).toBe(written);
  const ranges = rangesOf(store, topic);
  expect(Object.keys(ranges)).toHaveLength(partitions);
  expect(Object.values(ranges).map((list) => [list.length, list[0]?.[0]])).toEqual(
    Array(partitions).fill([1, 0]),
  );
  expect(Object.values(ranges).reduce((sum, [range]) => sum + (range?.[1] ?? 0) + 1, 0)).toBe(written);
  const rows = found(store);
  expect(rows.every(({ kind }) => kind === 'duplicate')).toBe(true);
  expect(rows.map(({ identity }) => identity).sort()).toEqual([...again].sort());
  // Each place once, and the totals say the same.
  expect(new Set(rows.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(again.length);
  expect(read(store, (db) => db.prepare('SELECT duplicates FROM observed_topic').pluck().get())).toBe(
    again.length,
  );
});
