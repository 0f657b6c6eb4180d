/**
 * What the topic observer passes over: batches in an old format or damaged, and records that were gone before they
 * were read. A broker takes no such batches, so real ones are changed on their way from it.
 */
import type { Producer } from 'kafkajs';
import { BatchHeader, readHeader } from '../../../src/kafka/offsets/record-batch';
import type { FetchedPart } from '../../../src/kafka/topics/fetch';
import { TopicSource } from '../../../src/kafka/topics/topic-source';
import type { Status } from '../../../src/service/schemas';
import { unreadOf, unreadTotals } from '../../../src/store/queries';
import { run } from '../../cli/command';
import { ask, json, startService } from '../../service/running';
import { createTopic, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { found, observe, read, storeIn, untilRecords } from './observing';

jest.setTimeout(240_000);
const folder = testFolder('unread');
const kafka = testKafka();
const producer = kafka.producer();
const MAGIC_AT = 16;
const CODEC_AT = 22;

beforeAll(() => producer.connect());
afterEach(() => jest.restoreAllMocks());
afterAll(() => producer.disconnect());

/** One record batch; answers the offset of its first record. */
async function batch(topic: string, ids: readonly string[]): Promise<number> {
  const messages: Parameters<Producer['send']>[0]['messages'] = ids.map((id) => ({
    value: id,
    headers: { 'message-id': id },
  }));
  const [told] = await producer.send({ topic, messages });
  return Number(told?.baseOffset);
}

/** The batches at these offsets come in the format of Kafka 0.10, or in a codec that nobody knows. */
function changeOnTheWay(old: number, odd: number): void {
  const fetch = TopicSource.prototype.fetch;
  jest.spyOn(TopicSource.prototype, 'fetch').mockImplementation(async function (this: TopicSource, ...asked) {
    const parts = await fetch.apply(this, asked);
    for (const part of parts) change(part, old, odd);
    return parts;
  });
}

function change({ bytes, from, to }: FetchedPart, old: number, odd: number): void {
  const header = new BatchHeader();
  for (let at = from; at < to; at = header.end) {
    if (readHeader(bytes, at, to, header) === 'cut') return;
    if (header.baseOffset === old) bytes[at + MAGIC_AT] = 1;
    if (header.baseOffset === odd) bytes[at + CODEC_AT] = 7;
  }
}

test('each is counted once, with what was read beside it, and told everywhere', async () => {
  const topic = await createTopic(uniqueName('unread'));
  const store = storeIn(folder, topic);
  await batch(topic, ['a', 'b']);
  const old = await batch(topic, ['in an old batch']);
  const odd = await batch(topic, ['in an odd batch', 'and another']);
  await batch(topic, ['a', 'c']);
  changeOnTheWay(old, odd);
  const counts = () =>
    Object.fromEntries(read(store, unreadOf).map(({ what, count }) => [what, count] as const));

  let observing = await observe({ store, topics: [topic] });
  await untilRecords(store, topic, 4);
  await until('it has caught up', () => observing.observer.ready());
  expect(observing.observer.unread()).toEqual({ old: 1, unreadable: 1 });
  expect(read(store, unreadOf)).toMatchObject([
    { observer: 'topics', topic, what: 'old', count: 1 },
    { observer: 'topics', topic, what: 'unreadable', count: 1 },
  ]);
  // The log goes on behind them.
  expect(found(store).map(({ identity, first }) => [identity, first])).toEqual([['a', '0/0']]);
  expect(observing.problems).toEqual([]);
  await observing.close();

  // Retention takes four records that nobody has read; what was counted is not counted again.
  const gone = await batch(topic, ['d', 'e', 'f', 'g', 'h']);
  const admin = kafka.admin();
  await admin.connect();
  // kafkajs looks up the leader only of topics that it was asked about before.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(gone + 4) }] });
  await admin.disconnect();
  observing = await observe({ store, topics: [topic] });
  await untilRecords(store, topic, 5);
  await observing.close();
  expect(observing.missed).toEqual([[topic, 0, gone, gone + 4]]);
  expect(counts()).toEqual({ old: 1, unreadable: 1, missed: 4 });

  const totals = read(store, unreadTotals).map(({ observer, what, count }) => [observer, what, count]);
  expect(totals).toEqual([
    ['topics', 'missed', 4],
    ['topics', 'old', 1],
    ['topics', 'unreadable', 1],
  ]);
  const { service, port } = await startService({ storePath: store });
  try {
    const { unread } = await json<Status>(port, '/v1/status');
    expect(unread.map((one) => [one.observer, one.topic, one.what, one.count])).toEqual(
      totals.map(([observer, what, count]) => [observer, topic, what, count]),
    );
    const metrics = (await ask(port, '/metrics')).text;
    for (const [, what, count] of totals) {
      expect(metrics).toMatch(
        new RegExp(
          `^dupescope_unread_total\\{cluster="[^"]+",observer="topics",what="${what}"\\} ${count}$`,
          'm',
        ),
      );
    }
  } finally {
    await service.close();
  }
  const { stdout } = await run(['doctor', '--store', store]);
  for (const words of [
    '4 records that retention took',
    '1 batches in the format',
    '1 batches that are not',
  ]) {
    expect(stdout).toMatch(new RegExp(`^warn +passed over +${topic}: ${words}`, 'm'));
  }
});
