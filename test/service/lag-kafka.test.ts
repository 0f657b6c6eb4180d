import { logLevel } from 'kafkajs';
import pino from 'pino';
import { kafkaClient, kafkaError } from '../../src/kafka/client';
import { LagPoller, type LagTarget } from '../../src/kafka/lag';
import type { LagSource } from '../../src/service';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';

const settings = () => ({ brokers: testBrokers(), clientId: 'lag-test', ssl: false, sasl: null });
const silent = pino({ level: 'silent' });

function poller(targets: () => LagTarget[], options: { brokers?: string[] } = {}) {
  const problems: (string | null)[] = [];
  const used = { ...settings(), ...options };
  const lag = new LagPoller({
    kafka: kafkaClient(used, silent),
    settings: used,
    intervalMs: 500,
    targets,
    onProblem: (problem) => problems.push(problem?.code ?? null),
  });
  // What the service wants is what the poller is.
  const source: LagSource = lag;
  return { lag, source, problems };
}

test('lag is the log end minus the committed offset, and reading it commits nothing', async () => {
  const topic = await createTopic(uniqueName('lag'), 2);
  const group = uniqueName('lag-group');
  const kafka = testKafka({ logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: 10 }, (_, i) => ({ value: String(i), partition: 0 }));
  await producer.send({ topic, messages });
  await producer.disconnect();
  const admin = kafka.admin();
  await admin.connect();
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: '4' }] });

  const { lag, source, problems } = poller(() => [{ group, topic }]);
  expect(source.ready()).toBe(false);
  lag.start();
  await until('lag is known', () => source.ready());
  const { clusterId } = await admin.describeCluster();
  expect(source.of(clusterId, group, topic, 0)).toMatchObject({ committed: 4, logEnd: 10, records: 6 });
  expect(source.of(clusterId, group, topic, 1)).toMatchObject({ committed: null, logEnd: 0, records: null });
  expect(source.all()).toHaveLength(2);
  const committed = await admin.fetchOffsets({ groupId: group, topics: [topic] });
  expect(committed[0]?.partitions.find((p) => p.partition === 1)?.offset).toBe('-1');
  await lag.stop();
  await admin.disconnect();
  expect(problems).toEqual([]);
});

test('a topic that is gone does not hide the others', async () => {
  const topic = await createTopic(uniqueName('lag'), 1);
  const gone = uniqueName('gone');
  const { lag, source } = poller(() => [
    { group: 'g', topic: gone },
    { group: 'g', topic },
  ]);
  lag.start();
  await until('the problem is told', () => source.problem() !== null);
  expect(source.problem()).toContain(`The topic "${gone}" does not exist on`);
  expect(source.all().map((value) => value.topic)).toEqual([topic]);
  await lag.stop();
});

test('unreachable brokers are told once, and nothing is thrown', async () => {
  const { lag, source, problems } = poller(() => [], { brokers: ['127.0.0.1:1'] });
  lag.start();
  await until('the problem is told', () => source.problem() !== null);
  expect(source.ready()).toBe(false);
  expect(source.problem()).toMatch(/^No broker answered at 127\.0\.0\.1:1 \(ECONNREFUSED\)\. Check brokers/);
  await lag.stop();
  expect(problems).toEqual(['kafka-unreachable']);
});

test.each([
  [
    { name: 'KafkaJSSASLAuthenticationError', message: 'no' },
    'kafka-authentication',
    /login of "joe" \(plain\)/,
  ],
  [
    { name: 'KafkaJSProtocolError', type: 'GROUP_AUTHORIZATION_FAILED' },
    'kafka-authentication',
    /"joe" read this group/,
  ],
  [
    { name: 'KafkaJSProtocolError', type: 'UNKNOWN_TOPIC_OR_PARTITION' },
    'kafka-topic-missing',
    /"orders" does not exist/,
  ],
  [
    { name: 'KafkaJSNumberOfRetriesExceeded', cause: { name: 'KafkaJSConnectionError', code: 'ETIMEDOUT' } },
    'kafka-unreachable',
    /ETIMEDOUT/,
  ],
  [new Error('something\nelse'), 'kafka-unreachable', /failed: something else$/],
])('%j is %s', (thrown, code, words) => {
  const sasl = { mechanism: 'plain', username: 'joe', password: 'hunter2' } as const;
  const error = kafkaError(thrown, { brokers: ['b:1'], ssl: false, sasl }, 'orders');
  expect(error.code).toBe(code);
  expect(error.message).toMatch(words);
  expect(error.message).not.toMatch(/\n|hunter2/);
});
