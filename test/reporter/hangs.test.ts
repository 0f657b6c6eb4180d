import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { deliveryOf, instrument } from '../../src';
import { createTopic, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { produce } from '../support/hosts';

const folder = testFolder('hangs');

test('a service that accepts and does not answer: the handler does not wait for it beyond its limit', async () => {
  const asked: string[] = [];
  const server = createServer((request) => void asked.push(request.url ?? ''));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const topic = await createTopic(uniqueName('hangs'));
  await produce(topic, 10);
  const kafka = instrument(testKafka(), {
    service: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    journal: join(folder, 'journal'),
    pastLimitMs: 1_500,
    onProblem: () => undefined,
  });
  const consumer = kafka.consumer({ groupId: uniqueName('hangs'), maxWaitTimeInMs: 100 });
  const known: (boolean | undefined)[] = [];
  const at = { joined: 0, first: 0 };
  consumer.on(consumer.events.GROUP_JOIN, () => {
    at.joined = performance.now();
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      if (known.length === 0) at.first = performance.now();
      known.push(deliveryOf(message)?.known);
    },
  });
  await until('all is handled', () => known.length === 10, 30_000);
  expect(known).toEqual(Array(10).fill(false));
  expect(asked).toContain('/v1/reports');
  // A report is waited for 20 s by the reporter's thread; the handler has begun long before that.
  expect(at.first - at.joined).toBeLessThan(10_000);
  server.closeAllConnections();
  server.close();
  await consumer.disconnect();
});
