import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import {
  appEnvironment,
  type Finished,
  filledTopic,
  onceAgain,
  REGISTER,
  runNode,
  storedGroup,
} from './run-app';

const RECORDS = 60;
/** Of an application with two consumers. */
const BOTH = ['', '-second'];

const folder = testFolder('register');
let topic: string;

beforeAll(async () => {
  topic = await filledTopic('register', RECORDS);
});

interface Run extends Finished {
  group: string;
  store: string;
}

async function run(args: string[], env: Record<string, string> = {}): Promise<Run> {
  const group = uniqueName('register');
  const store = join(folder, `${group}.db`);
  const finished = await runNode(args, {
    ...appEnvironment(topic, RECORDS, group),
    DUPESCOPE_STORE: store,
    ...env,
  });
  return { ...finished, group, store };
}

/** The application told the ground truth, and the store says the same: of each of its groups. */
function expectExact({ told, group, store, ...ended }: Run, suffixes = ['']): void {
  expectQuiet(ended);
  for (const suffix of suffixes) {
    const name = group + suffix;
    expect(told).toContainEqual({ group: name, deliveries: RECORDS + 1 });
    expect(storedGroup(store, name)).toEqual(onceAgain(RECORDS));
  }
}

/** Ended well, and we had nothing to say; kafkajs warns of a negative timeout on Node 24 (its issue #1751). */
function expectQuiet({ code, warnings, stderr }: Pick<Finished, 'code' | 'warnings' | 'stderr'>): void {
  expect(code === 0 ? { code, warnings } : { code, stderr }).toEqual({ code: 0, warnings: [] });
}

/** The application did its work, and only it. */
function expectUnseen({ code, told, group, store }: Run): void {
  expect(code).toBe(0);
  expect(told).toEqual([{ group, deliveries: RECORDS + 1 }]);
  expect(storedGroup(store, group)).toBeNull();
}

describe('sees the consumers of', () => {
  test.each<[string, string[]]>([
    ['a CommonJS application', ['--require', REGISTER, 'app.cjs']],
    ['an ES module application', ['--require', REGISTER, 'app.mjs']],
    ['an ES module application, given by --import', ['--import', REGISTER, 'app.mjs']],
    ['a dynamic import', ['--require', REGISTER, 'dynamic.cjs']],
    ['kafkajs required before', ['--require', './loads-kafkajs.cjs', '--require', REGISTER, 'app.cjs']],
    [
      'kafkajs required before an ES module',
      ['--require', './loads-kafkajs.cjs', '--require', REGISTER, 'app.mjs'],
    ],
    ['kafkajs imported before', ['--import', './loads-kafkajs.mjs', '--import', REGISTER, 'app.mjs']],
    ['a worker thread', ['--require', REGISTER, 'worker-thread.cjs']],
  ])('%s', async (_what, args) => {
    expectExact(await run(args));
  });

  test('a process that got it by NODE_OPTIONS', async () => {
    expectExact(await run(['app.mjs'], { NODE_OPTIONS: `--require "${REGISTER}"` }));
  });

  test('two copies of kafkajs in one process', async () => {
    const copy = join(folder, 'node_modules/kafkajs');
    cpSync(dirname(require.resolve('kafkajs/package.json')), copy, { recursive: true });
    const result = await run(['--require', REGISTER, 'two-copies.cjs'], { APP_OTHER_KAFKAJS: copy });
    expectExact(result, BOTH);
  });
});

describe('counts a delivery once when', () => {
  test.each([
    ['before', 'instrumented.cjs'],
    ['after', 'late-instrument.cjs'],
  ])('the application calls instrument() itself %s its first consumer', async (_when, app) => {
    expectExact(await run(['--require', REGISTER, app]), BOTH);
  });

  test('it is required twice', async () => {
    expectExact(await run(['--require', REGISTER, '--require', REGISTER, 'app.cjs']));
  });

  test('others patch the prototype and the client, and hides neither', async () => {
    const result = await run(['--require', REGISTER, 'traced.cjs']);
    expectExact(result, BOTH);
    expect(result.told.at(-1)).toEqual({ prototype: 2, client: 1 });
  });
});

describe('configured by the environment', () => {
  test.each(['1', 'true'])('DUPESCOPE_DISABLED=%s does nothing', async (value) => {
    const result = await run(['--require', REGISTER, 'app.cjs'], { DUPESCOPE_DISABLED: value });
    expectUnseen(result);
    expectQuiet(result);
  });

  test('every variable is taken, sizes with their units, empty ones as not set', async () => {
    expectExact(
      await run(['--require', REGISTER, 'app.cjs'], {
        DUPESCOPE_DISABLED: '0',
        DUPESCOPE_JOURNAL_EVERY_RECORD: '1',
        DUPESCOPE_RETENTION_DAYS: '7.5',
        DUPESCOPE_RETENTION_BYTES: '512MiB',
        DUPESCOPE_JOURNAL_LIMIT_BYTES: '1048576',
        DUPESCOPE_PAST_LIMIT_MS: '',
        DUPESCOPE_TRACING: '0.5',
        DUPESCOPE_SERVICE_PORT: '7475',
      }),
    );
  });

  test.each([
    ['DUPESCOPE_RETENTION_DAYS', 'soon', 'must be a number from'],
    ['DUPESCOPE_RETENTION_BYTES', '12 parsecs', 'must be a number from'],
    ['DUPESCOPE_PAST_LIMIT_MS', '-1', 'must be a number from'],
    ['DUPESCOPE_JOURNAL_EVERY_RECORD', 'perhaps', 'must be 1 or 0'],
    ['DUPESCOPE_TRACING', '1.5', 'must be redeliveries, all, off'],
  ])('%s=%s: the application runs on, one line says what is wrong', async (variable, value, rule) => {
    const result = await run(['--require', REGISTER, 'app.cjs'], { [variable]: value });
    expectUnseen(result);
    expect(result.warnings).toEqual([expect.stringContaining(`${variable} is "${value}": it ${rule}`)]);
  });

  test('a misspelt variable is told, and the rest holds', async () => {
    const result = await run(['--require', REGISTER, 'app.cjs'], { DUPESCOPE_RETENTION_DAY: '7' });
    expect(result.warnings).toEqual([expect.stringContaining('Did you mean "DUPESCOPE_RETENTION_DAYS"?')]);
    expectExact({ ...result, warnings: [] });
  });

  test('a wrong value says nothing in a process without kafkajs', async () => {
    const result = await runNode(['--require', REGISTER, '-p', '1'], { DUPESCOPE_RETENTION_DAYS: 'soon' });
    expect(result).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('a store that cannot be written: the application runs on, one line says so', () => {
  test('no folder can be made', async () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    const store = join(file, 'dupescope.db');
    const result = await run(['--require', REGISTER, 'app.cjs'], { DUPESCOPE_STORE: store });
    expectUnseen(result);
    expect(result.warnings).toEqual([expect.stringContaining('dupescope:store-unwritable')]);
    expect(result.warnings[0]).toContain(store);
  });

  test('it is a folder', async () => {
    const store = join(folder, 'a-folder');
    mkdirSync(store);
    const result = await run(['--require', REGISTER, 'app.cjs'], { DUPESCOPE_STORE: store });
    expectUnseen(result);
    expect(result.warnings).toEqual([expect.stringContaining('dupescope:store-unwritable')]);
  });
});
