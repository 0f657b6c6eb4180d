/** SASL OAUTHBEARER over TLS against Kafka's own validator of tokens: by endpoint and by file, by each way to say so. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AclEntry,
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from 'kafkajs';
import { filledTopic, reading, Tool } from '../kafka/watch/groups';
import { json } from '../service/running';
import { temporaryFolder } from '../service/seed';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { type SecureBroker, startSecureBroker } from '../support/secure-broker';
import { startTokenServer, type TokenServer } from '../support/token-server';
import { run, type Started, start } from './command';

jest.setTimeout(240_000);
const SECRET = 'a % secret: with +signs&';
const folder = temporaryFolder();
let issuer: TokenServer;
let secured: SecureBroker;
let topic: string;

const direct = () => testKafka({ brokers: secured.broker.brokers });

beforeAll(async () => {
  issuer = await startTokenServer(new Map([['watcher', SECRET]]));
  secured = await startSecureBroker(folder.path, [], issuer);
  topic = await createTopic(uniqueName('tokens'), 1, direct());
  await grantAll(topic);
});
afterAll(async () => {
  await secured?.broker.stop();
  await issuer?.close();
  folder.remove();
});
beforeEach(() => {
  issuer.instead = null;
  issuer.expiresInSeconds = 3_600;
});

async function grantAll(...topics: string[]): Promise<void> {
  const { TOPIC, GROUP } = AclResourceTypes;
  const { READ, DESCRIBE } = AclOperationTypes;
  const entry = (
    resourceType: AclResourceTypes,
    resourceName: string,
    operation: AclOperationTypes,
  ): AclEntry => ({
    ...{ principal: 'User:watcher', host: '*', permissionType: AclPermissionTypes.ALLOW },
    ...{ resourcePatternType: ResourcePatternTypes.LITERAL, resourceType, resourceName, operation },
  });
  const admin = direct().admin();
  await admin.connect();
  const acl = [...topics, '__consumer_offsets'].map((name) => entry(TOPIC, name, READ));
  await admin.createAcls({ acl: [...acl, entry(GROUP, '*', DESCRIBE)] });
  await admin.disconnect();
}

const reached = () => ({
  DUPESCOPE_BROKERS: secured.broker.second.join(','),
  DUPESCOPE_SSL_CA: secured.ca,
  DUPESCOPE_SASL_MECHANISM: 'oauthbearer',
});

const byEndpoint = () => ({
  ...reached(),
  DUPESCOPE_SASL_TOKEN_URL: issuer.tokenUrl,
  DUPESCOPE_SASL_CLIENT_ID: 'watcher',
  DUPESCOPE_SASL_CLIENT_SECRET: SECRET,
});

async function writeTwice(id: string): Promise<void> {
  const producer = direct().producer();
  await producer.connect();
  for (let i = 0; i < 2; i++)
    await producer.send({ topic, messages: [{ value: id, headers: { 'message-id': id } }] });
  await producer.disconnect();
}

async function served(
  store: string,
  args: string[],
  env: Record<string, string>,
): Promise<[Started, number]> {
  const flags = ['--store', join(folder.path, `${store}.db`), '--topics', topic, '--listen', '127.0.0.1:0'];
  const serving = start(['serve', ...args, ...flags, '--log-level', 'debug'], env, 150_000);
  return [serving, Number(/:(\d+) /.exec(await serving.firstLine)?.[1])];
}

const ready = (port: number) =>
  until('it is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200, 40_000);

const seen = (port: number, id: string) =>
  until(
    `the copy of ${id} is found`,
    async () => JSON.stringify(await json(port, '/v1/duplicates')).includes(`"${id}"`),
    40_000,
  );

async function ended({ process: child, ended: end }: Started): Promise<string> {
  child.kill('SIGTERM');
  const { code, stdout, stderr } = await end;
  expect(code).toBe(0);
  for (const secret of [SECRET, ...issuer.issued]) expect(stdout + stderr).not.toContain(secret);
  return stderr;
}

/** doctor's one line about the brokers. */
async function lineOf(env: Record<string, string>): Promise<string> {
  const { code, stdout } = await run(['doctor', '--store', join(folder.path, 'doctor.db')], env);
  const lines = stdout.split('\n').filter((line) => /^FAIL /.test(line));
  expect([code, lines.length]).toEqual([1, 1]);
  expect(stdout).not.toContain(SECRET);
  return lines[0] ?? '';
}

test('tokens of an endpoint: by environment, and by a file with the secret in another', async () => {
  const secretFile = join(folder.path, 'secret');
  writeFileSync(secretFile, `${SECRET}\n`);
  const file = join(folder.path, 'oauth.yaml');
  writeFileSync(
    file,
    `brokers: ['${secured.broker.second[0]}']\nssl: { ca: ${secured.ca} }\nsasl:\n  mechanism: oauthbearer\n  tokenUrl: ${issuer.tokenUrl}\n  clientId: watcher\n  clientSecretFile: ${secretFile}\n  scope: kafka read\n  extensions: [traceId=abc]\n`,
  );
  const consumed = await filledTopic('tokens-consumed', 20, direct());
  await grantAll(consumed);
  const group = uniqueName('tokens');
  const member = await reading(group, consumed, 20, direct());
  await member.committed(20, 20);
  await member.stop();
  await writeTwice('order 1');
  const [serving, port] = await served('environment', [], byEndpoint());
  await ready(port);
  const tool = new Tool(direct());
  await tool.commit(group, consumed, { 0: 5 });
  await tool.close();
  await seen(port, 'order 1');
  await until(
    'the rewind is seen',
    async () => ((await json(port, `/v1/rewinds?group=${group}`)) as { items: object[] }).items.length === 1,
  );
  await ended(serving);
  // Three clients of one cluster, one token.
  expect(issuer.issued).toHaveLength(1);
  const doctor = await run(['doctor', '--config', file, '--topics', topic]);
  expect(doctor.stdout).toMatch(/^ok +groups log +__consumer_offsets may be read/m);
  expect(doctor.stdout).toMatch(/^ok +topics +1 are observed, all may be read/m);
  expect(issuer.requests.at(-1)?.form.get('scope')).toBe('kafka read');
});

test('a token is renewed before it expires, and the observers go on over re-authentications', async () => {
  // Given again when 2 s old; the broker wants a token again after 2 s.
  issuer.expiresInSeconds = 13;
  const before = issuer.issued.length;
  const [serving, port] = await served('renewed', [], byEndpoint());
  await ready(port);
  await until('tokens were renewed', () => issuer.issued.length >= before + 5, 60_000);
  await writeTwice('order 2');
  await seen(port, 'order 2');
  expect(new Set(issuer.issued).size).toBe(issuer.issued.length);
  const log = await ended(serving);
  expect(log).not.toContain('topic observer:');
  expect(log).not.toContain('group watcher:');
});

test('a token of a file, by flags: an expired one is told once, and a renewed one is taken up', async () => {
  const tokenFile = join(folder.path, 'token');
  const tokens = [
    issuer.token('watcher', 3_600),
    issuer.token('watcher', -120),
    issuer.token('watcher', 3_600),
  ];
  issuer.issued.push(...tokens);
  const [first = '', expired = '', renewed = ''] = tokens;
  writeFileSync(tokenFile, `${first}\n`);
  const { DUPESCOPE_BROKERS: brokers, DUPESCOPE_SSL_CA: ca } = reached();
  const sasl = ['--sasl-mechanism', 'oauthbearer', '--sasl-token-file', tokenFile];
  const [serving, port] = await served('file', ['--brokers', brokers, '--ssl-ca', ca, ...sasl], {});
  let stderr = '';
  serving.process.stderr?.on('data', (piece: Buffer) => {
    stderr += String(piece);
  });
  await ready(port);
  writeFileSync(tokenFile, expired);
  const told =
    /topic observer: Kafka refused the token of \S+ \(invalid_token\)\. It expired at 20\S+Z\. Check that it is renewed/;
  await until('the observer tells it', () => told.test(stderr), 40_000);
  await writeTwice('order 3');
  writeFileSync(tokenFile, renewed);
  await seen(port, 'order 3');
  const log = await ended(serving);
  expect(log.match(new RegExp(told.source, 'g'))).toHaveLength(1);
});

test('what is wrong is told in one line', async () => {
  expect(await lineOf({ ...byEndpoint(), DUPESCOPE_SASL_CLIENT_SECRET: 'not it' })).toMatch(
    /brokers +The token endpoint http:\S+\/token refused the client "watcher" \(401 invalid_client\)\. Check sasl\.clientId and its secret \(DUPESCOPE_SASL_CLIENT_SECRET/,
  );
  expect(await lineOf({ ...byEndpoint(), DUPESCOPE_SASL_SCOPE: 'unknown' })).toMatch(/Check sasl\.scope/);
  expect(
    await lineOf({ ...byEndpoint(), DUPESCOPE_SASL_TOKEN_URL: 'http://127.0.0.1:1/token?secret=hunter2' }),
  ).toMatch(
    /The token endpoint http:\/\/127\.0\.0\.1:1\/token cannot be reached \(.+\)\. Check sasl\.tokenUrl/,
  );
  issuer.instead = { status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '' };
  expect(await lineOf(byEndpoint())).toMatch(/answers 307, elsewhere/);
  issuer.instead = { status: 200, body: `<html>${SECRET}</html>` };
  expect(await lineOf(byEndpoint())).toMatch(/without an access_token/);
  issuer.instead = { status: 503, body: SECRET };
  expect(await lineOf(byEndpoint())).toMatch(/answered 503\./);
  const forAnother = issuer.token('watcher', 600, 'another audience');
  issuer.instead = { status: 200, body: JSON.stringify({ access_token: forAnother }) };
  expect(await lineOf(byEndpoint())).toMatch(
    /Kafka refused the token that the token endpoint gave to "watcher" \(invalid_token\)\. Check sasl\.scope/,
  );
  const tokenFile = join(folder.path, 'odd-token');
  writeFileSync(tokenFile, 'two words');
  expect(await lineOf({ ...reached(), DUPESCOPE_SASL_TOKEN_FILE: tokenFile })).toMatch(
    /does not hold a token/,
  );
  rmSync(tokenFile);
  const gone = await run(['serve'], { ...reached(), DUPESCOPE_SASL_TOKEN_FILE: tokenFile });
  expect([gone.code, gone.stderr]).toEqual([
    2,
    `dupescope: sasl.tokenFile: the file ${tokenFile} cannot be read (ENOENT).\n`,
  ]);
});
