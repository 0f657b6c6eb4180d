import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seedStory, temporaryFolder } from '../service/seed';
import { run } from './command';
import { startSaslBroker } from './sasl-broker';

const folder = temporaryFolder();
const store = join(folder.path, 'story.db');
const yaml = join(folder.path, 'bad.yaml');
const text = join(folder.path, 'text.db');

beforeAll(() => {
  seedStory(store);
  writeFileSync(yaml, 'stor: x.db\n');
  writeFileSync(text, 'no store at all, but a text that is long enough to be read as one'.repeat(50));
});
afterAll(() => folder.remove());

const local = ['--listen', '127.0.0.1:0'];

describe.each<[string, string[], Record<string, string>, number, RegExp]>([
  ['unknown command', ['serv'], {}, 2, /unknown command 'serv'\. Did you mean "serve"\?/],
  ['unknown flag', ['serve', '--stroe', 'x'], {}, 2, /unknown option '--stroe'\. Did you mean "--store"\?/],
  [
    'unknown flag of a report',
    ['report', 'redeliveries', '--sinze', '1h'],
    {},
    2,
    /Did you mean "--since"\?/,
  ],
  ['missing value', ['serve', '--store'], {}, 2, /argument missing.*--help/],
  ['missing argument', ['report', 'record'], {}, 2, /missing required argument/],
  ['unknown format', ['report', 'groups', '--format', 'xml'], {}, 2, /table, json, csv/],
  [
    'unknown key in the file',
    ['serve', '--config', yaml, ...local],
    {},
    2,
    /no key "stor"\. Did you mean "store"\?/,
  ],
  ['missing file', ['serve', '--config', '/nowhere.yaml'], {}, 2, /\/nowhere\.yaml.*no such file/],
  ['unknown variable', ['serve', ...local], { DUPESCOPE_STROE: 'x' }, 2, /Did you mean "DUPESCOPE_STORE"\?/],
  ['bad address', ['serve', '--listen', 'here'], {}, 2, /--listen: "listen" must be host:port/],
  ['open address', ['serve', '--listen', '0.0.0.0:0', '--store', '/dev/null/x.db'], {}, 2, /no token is set/],
  [
    'a folder that is a file',
    ['serve', ...local, '--store', '/dev/null/x.db'],
    {},
    3,
    /\/dev\/null is not a folder/,
  ],
  ['a store that is none', ['serve', ...local, '--store', text], {}, 3, /text\.db is/],
  ['no store', ['report', 'groups', '--store', join(folder.path, 'none.db')], {}, 3, /There is no store at/],
  [
    'no service',
    ['report', 'groups', '--service', 'http://127.0.0.1:9'],
    {},
    6,
    /No Dupescope service answered/,
  ],
  ['bad URL', ['report', 'groups', '--service', 'localhost'], {}, 2, /--service must be a URL/],
  [
    'both',
    ['report', 'groups', '--service', 'http://127.0.0.1:9', '--store', store],
    {},
    2,
    /Keep one of them/,
  ],
  [
    'bad time',
    ['report', 'redeliveries', '--store', store, '--since', 'yesterday'],
    {},
    2,
    /since must be a time/,
  ],
  [
    'bad partition',
    ['report', 'redeliveries', '--store', store, '--partition', 'x'],
    {},
    2,
    /partition must be a whole/,
  ],
  ['bad limit', ['report', 'redeliveries', '--store', store, '--limit', '0'], {}, 2, /--limit must be/],
  ['bad record', ['report', 'record', 'orders', '--store', store], {}, 2, /topic\/partition\/offset/],
  ['unknown topic', ['report', 'record', 'ordres/0/1', '--store', store], {}, 4, /Did you mean "orders"\?/],
  ['unknown group', ['report', 'groups', 'biling', '--store', store], {}, 4, /Did you mean "billing"\?/],
  ['topics without a name', ['doctor', '--topic', ' , '], {}, 2, /--topic must name a topic/],
  ['a verdict without an end', ['demo', '--json'], {}, 2, /--json is the verdict of a round: add --once/],
  ['bad seed', ['demo', '--seed', 'x'], {}, 2, /--seed must be a whole number/],
])('%s', (_name, args, env, code, words) => {
  test('one line that says what to do, and the exit code', async () => {
    const ended = await run(args, env);
    expect(ended.stderr).toMatch(words);
    expect(ended.stderr).toMatch(/^dupescope: [^\n]+\n$/);
    expect(ended.stderr).not.toMatch(/\bat .*:\d+:\d+|undefined|\[object/);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
  });
});

test('DUPESCOPE_DEBUG=1 adds the stack', async () => {
  const ended = await run(['report', 'record', 'x'], { DUPESCOPE_DEBUG: '1' });
  expect(ended.stderr).toMatch(/^dupescope: .*\n.*DupescopeError/);
  expect(ended.stderr).toContain('    at ');
});

test('unreachable brokers: doctor names them and what to check, and fails', async () => {
  const ended = await run(['doctor', '--store', store, '--brokers', '127.0.0.1:1']);
  expect(ended.stdout).toMatch(
    /^FAIL +brokers +No broker answered at 127\.0\.0\.1:1 \(ECONNREFUSED\)\. Check/m,
  );
  expect([ended.code, ended.stderr]).toEqual([1, '']);
});

test('wrong password: doctor names the user, never the password', async () => {
  const broker = await startSaslBroker();
  const login = ['--sasl-mechanism', 'plain', '--sasl-username', 'joe'];
  const args = ['doctor', '--store', store, '--brokers', broker.address, ...login];
  const ended = await run(args, { DUPESCOPE_SASL_PASSWORD: 'hunter2' });
  await broker.close();
  expect(ended.stdout).toMatch(
    /^FAIL +brokers +Kafka refused the login of "joe" \(plain\)\. Check sasl\.username/m,
  );
  expect(ended.stdout + ended.stderr).not.toContain('hunter2');
  expect([ended.code, ended.stderr]).toEqual([1, '']);
});

test('no command: the help, and exit code 2', async () => {
  const ended = await run([]);
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('serve');
  const help = await run(['serve', '--help']);
  expect([help.code, help.stderr]).toEqual([0, '']);
  expect(help.stdout).not.toMatch(/--token |--sasl-password </);
});
