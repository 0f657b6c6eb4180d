/** A cluster with SASL, TLS and ACLs on: both observers, by flags, environment and file; and what doctor says to grant. */
import { writeFileSync } from 'node:fs';
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
import { PASSWORD, type SecureBroker, startSecureBroker } from '../support/secure-broker';
import { run, start } from './command';

jest.setTimeout(180_000);
const folder = temporaryFolder();
let secured: SecureBroker;

beforeAll(async () => {
  secured = await startSecureBroker(folder.path, ['watcher', 'guest']);
});
afterAll(async () => {
  await secured?.broker.stop();
  folder.remove();
});

const direct = () => testKafka({ brokers: secured.broker.brokers });

function acl(
  principal: string,
  resourceType: AclResourceTypes,
  resourceName: string,
  operation: AclOperationTypes,
): AclEntry {
  const resourcePatternType = ResourcePatternTypes.LITERAL;
  const allowed = { host: '*', permissionType: AclPermissionTypes.ALLOW };
  return { principal, resourceType, resourceName, resourcePatternType, operation, ...allowed };
}

async function grant(...acls: AclEntry[]): Promise<void> {
  const admin = direct().admin();
  await admin.connect();
  await admin.createAcls({ acl: acls });
  await admin.disconnect();
}

/** The ACLs of a command that doctor printed, which kafkajs makes instead of kafka-acls. */
function aclsOf(command: string): AclEntry[] {
  const words = command.split(' ').map((word) => word.replace(/^'(.*)'$/, '$1'));
  const after = (flag: string) => words.flatMap((word, i) => (words[i - 1] === flag ? [word] : []));
  const [principal = ''] = after('--allow-principal');
  const { READ, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
  const known: Record<string, AclOperationTypes> = {
    ...{ Read: READ, Describe: DESCRIBE, DescribeConfigs: DESCRIBE_CONFIGS },
  };
  const { TOPIC, GROUP, CLUSTER } = AclResourceTypes;
  return after('--operation').flatMap((name) => {
    const operation = known[name];
    if (operation === undefined) throw new Error(`${name} is more than doctor may ask for`);
    return [
      ...after('--topic').map((topic) => acl(principal, TOPIC, topic, operation)),
      ...after('--group').map((group) => acl(principal, GROUP, group, operation)),
      ...(words.includes('--cluster') ? [acl(principal, CLUSTER, 'kafka-cluster', operation)] : []),
    ];
  });
}

/** How `serve` and `doctor` are told, by each of the three ways. */
function ways(): [args: string[], env: Record<string, string>][] {
  const brokers = secured.broker.second.join(',');
  const file = join(folder.path, 'secured.yaml');
  const passwordFile = join(folder.path, 'password');
  writeFileSync(passwordFile, `${PASSWORD}\n`);
  writeFileSync(
    file,
    `brokers: ['${brokers}']\nssl: { ca: ${secured.ca} }\nsasl: { mechanism: scram-sha-512, username: watcher, passwordFile: ${passwordFile} }\n`,
  );
  const flags = [
    '--sasl-mechanism',
    'plain',
    '--sasl-username',
    'watcher',
    '--sasl-password-file',
    passwordFile,
  ];
  return [
    [['--brokers', brokers, '--ssl-ca', secured.ca, ...flags], {}],
    [
      [],
      {
        DUPESCOPE_BROKERS: brokers,
        DUPESCOPE_SSL_CA: secured.ca,
        DUPESCOPE_SASL_MECHANISM: 'scram-sha-256',
        DUPESCOPE_SASL_USERNAME: 'watcher',
        DUPESCOPE_SASL_PASSWORD: PASSWORD,
      },
    ],
    [['--config', file], {}],
  ];
}

test('duplicates and rewinds are seen over TLS by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512', async () => {
  const { TOPIC, GROUP, CLUSTER } = AclResourceTypes;
  const { READ, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
  const topic = await createTopic(uniqueName('secured'), 1, direct());
  const consumed = await filledTopic('secured-consumed', 20, direct());
  await grant(
    ...[topic, consumed, '__consumer_offsets'].flatMap((name) =>
      [READ, DESCRIBE].map((operation) => acl('User:watcher', TOPIC, name, operation)),
    ),
    acl('User:watcher', GROUP, '*', DESCRIBE),
    acl('User:watcher', CLUSTER, 'kafka-cluster', DESCRIBE_CONFIGS),
  );
  const producer = direct().producer();
  await producer.connect();
  for (let i = 0; i < 2; i++)
    await producer.send({ topic, messages: [{ value: 'x', headers: { 'message-id': 'order 1' } }] });
  await producer.disconnect();
  const tool = new Tool(direct());
  for (const [way, [args, env]] of ways().entries()) {
    const group = uniqueName('secured');
    const member = await reading(group, consumed, 20, direct());
    await member.committed(20, 20);
    await member.stop();
    const flags = [...args, '--store', join(folder.path, `way-${way}.db`), '--topics', topic];
    const serving = start(['serve', ...flags, '--listen', '127.0.0.1:0'], env);
    const port = Number(/:(\d+) /.exec(await serving.firstLine)?.[1]);
    await until(
      'it is ready',
      async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status === 200,
      30_000,
    );
    await tool.commit(group, consumed, { 0: 5 });
    const items = async (path: string) => ((await json(port, path)) as { items: object[] }).items;
    await until('the rewind is seen', async () => (await items(`/v1/rewinds?group=${group}`)).length > 0);
    expect(await items('/v1/duplicates')).toEqual([expect.objectContaining({ topic })]);
    serving.process.kill('SIGTERM');
    const { code, stdout, stderr } = await serving.ended;
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(PASSWORD);
    const doctor = await run(['doctor', ...flags], env);
    expect(doctor.stdout).toMatch(/^ok +groups log +__consumer_offsets may be read/m);
  }
  await tool.close();
});

test('doctor says what to grant, least first, to one who may do nothing; and what was wrong with a password', async () => {
  const topic = await createTopic(uniqueName('unseen'), 1, direct());
  await grant(acl('User:guest', AclResourceTypes.TOPIC, topic, AclOperationTypes.DESCRIBE));
  const [args] = ways()[0] as [string[], object];
  // Not even DESCRIBE on this one: it is there for whoever names it alone.
  const hidden = await createTopic(uniqueName('hidden'), 1, direct());
  const flags = [...args.map((arg) => (arg === 'watcher' ? 'guest' : arg)), '--topics', `${topic},${hidden}`];
  const all = [...flags, '--store', join(folder.path, 'guest.db')];
  const { stdout, code } = await run(['doctor', ...all]);
  const shown = stdout.split('\n').filter((line) => /^ +kafka-acls/.test(line));
  const begins = `kafka-acls --bootstrap-server ${secured.broker.second} --command-config admin.properties --add --allow-principal User:guest `;
  for (const line of shown) expect(line.trim().slice(0, begins.length)).toBe(begins);
  expect(shown.map((line) => line.trim().slice(begins.length))).toEqual([
    "--operation Describe --group '*' --topic '*'",
    '--operation Read --topic __consumer_offsets',
    '--operation DescribeConfigs --cluster',
    `--operation Read --topic ${hidden}`,
    `--operation Read --topic ${topic}`,
  ]);
  expect(stdout).toMatch(
    new RegExp(`^FAIL +topics +2 of 2 may not be read: ${hidden}, ${topic}\\. Grant, topic by topic:$`, 'm'),
  );
  expect(code).toBe(1);
  const told = JSON.parse((await run(['doctor', '--json', ...all])).stdout) as {
    checks: { grants?: { command: string }[] }[];
  };
  const commands = told.checks.flatMap(({ grants = [] }) => grants.map(({ command }) => command));
  expect(commands).toEqual(shown.map((line) => line.trim()));
  // What it prints is enough, and each line of the topics' serves alone.
  await grant(...commands.filter((one) => !one.includes(hidden)).flatMap(aclsOf));
  const half = (await run(['doctor', ...all])).stdout;
  expect(half).toMatch(new RegExp(`^FAIL +topics +1 of 2 may not be read: ${hidden}\\.`, 'm'));
  expect(half).toMatch(/^ok +groups log +__consumer_offsets may be read/m);
  await grant(...commands.flatMap(aclsOf));
  const granted = await run(['doctor', ...all]);
  expect(granted.stdout).toMatch(/^ok +topics +2 are observed, all may be read/m);
  expect(granted.stdout).not.toContain('kafka-acls');
  expect(granted.code).toBe(0);
  const wrong = await run(['doctor', '--store', join(folder.path, 'guest.db')], {
    ...(ways()[1] as [string[], Record<string, string>])[1],
    DUPESCOPE_SASL_PASSWORD: 'not it',
  });
  expect(wrong.stdout).toMatch(/^FAIL +brokers +Kafka refused the login of "watcher" \(scram-sha-256\)/m);
});
