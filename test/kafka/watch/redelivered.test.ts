import type { Consumer, ConsumerRunConfig } from 'kafkajs';
import { until } from '../../support/broker';
import { Case } from '../../support/case';
import { Tool } from './groups';
import { rewindsOf, type Watching, watching } from './watching';

const RECORDS = 40;
/** A member that is put out on a busy machine delivers again of itself. */
const PATIENT = { sessionTimeout: 15_000, rebalanceTimeout: 20_000 };

/** Commits behind every record, of itself. */
const slowly = (one: Case, consumer: () => Consumer): ConsumerRunConfig => ({
  autoCommit: false,
  eachMessage: async ({ partition, message }) => {
    one.seen.push(`${partition} ${message.offset}`);
    await consumer().commitOffsets([
      { topic: one.topic, partition, offset: String(Number(message.offset) + 1) },
    ]);
  },
});

/** Of each rewind of the group: from, to, and how much was delivered again. */
const again = ({ store, group }: Case) =>
  rewindsOf(store, group).map(({ from, to, redelivered }) => [from, to, redelivered]);

describe.each([
  ['watched too', true],
  ['not watched', false],
])('an instrumented group, %s', (_name, isWatched) => {
  let watched: Watching | null = null;

  async function begin(): Promise<Case> {
    const one = await Case.of(RECORDS);
    if (isWatched) watched = await watching(one.store, [one.group]);
    return one;
  }
  afterEach(async () => {
    await watched?.stop();
    watched = null;
  });

  /** What the ledger says when the journals are taken in and the watcher has told of what it saw. */
  async function told(one: Case, expected: (number | null)[][]): Promise<void> {
    await until('it is told', () => {
      one.settled();
      const rows = rewindsOf(one.store, one.group);
      return rows.length >= expected.length && (!isWatched || rows.every(({ facts }) => facts !== null));
    });
    await until('it is counted', () => JSON.stringify(again(one)) === JSON.stringify(expected)).catch(
      () => undefined,
    );
    expect(again(one)).toEqual(expected);
  }

  test('a seek is delivered before the lower offset is committed', async () => {
    const one = await begin();
    const consumer: Consumer = await one.start(
      slowly(one, () => consumer),
      PATIENT,
    );
    await one.until(RECORDS);
    consumer.seek({ topic: one.topic, partition: 0, offset: '10' });
    await one.until(RECORDS + 30);
    await one.stop(consumer);
    await told(one, [[RECORDS, 11, RECORDS - 11]]);
  });

  test('a seek that is committed first', async () => {
    const one = await begin();
    const consumer = await one.start({ ...one.noting(), autoCommitThreshold: 1 }, PATIENT);
    await one.until(RECORDS);
    consumer.seek({ topic: one.topic, partition: 0, offset: '10' });
    await one.until(RECORDS + 30);
    await one.stop(consumer);
    // kafkajs's own commit at the seek is seen in the log alone.
    await told(one, [isWatched ? [RECORDS, 10, 30] : [RECORDS, 11, 29]]);
  });
});

test('an operator sets back: nothing yet, then what was read; a second time is its own', async () => {
  const one = await Case.of(RECORDS);
  const watched = await watching(one.store, [one.group]);
  const tool = new Tool();
  try {
    const read = async (count: number) => {
      const consumer = await one.start({ ...one.noting(), autoCommitThreshold: 1 }, PATIENT);
      await one.until(count);
      await one.stop(consumer);
      one.settled();
    };
    const rewound = async (count: number) =>
      until(`${count} rewinds`, () => watched.rewinds(one.group).length === count);
    await read(RECORDS);
    await tool.commit(one.group, one.topic, { 0: 15 });
    await rewound(1);
    expect(again(one)).toEqual([[RECORDS, 15, 0]]);
    await read(RECORDS + 25);
    await until('it has come back', () => watched.rewinds(one.group)[0]?.recoveredAt != null);
    expect(again(one)).toEqual([[RECORDS, 15, 25]]);
    await tool.commit(one.group, one.topic, { 0: 20 });
    await rewound(2);
    expect(again(one)).toEqual([
      [RECORDS, 15, 25],
      [RECORDS, 20, 0],
    ]);
    await read(RECORDS + 45);
    expect(again(one)).toEqual([
      [RECORDS, 15, 25],
      [RECORDS, 20, 20],
    ]);
  } finally {
    await tool.close();
    await watched.stop();
  }
});
