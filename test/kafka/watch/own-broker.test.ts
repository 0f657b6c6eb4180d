import { join } from 'node:path';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs';
import type { Broker } from '../../../src/demo/broker';
import { startOwnBroker, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { filledTopic, reading, Tool } from './groups';
import { watching } from './watching';

const folder = testFolder('watcher-broker');
let broker: Broker;

beforeAll(async () => {
  broker = await startOwnBroker({
    properties: {
      'offsets.retention.minutes': '1',
      'offsets.retention.check.interval.ms': '500',
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
    },
  });
}, 90_000);
afterAll(() => broker.stop());

test('offsets that expired; and without permission on the log, by asking', async () => {
  const kafka = testKafka({ brokers: broker.brokers });
  const topic = await filledTopic('own', 40, kafka);
  const tool = new Tool(kafka);
  const expiring = uniqueName('expiring');
  const polled = uniqueName('polled');
  const store = join(folder, 'own.db');
  const settings = { brokers: broker.brokers };
  let watched = await watching(store, [], settings);
  for (const group of [expiring, polled]) {
    const member = await reading(group, topic, 40, kafka);
    await member.committed(40, 40);
    await member.stop();
  }
  await until('both are seen', () => watched.watcher.all().length >= 4);

  const admin = kafka.admin();
  await admin.connect();
  const acl = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: '__consumer_offsets',
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:ANONYMOUS',
    host: '*',
    operation: AclOperationTypes.READ,
    permissionType: AclPermissionTypes.DENY,
  };
  await admin.createAcls({ acl: [acl] });
  await until('it is told what to grant', () =>
    watched.problems.some((line) =>
      /kafka-acls --add --allow-principal User:ANONYMOUS --operation Read/.test(line),
    ),
  );
  await watched.stop();
  // Begins anew where the log may not be read: what is stored goes on.
  watched = await watching(store, [], { ...settings, logAgainMs: 1_000 });
  expect(watched.problems.join()).toMatch(
    /Committed offsets are asked for instead: rewinds that recover between two looks, members and causes are not seen/,
  );
  await tool.commit(polled, topic, { 0: 15 });
  await until('it is asked for', () => watched.rewinds(polled).length === 1);
  expect(watched.rewinds(polled)[0]).toMatchObject({
    from: 40,
    to: 15,
    cause: 'unknown',
    certainty: 'unknown',
  });
  const polledOnly = watched.watcher.counts().records;
  await admin.deleteAcls({
    filters: [{ ...acl, permissionType: AclPermissionTypes.ANY, operation: AclOperationTypes.ANY }],
  });
  await admin.disconnect();

  // Without a restart, from where the log was left: the polled one is the same rewind and no second one.
  await until('the log is read again', () => watched.watcher.counts().records > polledOnly);
  await until('and that is told', () => watched.problems.at(-1) === 'over');
  const kafkaAdmin = kafka.admin();
  await kafkaAdmin.connect();
  await until(
    'the offsets have expired',
    async () => {
      const [told] = await kafkaAdmin.fetchOffsets({ groupId: expiring, topics: [topic] });
      return told?.partitions[0]?.offset === '-1';
    },
    90_000,
  );
  await kafkaAdmin.disconnect();
  await tool.commit(expiring, topic, { 0: 3 });
  await until('the rewind is found', () => watched.rewinds(expiring)[0]?.because !== undefined);
  await until('it is explained', () => watched.rewinds(expiring)[0]?.cause !== 'unknown');
  const rows = watched.rewinds(expiring);
  expect(rows.map(({ from, to, cause, certainty }) => [from, to, cause, certainty])).toEqual([
    [40, 3, 'offsets_expired', 'probable'],
  ]);
  expect(rows[0]?.because).toContain('offsets.retention.minutes is 1');
  expect(watched.rewinds(polled).filter(({ to }) => to === 15)).toHaveLength(1);
  await watched.stop();
  await tool.close();
}, 240_000);
