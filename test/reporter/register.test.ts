import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { appEnvironment, filledTopic, onceAgain, runNode, storedGroup } from '../register/run-app';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { freePort, killAll, ServiceProcess } from '../support/hosts';

const RECORDS = 60;
const DIST = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
const APP = join(__dirname, '../register/apps/app.cjs');
const TOKEN = 'token-of-the-register';

const folder = testFolder('report-register');
let topic: string;

beforeAll(async () => {
  topic = await filledTopic('report-register', RECORDS);
});
afterAll(killAll);

async function run(env: Record<string, string>) {
  const group = uniqueName('report-register');
  // The default journal stands where the process runs.
  const place = join(folder, group);
  mkdirSync(place);
  const all = { ...appEnvironment(topic, RECORDS, group), ...env };
  const ended = await runNode(['--require', join(DIST, 'register.js'), APP], all, place);
  const root = join(place, 'dupescope.journal');
  const journals = existsSync(root)
    ? readdirSync(root).flatMap((service) => readdirSync(join(root, service)))
    : [];
  return { ...ended, group, journals };
}

test('an application that is not changed reports to a service, exactly, and leaves nothing behind', async () => {
  const service = new ServiceProcess(join(folder, 'ledger.db'), await freePort(), TOKEN);
  await service.start();
  const ended = await run({
    DUPESCOPE_SERVICE: service.url,
    DUPESCOPE_TOKEN: TOKEN,
    DUPESCOPE_REPORT_EVERY_MS: '200',
  });
  expect(ended).toMatchObject({ code: 0, warnings: [], journals: [] });
  expect(storedGroup(service.store, ended.group)).toEqual(onceAgain(RECORDS));
});

test('no service there: the application does its work, says so once, and its journal waits', async () => {
  const ended = await run({ DUPESCOPE_SERVICE: `http://127.0.0.1:${await freePort()}` });
  expect(ended.told).toEqual([{ group: ended.group, deliveries: RECORDS + 1 }]);
  expect(ended.warnings.filter((line) => line.includes('service-unreachable'))).toHaveLength(1);
  expect(ended.journals).toHaveLength(1);
});

test.each<[Record<string, string>, string]>([
  [{ DUPESCOPE_STORE: './x.db' }, '"store" or "service", not both'],
  [{ DUPESCOPE_TOKEN_FILE: '/no/such/file' }, '"tokenFile" cannot be read'],
  [{ DUPESCOPE_REPORT_EVERY_MS: 'often' }, 'DUPESCOPE_REPORT_EVERY_MS is "often"'],
  [{ DUPESCOPE_JOURNAL: '/dev/null/x' }, 'dupescope:journal-unwritable'],
])('%j: told, and the application runs on unobserved', async (env, warning) => {
  const ended = await run({ DUPESCOPE_SERVICE: 'http://127.0.0.1:1', ...env });
  expect(ended.told).toEqual([{ group: ended.group, deliveries: RECORDS + 1 }]);
  expect(ended.warnings.join('\n')).toContain(warning);
});
