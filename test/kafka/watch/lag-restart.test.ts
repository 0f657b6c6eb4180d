import { join } from 'node:path';
import { EndSamples } from '../../../src/kafka/watch/end-samples';
import { openReader } from '../../../src/store/open';
import { type Started, start } from '../../cli/command';
import { testBrokers, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { fill, filledTopic, Tool } from './groups';

const folder = testFolder('lag-restart');
/** How much older than it is a record may be told: log ends are stored every 5 s, the clocks of two rounds apart. */
const STORED_EVERY_S = 7;

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'lag in seconds is right at once after %s',
  async (signal) => {
    const store = join(folder, `${signal}.db`);
    const topic = await filledTopic('lag-restart', 10);
    const group = uniqueName('lag-restart');
    const tool = new Tool();
    const brokers = testBrokers().join();
    const serve = () =>
      start(
        [
          'serve',
          '--store',
          store,
          '--listen',
          '127.0.0.1:0',
          '--brokers',
          brokers,
          '--groups',
          group,
        ].concat(['--lag-interval-ms', '500']),
        {},
        180_000,
      );
    await tool.commit(group, topic, { 0: 10 });
    let serving = serve();
    await until('the lag is known', async () => (await lagOf(serving, group)).seconds === 0);
    await until('where the log ends is stored', () => endsIn(store, topic).some(([offset]) => offset === 10));
    const before = Date.now();
    await fill(topic, 5);
    const after = Date.now();
    await until('it grows', async () => ((await lagOf(serving, group)).seconds ?? 0) > 8);
    await until('the growth is stored', () => endsIn(store, topic).some(([offset]) => offset === 15));
    serving.process.kill(signal);
    await serving.ended.catch(() => undefined);

    serving = serve();
    let first: LagNow | null = null;
    await until('lag is told again', async () => {
      first = await lagOf(serving, group);
      return first.records !== undefined;
    });
    const now = Date.now();
    expect(first).toMatchObject({ records: 5 });
    // Without what was stored nothing older than this start would be known: null.
    const seconds = (first as LagNow | null)?.seconds;
    expect(seconds).toBeLessThanOrEqual((now - before) / 1_000 + STORED_EVERY_S);
    expect(seconds).toBeGreaterThan((now - after) / 1_000 - STORED_EVERY_S);
    await tool.close();
    serving.process.kill('SIGTERM');
    await serving.ended;
  },
  240_000,
);

test('of samples that were stored the age is the same, within the time between two', () => {
  const samples = new EndSamples();
  // A record a second, asked for every second, for two hours.
  for (let second = 0; second < 7_200; second++) samples.add(second, second * 1_000);
  const stored = samples.stored();
  expect(stored.length).toBeLessThanOrEqual(60);
  const again = EndSamples.from(stored);
  const now = 7_200_000;
  for (let offset = 7_000; offset < 7_199; offset++) {
    const age = samples.ageOf(offset, now);
    const told = again.ageOf(offset, now);
    if (age !== null) expect(Math.abs((told ?? Number.NaN) - age)).toBeLessThanOrEqual(1_000);
  }
  expect(again.end).toBe(7_199);
});

test('a log that became shorter forgets what was stored', () => {
  const samples = EndSamples.from([
    [10, 1_000],
    [20, 2_000],
  ]);
  samples.add(5, 3_000);
  expect(samples.stored()).toEqual([[5, 3_000]]);
});

interface LagNow {
  records: number | undefined;
  seconds: number | undefined;
}

/** As /metrics tells it; undefined: not told. */
async function lagOf(serving: Started, group: string): Promise<LagNow> {
  const url = /http:\/\/\S+/.exec(await serving.firstLine)?.[0];
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const told = (name: string) => {
    const line = lines.find((one) => one.startsWith(`${name}{`) && one.includes(`group="${group}"`));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return {
    records: told('dupescope_consumer_lag_records'),
    seconds: told('dupescope_consumer_lag_seconds'),
  };
}

function endsIn(store: string, topic: string): [number, number][] {
  const db = openReader(store);
  try {
    const row = db.prepare('SELECT ends FROM log_ends WHERE topic = ? AND partition = 0').pluck().get(topic);
    return row === undefined ? [] : (JSON.parse(row as string) as [number, number][]);
  } finally {
    db.close();
  }
}
