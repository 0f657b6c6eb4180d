/** Beside @opentelemetry/instrumentation-kafkajs: a delivery has one span, whoever wrapped first. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createTopic, testBrokers, testKafka, uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';

const folder = testFolder('two-tracers');
const APP = join(__dirname, '../support/two-tracers.js');
const RECORDS = 6;
const OURS = 'dupescope';
const THEIRS = '@opentelemetry/instrumentation-kafkajs';
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

interface Told {
  spans: { name: string; by: string; attributes: Record<string, unknown>; links: number }[];
  warnings: string[];
}

async function run(task: object): Promise<Told> {
  const child = fork(APP, [JSON.stringify({ brokers: testBrokers(), want: RECORDS, ...task })]);
  children.push(child);
  const [told] = (await once(child, 'message')) as [Told];
  return told;
}

async function topic(): Promise<string> {
  const name = await createTopic(uniqueName('two-tracers'));
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({
    topic: name,
    messages: Array.from({ length: RECORDS }, (_, i) => ({ value: `v${i}` })),
  });
  await producer.disconnect();
  return name;
}

const processing = ({ spans }: Told) =>
  spans.filter(({ attributes }) => attributes['messaging.operation.type'] === 'process');

describe('two tracers', () => {
  test.each(['instrumentation', 'register', 'instrument()'])(
    '%s: one span a delivery, and one warning',
    async (first) => {
      const task = {
        topic: await topic(),
        group: uniqueName('g'),
        store: join(folder, uniqueName('s')),
        first,
      };
      const before = await run(task);
      expect(processing(before).map(({ by }) => by)).toEqual(Array(RECORDS).fill(THEIRS));
      expect(before.warnings.filter((code) => code === 'dupescope:other-tracing')).toHaveLength(1);
      const again = await run(task);
      expect(processing(again)).toHaveLength(RECORDS);
      for (const { by, attributes, links } of processing(again)) {
        // instrument() on a client that theirs has wrapped: its span is told. Else ours stands in its place.
        expect(by).toBe(first === 'instrument()' ? THEIRS : OURS);
        expect(attributes['dupescope.delivery.attempt']).toBe(2);
        expect(links).toBe(1);
      }
    },
    60_000,
  );

  test.each(['instrumentation', 'register', 'instrument()'])(
    '%s: batches are not doubled',
    async (first) => {
      const handler = 'eachBatch';
      const task = {
        topic: await topic(),
        group: uniqueName('g'),
        store: join(folder, uniqueName('s')),
        first,
        handler,
      };
      const told = await run(task);
      const each = processing(told).filter(
        ({ attributes }) => attributes['messaging.batch.message_count'] === undefined,
      );
      expect(each.map(({ by }) => by)).toEqual(Array(RECORDS).fill(THEIRS));
      const again = processing(await run(task)).filter(
        ({ attributes }) => attributes['messaging.batch.message_count'] === undefined,
      );
      expect(again).toHaveLength(RECORDS);
    },
    60_000,
  );
});
