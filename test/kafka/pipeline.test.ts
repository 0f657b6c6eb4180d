/** A consume-transform-produce pipeline, killed at every step of its transactions, with a network that fails, and fenced. */
import { API, type FaultProxy } from '../../src/demo/broker';
import { Random } from '../../src/demo/random';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';
import { dropNext, proxySharedBroker } from '../support/proxied';
import { type Child, Pipeline } from './pipelines';

/** Kills of each test; DUPESCOPE_TEST_KILLS=50 for the long run, DUPESCOPE_TEST_SEED for another plan. */
const GIVEN = process.env.DUPESCOPE_TEST_KILLS;
const SEED = Number(process.env.DUPESCOPE_TEST_SEED ?? 1);
const STEPS = ['sending', 'offering', 'committing', 'committed'];

const folder = testFolder('pipeline');
const pipelines: Pipeline[] = [];
let proxy: FaultProxy;

beforeAll(async () => {
  proxy = await proxySharedBroker();
});

afterAll(async () => {
  for (const pipeline of pipelines) pipeline.killAll();
  await proxy.close();
});

async function pipelineOf(handler: string): Promise<Pipeline> {
  const pipeline = await Pipeline.make(folder, handler);
  pipelines.push(pipeline);
  return pipeline;
}

const felt = () => proxy.counters.cut + proxy.counters.dropped + proxy.counters.delayed;

/** Each is one moment's; clients try again, or the process ends and is started anew. */
const FAULTS = [
  () => void proxy.cut(),
  () => dropNext(proxy, [API.EndTxn]),
  () => dropNext(proxy, [API.Produce]),
  () => dropNext(proxy, [API.TxnOffsetCommit]),
  () => proxy.delayAnswers(80),
];

/** Does that at so many of these steps from now, unless the process ends before, by a fault. */
function atStep({ child, exited }: Child, step: string, count: number, action = () => {}): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    const listener = (told: unknown) => {
      if (told !== step || --left > 0) return;
      child.off('message', listener);
      action();
      resolve();
    };
    child.on('message', listener);
    void exited.then(() => resolve());
  });
}

/** Kills it at that step, and answers how it ended: by null where it was killed, else by its code. */
async function killedAt(running: Child, step: string, count: number): Promise<number | null> {
  const { child, exited } = running;
  const timer = setTimeout(() => child.kill('SIGTERM'), 60_000);
  void atStep(running, step, count, () => child.kill('SIGKILL'));
  const [code, signal] = await exited;
  clearTimeout(timer);
  expect(signal).not.toBe('SIGTERM');
  return code;
}

describe.each([
  ['eachMessage', 0],
  ['eachBatch', 3],
])('%s', (handler, firstFault) => {
  const kills = Number(GIVEN ?? 5);
  test(
    `killed ${kills} times it writes each output once, and the ledger says so`,
    async () => {
      const random = new Random(SEED);
      const pipeline = await pipelineOf(handler);
      for (let kill = 0; kill < kills; kill++) {
        await pipeline.send();
        expect(await killedAt(pipeline.launch(), random.pick(STEPS), random.between(1, 4))).toBeNull();
      }
      await pipeline.finish(60_000 + kills * 8_000);
      const { redeliveries, figures } = await pipeline.expectExactlyOnce();
      console.info(`${handler}, seed ${SEED}: ${kills} kills, ${figures}`);
      expect(redeliveries).toBeGreaterThan(0);
      expect(figures).toMatch(/exactly once so far: [\d,]+ redelivered, none after the transaction/);
    },
    120_000 + kills * 30_000,
  );

  // The two handlers have all the faults between them.
  const faulty = Number(GIVEN ?? 3);
  test(
    `with connections cut and answers lost before each of ${faulty} kills it does too`,
    async () => {
      const random = new Random(SEED);
      const pipeline = await pipelineOf(handler);
      const start = { ...proxy.counters };
      let ended = 0;
      for (let round = 0; round < faulty; round++) {
        await pipeline.send();
        const running = pipeline.launch(proxy.port);
        const before = felt();
        const fault = FAULTS[(round + firstFault) % FAULTS.length];
        await atStep(running, random.pick(STEPS), random.between(1, 2), fault);
        await until('the fault is felt', () => felt() > before || running.child.exitCode !== null);
        // It gets over it, or ends: what it cannot know is its successor's to find out.
        await atStep(running, 'committed', 1, () => proxy.heal());
        if ((await killedAt(running, random.pick(STEPS), 1)) === 3) ended++;
        proxy.heal();
      }
      await pipeline.finish(60_000 + faulty * 20_000, proxy.port);
      const { redeliveries, figures } = await pipeline.expectExactlyOnce();
      const count = (name: 'cut' | 'dropped' | 'delayed') => proxy.counters[name] - start[name];
      console.info(
        `${handler}, seed ${SEED}: ${faulty} faults and kills, ${count('cut')} connections cut, ${count('dropped')} answers lost, ${count('delayed')} late, ${ended} processes ended by them, ${figures}`,
      );
      expect(count('cut') + count('dropped')).toBeGreaterThan(0);
      expect(redeliveries).toBeGreaterThan(0);
    },
    120_000 + faulty * 60_000,
  );
});

test('a zombie in the middle of a transaction is fenced by the next process of its transactionalId', async () => {
  const pipeline = await pipelineOf('eachMessage');
  await pipeline.send();
  const zombie = pipeline.launch(proxy.port);
  let reason = '';
  zombie.child.on('message', (told) => {
    if (typeof told === 'object') reason = (told as { ended: string }).ended;
  });
  await atStep(zombie, 'committed', 2);
  const { delayed } = proxy.counters;
  proxy.delayAnswers(600_000, ({ apiKey }) => apiKey === API.Produce);
  await until('it waits in a transaction', () => proxy.counters.delayed > delayed);
  zombie.child.kill('SIGSTOP');
  const next = pipeline.launch();
  await pipeline.consumed(60_000);
  proxy.heal();
  zombie.child.kill('SIGCONT');
  expect(await zombie.exited).toEqual([3, null]);
  expect(reason).toMatch(/old epoch|fence/i);
  next.child.send('stop');
  await next.exited;
  const { redeliveries, figures } = await pipeline.expectExactlyOnce();
  console.info(`zombie ended by "${reason}", ${figures}`);
  expect(redeliveries).toBeGreaterThan(0);
}, 180_000);
