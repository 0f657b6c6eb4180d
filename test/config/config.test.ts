import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config';
import { nearest } from '../../src/config/nearest';
import { CONFIG_SCHEMA } from '../../src/config/schema';
import { SETTINGS } from '../../src/config/settings';
import { DupescopeError } from '../../src/errors';
import { temporaryFolder } from '../service/seed';

const folder = temporaryFolder();
afterAll(() => folder.remove());

let files = 0;
function file(text: string): string {
  const path = join(folder.path, `file-${++files}`);
  writeFileSync(path, text);
  return path;
}

/** The error's message; fails when there is none, or when it is not one line. */
function refusal(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    expect(error).toBeInstanceOf(DupescopeError);
    expect((error as DupescopeError).code).toBe('bad-configuration');
    expect((error as DupescopeError).message).not.toContain('\n');
    return (error as DupescopeError).message;
  }
  throw new Error('it was accepted');
}

test('defaults', () => {
  expect(loadConfig({ env: {} })).toEqual({
    store: './dupescope.db',
    listen: { host: '127.0.0.1', port: 7475 },
    token: null,
    insecureNoToken: false,
    allowedHosts: [],
    brokers: [],
    groups: [],
    excludeGroups: [],
    clientId: 'dupescope',
    ssl: false,
    sasl: null,
    topics: [],
    excludeTopics: [],
    from: 'beginning',
    readUncommitted: false,
    identity: [{ from: 'headers' }],
    clearTexts: true,
    windowDays: 7,
    identitiesMax: 10_000_000,
    topicRules: [],
    clusters: [],
    lagIntervalMs: 10_000,
    retentionDays: 30,
    retentionBytes: 2 * 1024 ** 3,
    logLevel: 'info',
  });
});

test('flags over environment over file', () => {
  const path = file('store: a.db\nlisten: 127.0.0.1:1\nclientId: from-file\nsasl:\n  username: joe\n');
  const env = {
    DUPESCOPE_LISTEN: '[::1]:2',
    DUPESCOPE_CLIENT_ID: 'from-environment',
    DUPESCOPE_SASL_MECHANISM: 'plain',
    DUPESCOPE_SASL_PASSWORD: 'secret',
    DUPESCOPE_BROKERS: 'one:9092, two:9092',
    DUPESCOPE_RETENTION_BYTES: '512MiB',
    DUPESCOPE_LOG_LEVEL: '',
  };
  const flags = new Map([['clientId', 'from-flag']]);
  expect(loadConfig({ file: path, env, flags })).toMatchObject({
    store: 'a.db',
    listen: { host: '::1', port: 2 },
    clientId: 'from-flag',
    sasl: { mechanism: 'plain', username: 'joe', password: 'secret' },
    brokers: ['one:9092', 'two:9092'],
    retentionBytes: 512 * 1024 ** 2,
    logLevel: 'info',
  });
  const named = file('store: b.db');
  expect(loadConfig({ env: { DUPESCOPE_CONFIG: named } }).store).toBe('b.db');
});

test('a secret in a file, and the later of token and tokenFile', () => {
  const tokenFile = file('token-from-a-file\n');
  const yaml = file(`tokenFile: ${tokenFile}\n`);
  expect(loadConfig({ file: yaml, env: {} }).token).toBe('token-from-a-file');
  expect(loadConfig({ file: yaml, env: { DUPESCOPE_TOKEN: 'token-of-environment' } }).token).toBe(
    'token-of-environment',
  );
  const both = { DUPESCOPE_TOKEN: 'token-of-environment', DUPESCOPE_TOKEN_FILE: tokenFile };
  expect(refusal(() => loadConfig({ env: both }))).toContain('Keep one of them');
});

test('a login by token: an endpoint or a file, the later one of them', () => {
  const yaml = file(
    'sasl:\n  mechanism: oauthbearer\n  tokenUrl: https://idp/token\n  clientId: a\n  extensions: [x=1=2]\n',
  );
  const env = { DUPESCOPE_SASL_CLIENT_SECRET: 'secret' };
  expect(loadConfig({ file: yaml, env }).sasl).toEqual({
    mechanism: 'oauthbearer',
    tokenUrl: 'https://idp/token',
    clientId: 'a',
    clientSecret: 'secret',
    extensions: { x: '1=2' },
  });
  const tokenFile = file('a.b.c');
  const other = file('sasl:\n  mechanism: oauthbearer\n  tokenUrl: https://idp/token\n');
  expect(loadConfig({ file: other, env: { DUPESCOPE_SASL_TOKEN_FILE: tokenFile } }).sasl).toEqual({
    mechanism: 'oauthbearer',
    tokenFile,
    extensions: {},
  });
});

test('TLS by switch or by files', () => {
  const pem = file('-----BEGIN CERTIFICATE-----');
  expect(loadConfig({ env: { DUPESCOPE_SSL: 'true' } }).ssl).toBe(true);
  expect(loadConfig({ env: { DUPESCOPE_SSL_CA: pem } }).ssl).toEqual({ ca: '-----BEGIN CERTIFICATE-----' });
  const yaml = file(`ssl:\n  ca: ${pem}\n`);
  expect(loadConfig({ file: yaml, env: {}, flags: new Map([['ssl', true]]) }).ssl).toEqual({
    ca: expect.any(String),
  });
  expect(loadConfig({ file: yaml, env: { DUPESCOPE_SSL: 'false' } }).ssl).toBe(false);
  expect(refusal(() => loadConfig({ env: { DUPESCOPE_SSL_CERT: pem } }))).toContain('belong together');
});

test.each([
  ['lisen: 127.0.0.1:1', 'there is no key "lisen". Did you mean "listen"?'],
  ['sasl:\n  user: x', 'section sasl: there is no key "user"'],
  ['something: 1', 'Known: store, listen,'],
  ['- a', 'must hold keys with values'],
  ['a: [', 'line 1 is not valid YAML'],
  ['listen: 7475', '"listen" must be host:port'],
  ['listen: localhost:99999', '"listen" must be host:port'],
  ['brokers: localhost:9092', '"brokers" must be host:port'],
  ['brokers: [localhost]', '"brokers" must be host:port'],
  ['lagIntervalMs: fast', '"lagIntervalMs" must be a whole number from 500'],
  ['retentionDays: -1', '"retentionDays" must be'],
  ['retentionBytes: 3', '"retentionBytes" must be bytes'],
  ['logLevel: loud', '"logLevel" must be silent, fatal'],
  ['ssl: maybe', '"ssl" must be true, false'],
  ['ssl:\n  ca: 7', '"ssl" must be true, false'],
  ['sasl:\n  mechanism: kerberos\n  username: a', '"sasl.mechanism" must be plain'],
  ['sasl:\n  mechanism: plain', 'plain also needs sasl.username: a name (DUPESCOPE_SASL_USERNAME)'],
  ['sasl:\n  mechanism: plain\n  username: a', 'a password is missing'],
  [
    'sasl:\n  mechanism: plain\n  username: a\n  passwordFile: /nowhere',
    'the file /nowhere cannot be read (ENOENT)',
  ],
  ['sasl:\n  mechanism: oauthbearer', 'oauthbearer needs a token: set sasl.tokenUrl'],
  [
    'sasl:\n  mechanism: oauthbearer\n  tokenUrl: https://idp/token',
    'sasl.tokenUrl also needs sasl.clientId',
  ],
  [
    'sasl:\n  mechanism: oauthbearer\n  tokenUrl: https://me:hunter2@idp/',
    '"sasl.tokenUrl" must be an address',
  ],
  [
    'sasl:\n  mechanism: oauthbearer\n  tokenUrl: https://idp/token\n  clientId: a',
    'the secret of the client is missing. Set DUPESCOPE_SASL_CLIENT_SECRET',
  ],
  [
    'sasl:\n  mechanism: oauthbearer\n  tokenFile: /nowhere',
    'sasl.tokenFile: the file /nowhere cannot be read',
  ],
  [
    'sasl:\n  mechanism: oauthbearer\n  tokenFile: /a\n  username: a',
    'is of no use with sasl.tokenFile. Remove it',
  ],
  ['sasl:\n  mechanism: plain\n  username: a\n  password: b\n  scope: c', 'is of no use with plain'],
  ['tokenFile: /nowhere', 'the file /nowhere cannot be read'],
])('the file %j is refused', (text, words) => {
  const path = file(text);
  const message = refusal(() => loadConfig({ file: path, env: {} }));
  expect(message).toContain(words);
});

test.each([
  [{ DUPESCOPE_LISEN: 'x' }, 'Did you mean "DUPESCOPE_LISTEN"?'],
  [{ DUPESCOPE_WHATEVER_ELSE: 'x' }, 'DUPESCOPE_WHATEVER_ELSE, which Dupescope does not know'],
  [{ DUPESCOPE_LAG_INTERVAL_MS: '1s' }, 'DUPESCOPE_LAG_INTERVAL_MS: "lagIntervalMs" must be a whole number'],
  [{ DUPESCOPE_INSECURE_NO_TOKEN: 'perhaps' }, '"insecureNoToken" must be true or false'],
])('the environment %j is refused', (env, words) => {
  expect(refusal(() => loadConfig({ env }))).toContain(words);
});

test('variables of other parts are left to them', () => {
  const env = {
    DUPESCOPE_TEST_BROKERS: 'x',
    DUPESCOPE_PAST_LIMIT_MS: '7',
    DUPESCOPE_DEBUG: '1',
    DUPESCOPE_DEMO_X: '',
    DUPESCOPE_SERVICE_HOST: '10.0.0.7',
    DUPESCOPE_PORT_7475_TCP_ADDR: '10.0.0.7',
  };
  expect(loadConfig({ env }).store).toBe('./dupescope.db');
});

test('secrets are never printed', () => {
  const secrets = ['tok en with spaces', 'hunter2-hunter2'];
  const messages = [
    refusal(() => loadConfig({ env: { DUPESCOPE_TOKEN: 'tok en with spaces' } })),
    refusal(() => loadConfig({ file: file('token: tok en with spaces'), env: {} })),
    refusal(() => loadConfig({ file: file('token: [tok en with spaces'), env: {} })),
    refusal(() => loadConfig({ file: file('sasl: hunter2-hunter2'), env: {} })),
    refusal(() => loadConfig({ env: { DUPESCOPE_SASL_PASSWORD: 'hunter2-hunter2' } })),
    refusal(() => loadConfig({ env: { DUPESCOPE_SASL_CLIENT_SECRET: 'hunter2-hunter2' } })),
    refusal(() => loadConfig({ file: file(`tokenFile: ${file('tok en with spaces')}`), env: {} })),
  ];
  for (const message of messages) for (const secret of secrets) expect(message).not.toContain(secret);
});

test('the table of settings and the schema name the same keys', () => {
  const roots = new Set(SETTINGS.map((setting) => setting.key.split('.')[0]));
  expect([...roots, 'sasl'].sort()).toEqual(
    [...new Set([...Object.keys(CONFIG_SCHEMA.shape), 'sasl'])].concat('sasl').sort(),
  );
  for (const secret of ['token', 'sasl.password', 'sasl.clientSecret']) {
    expect(SETTINGS.find((setting) => setting.key === secret)?.flag).toBeUndefined();
  }
});

test.each([
  ['lisen', 'listen'],
  ['stroe', 'store'],
  ['retention_days', 'retentionDays'],
  ['--since', 'since'],
  ['xyzzy', undefined],
])('nearest to %s is %s', (word, found) => {
  expect(nearest(word, ['listen', 'store', 'retentionDays', 'since'])).toBe(found);
});

test('docs/settings.md names every key with its flag, its variable and what it is', () => {
  const told = readFileSync(join(__dirname, '../../docs/settings.md'), 'utf8');
  const code = (text: string | undefined) => (text === undefined ? '' : `\`${text}\``);
  for (const { key, flag, variable, help } of SETTINGS) {
    expect(told).toContain(`| ${code(key)} | ${code(flag)} | ${code(variable)} | ${help} |`);
  }
});

test.each([
  ['orders,payments.*', ['orders', 'payments.*']],
  [' orders , , payments ', ['orders', 'payments']],
  ['/^a{1,3}$/', ['/^a{1,3}$/']],
  ['orders,/^a{1,3}$/, /b,c/ ,d', ['orders', '/^a{1,3}$/', '/b,c/', 'd']],
  ['/open,orders', ['/open', 'orders']],
  ['', []],
  [',', []],
])('a list of patterns, by flag and by environment: %s', (text, topics) => {
  expect(loadConfig({ flags: new Map([['excludeTopics', text]]), env: {} }).excludeTopics).toEqual(topics);
  expect(loadConfig({ env: { DUPESCOPE_EXCLUDE_GROUPS: text } }).excludeGroups).toEqual(topics);
});
