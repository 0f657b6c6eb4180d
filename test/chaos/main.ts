/** `npm run chaos -- --minutes 30 --seed N [--lanes a,b] [--keep]`: the long run, or a part of it, or
 * one whose folder stays. Ends with 0 when all holds. */
import { parseArgs } from 'node:util';
import { Ending } from '../../src/demo/ending';
import { runChaos } from './chaos';
import { killAll, monotonic } from './child';
import { LANES } from './lanes';
import { planText } from './plan';
import { failuresOf, reportLines } from './report';

const FAILURES_SHOWN = 40;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string' },
      lanes: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  });
  const minutes = Number(values.minutes);
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  const wanted = values.lanes?.split(',');
  const lanes = LANES.filter(({ name }) => wanted === undefined || wanted.includes(name));
  if (!(minutes > 0) || !Number.isInteger(seed) || lanes.length === 0) {
    say(`Give --minutes N, --seed N and --lanes of ${LANES.map(({ name }) => name).join(',')}`);
    return 2;
  }
  say(
    `seed ${seed}, ${minutes} minutes; the same plan again: npm run chaos -- --minutes ${minutes} --seed ${seed}`,
  );
  for (const line of planText(seed, lanes, (spec) => 2 * spec.faults.length)) say(`plan ${line} | ...`);

  const ending = new Ending();
  const endBy = (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP', code: number) =>
    process.once(signal, () => {
      say(`${signal}: everything is ended`);
      killAll();
      void ending.run().then(() => process.exit(code));
    });
  endBy('SIGINT', 130);
  endBy('SIGTERM', 143);
  endBy('SIGHUP', 129);

  const since = monotonic();
  try {
    const report = await runChaos({
      ...{ seed, lanes, say, ending, brokers: null, keep: values.keep },
      goesOn: () => monotonic() - since < minutes * 60_000,
    });
    for (const line of reportLines(report)) say(line);
    const failures = failuresOf(report);
    for (const failure of failures.slice(0, FAILURES_SHOWN)) say(`FAILED ${failure}`);
    say(failures.length === 0 ? 'All of it holds' : `${failures.length} things do not hold`);
    return failures.length === 0 ? 0 : 1;
  } finally {
    await ending.run();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
    // Whatever may still hold the process has been ended.
    process.exit();
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
