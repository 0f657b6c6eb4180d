/**
 * Faults of commits, handlers, sessions, operators and logs, each on bare kafkajs and instrumented at once: the
 * application must see the same deliveries, commits, errors and crashes. Each fault is deterministic: what bare kafkajs
 * delivers under it is written down beside it. What lies in the handler alone is `bare.test.ts`'s.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import { rawCluster, sendRaw } from '../../src/kafka/raw-cluster';
import { testKafka, uniqueName, until } from '../support/broker';
import { COMPACTION_LIMIT_MS, configureCompaction, offsetsOf, send } from '../support/compaction';
import { testFolder } from '../support/folder';
import { byPartition, delivered, type Got, Lives, type Living, timeOf } from './lives';

const folder = testFolder('bare-faults');
/** On a busy machine no member may be thrown out besides. */
const SESSION_MS = 3_000;
const QUICK = { sessionTimeout: SESSION_MS, heartbeatInterval: 200 };

interface Fault {
  partitions?: number;
  scene: (lives: Lives) => Promise<void>;
  /** What is delivered of partition 0, of partition 1 and so on. */
  delivered: string[];
  /** What is committed of them at the end. */
  committed: number[];
  /** What else must have been seen, so that the fault took place. */
  seen?: RegExp[];
}

/** Consumes what there is and commits it, then lets the operator act, and consumes again. */
function between(
  operator: (lives: Lives) => Promise<unknown>,
  { living = () => ({}), first = '0 committed 30', second = '0 committed 30' }: Before = {},
): Fault['scene'] {
  return async (lives) => {
    await lives.produce(30);
    await lives.consume(living(lives), first);
    await operator(lives);
    await lives.consume({}, second);
  };
}

interface Before {
  /** The first life. */
  living?: (lives: Lives) => Living;
  /** What is said last in the first life, and in the second. */
  first?: string;
  second?: string;
}

/** Commits by hand what `next` makes of the record in hand; null: nothing. */
function committing(lives: Lives, next: (offset: number) => number | null): Living {
  return {
    autoCommit: false,
    handle: async ({ offset, partition }: Got, consumer: Consumer) => {
      const target = next(offset);
      if (target === null) return;
      await consumer.commitOffsets([{ topic: lives.topic, partition, offset: String(target) }]);
    },
  };
}

/** At record 7, once, holds the handler until the group has thrown the member out, with or without heartbeats. */
function slowly(lives: Lives, beating: boolean): Living {
  let held = false;
  return {
    autoCommitThreshold: 3,
    consumer: QUICK,
    handle: async ({ offset, heartbeat }) => {
      if (held || offset !== 7) return;
      held = true;
      if (!beating) {
        return until('the member is thrown out', async () => {
          const { groups } = await lives.admin.describeGroups([lives.group]);
          return groups[0]?.members.length === 0;
        });
      }
      for (const since = performance.now(); performance.now() - since < SESSION_MS + 500; ) {
        await sleep(100);
        await heartbeat();
      }
    },
  };
}

/** OffsetDelete (API 47), which kafkajs does not know: the group stays, and has no offset of that topic any more. */
async function deleteOffsets({ group, topic }: Lives): Promise<void> {
  const text = (value: string) => Buffer.concat([int(value.length, 2), Buffer.from(value)]);
  const int = (value: number, bytes: 2 | 4) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeIntBE(value, 0, bytes);
    return buffer;
  };
  const body = Buffer.concat([text(group), int(1, 4), text(topic), int(1, 4), int(0, 4)]);
  const cluster = rawCluster(testKafka());
  if (cluster === null) throw new Error('this kafkajs has no cluster of its own');
  await cluster.connect();
  try {
    await cluster.refreshMetadata();
    const decode = (answer: Buffer) => answer.readInt16BE(0);
    const request = { apiKey: 47, apiVersion: 0, apiName: 'OffsetDelete', body, decode };
    expect(await sendRaw(await cluster.findControllerBroker(), request)).toBe(0);
  } finally {
    await cluster.disconnect();
  }
}

async function recreate(lives: Lives): Promise<void> {
  const { admin, topic } = lives;
  await admin.deleteTopics({ topics: [topic] });
  // Refused until the broker has forgotten the old one.
  await until('it is made anew', () =>
    admin.createTopics({ topics: [{ topic, numPartitions: 1 }] }).catch(() => false),
  );
  await untilServed(lives, 1);
  // The group's offsets go with the topic, a moment later.
  await until('the offsets are gone', async () => (await lives.committed()) === -1);
}

function untilServed({ admin, topic }: Lives, partitions: number): Promise<void> {
  return until('its partitions are served', () =>
    admin.fetchTopicOffsets(topic).then(
      (offsets) => offsets.length === partitions,
      () => false,
    ),
  );
}

/** Committed and aborted transactions by turns: the offsets have gaps of one marker, and of whole transactions. */
async function transact(topic: string): Promise<void> {
  const producer = testKafka().producer({ transactionalId: uniqueName('gaps'), maxInFlightRequests: 1 });
  await producer.connect();
  for (const commits of [true, false, true, true]) {
    const transaction = await producer.transaction();
    await transaction.send({ topic, messages: Array.from({ length: 5 }, (_, i) => ({ value: `v${i}` })) });
    await (commits ? transaction.commit() : transaction.abort());
  }
  await producer.disconnect();
}

function throwingAt(place: { partition: number; offset: number }, times: number): Living {
  let left = times;
  return {
    handle: async ({ offset, partition }) => {
      if (left === 0 || offset !== place.offset || partition !== place.partition) return;
      left--;
      throw new Error('no such account');
    },
  };
}

/** 0 to 4, a marker, 6 to 10 aborted, a marker, 12 to 16, a marker, 18 to 22, a marker. */
function gaps(batches: boolean, committed: number): Fault {
  return {
    scene: async (lives) => {
      await transact(lives.topic);
      const throwing = throwingAt({ partition: 0, offset: 13 }, 1);
      await lives.consume({ ...throwing, batches }, `0 committed ${committed}`);
    },
    delivered: ['0..4 12..13 13..16 18..22'],
    committed: [committed],
    seen: [/no such account/],
  };
}

const COMPACTED = 30;
/** All other records share one key; of those the last is kept. */
const KEPT = [3, 9, 10, 20];

/** The log is compacted before it is consumed: the offsets have gaps where records were. */
function compaction(batches: boolean): Fault {
  return {
    scene: async (lives) => {
      const { topic } = lives;
      await configureCompaction(topic, 0);
      const key = (i: number) => (KEPT.includes(i) ? `own ${i}` : 'shared');
      await send(
        topic,
        Array.from({ length: COMPACTED }, (_, i) => ({
          key: key(i),
          value: 'v',
          timestamp: String(timeOf(i)),
        })),
      );
      // So much younger than the segment's first that the broker closes that one and may compact it.
      await send(topic, [{ key: 'end', value: 'v' }]);
      await until(
        'the broker has compacted it',
        async () => (await offsetsOf(topic, COMPACTED)).length < COMPACTED,
        COMPACTION_LIMIT_MS,
      );
      const throwing = throwingAt({ partition: 0, offset: 10 }, 1);
      await lives.consume({ ...throwing, batches }, `0 committed ${COMPACTED + 1}`);
    },
    delivered: ['3..3 9..10 10..10 20..20 29..30'],
    committed: [COMPACTED + 1],
    seen: [/no such account/],
  };
}

const FAULTS: Record<string, Record<string, Fault>> = {
  'commits and handlers': {
    'the offset in hand is committed instead of the next': {
      scene: between(async () => undefined, {
        living: (lives) => committing(lives, (offset) => offset),
        first: '0 committed 29',
      }),
      delivered: ['0..29 29..29'],
      committed: [30],
    },
    'partitions are consumed concurrently, and one handler throws': {
      partitions: 3,
      scene: async (lives) => {
        for (const partition of [0, 1, 2]) await lives.produce(40, partition);
        const committed = committing(lives, (offset) => ((offset + 1) % 5 === 0 ? offset + 1 : null));
        const throwing = throwingAt({ partition: 1, offset: 17 }, 1);
        const living: Living = {
          ...committed,
          partitionsConsumedConcurrently: 3,
          handle: async (got, consumer) => {
            await throwing.handle?.(got, consumer);
            await committed.handle?.(got, consumer);
          },
        };
        await lives.consume(living, '0 committed 40', '1 committed 40', '2 committed 40');
      },
      delivered: ['0..39', '0..17 17..39', '0..39'],
      committed: [40, 40, 40],
      seen: [/^1 log ERROR .* 17 Error: no such account/],
    },
    'the handler throws until kafkajs gives up and starts anew': {
      scene: async (lives) => {
        await lives.produce(30);
        await lives.consume(throwingAt({ partition: 0, offset: 17 }, 12), '0 committed 30');
      },
      delivered: [`0..17 ${'17..17 '.repeat(11)}17..29`],
      committed: [30],
      seen: [/^- crash KafkaJSNumberOfRetriesExceeded: no such account, anew: true/],
    },
  },
  'sessions and processes': {
    'the handler is slower than the session': {
      scene: async (lives) => {
        await lives.produce(30);
        await lives.consume(slowly(lives, false), '0 committed 30');
      },
      delivered: ['0..7 6..29'],
      committed: [30],
      seen: [/not aware of this member/],
    },
    'the handler is slower than the session, with heartbeats': {
      scene: async (lives) => {
        await lives.produce(30);
        await lives.consume(slowly(lives, true), '0 committed 30');
      },
      delivered: ['0..29'],
      committed: [30],
    },
    'SIGKILL in the handler, and a new process': {
      scene: async (lives) => {
        await lives.produce(30);
        const run = { autoCommitThreshold: 5, consumer: QUICK };
        await lives.consumeApart(run, 17, '0 committed 30');
        await lives.consumeApart(run, null, '0 committed 30');
      },
      delivered: ['0..17 15..29'],
      committed: [30],
      seen: [/^- ended SIGKILL/, /^- ended 0/],
    },
  },
  operators: {
    'reset to an earlier offset': {
      scene: between((lives) => lives.setOffset(12)),
      delivered: ['0..29 12..29'],
      committed: [30],
    },
    'reset to the earliest': {
      scene: between(({ admin, group, topic }) =>
        admin.resetOffsets({ groupId: group, topic, earliest: true }),
      ),
      delivered: ['0..29 0..29'],
      committed: [30],
    },
    'reset by time': {
      scene: between(async (lives) => {
        const [found] = await lives.admin.fetchTopicOffsetsByTimestamp(lives.topic, timeOf(20));
        await lives.setOffset(Number(found?.offset));
      }),
      delivered: ['0..29 20..29'],
      committed: [30],
    },
    'reset beyond the end of the log': {
      scene: between((lives) => lives.setOffset(1_000)),
      delivered: ['0..29 0..29'],
      committed: [30],
      seen: [/Offset out of range/],
    },
    'the group is deleted': {
      scene: between(({ admin, group }) => admin.deleteGroups([group])),
      delivered: ['0..29 0..29'],
      committed: [30],
    },
    'the offsets of the group are deleted': {
      scene: between(deleteOffsets),
      delivered: ['0..29 0..29'],
      committed: [30],
    },
    'the records at the committed offset are deleted': {
      scene: between((lives) => lives.deleteRecordsBefore(12), {
        living: (lives) => committing(lives, (offset) => (offset === 4 ? 5 : null)),
        first: '0 got 29',
      }),
      delivered: ['0..29 12..29'],
      committed: [30],
      seen: [/Offset out of range/],
    },
    'the topic is deleted and made anew': {
      scene: between(
        async (lives) => {
          await recreate(lives);
          await lives.produce(10);
        },
        { second: '0 committed 10' },
      ),
      delivered: ['0..29 0..9'],
      committed: [10],
    },
    'a partition is added': {
      scene: between(
        async (lives) => {
          const { admin, topic } = lives;
          await admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] });
          await untilServed(lives, 2);
          await lives.produce(10, 1);
        },
        { second: '1 committed 10' },
      ),
      delivered: ['0..29', '0..9'],
      committed: [30, 10],
    },
  },
  logs: {
    'transactions leave gaps (eachMessage)': gaps(false, 23),
    'transactions leave gaps (eachBatch)': gaps(true, 24),
    'compaction leaves gaps (eachMessage)': compaction(false),
    'compaction leaves gaps (eachBatch)': compaction(true),
  },
};

// At once, as most of their time is waiting: for sessions to end, and for what operators did to stand.
test.each(Object.keys(FAULTS))(
  'under faults of %s',
  async (family) => {
    await Promise.all(Object.entries(FAULTS[family] as (typeof FAULTS)[string]).map(compare));
  },
  180_000,
);

async function compare([name, fault]: [string, Fault]): Promise<void> {
  const options = { store: join(folder, `${uniqueName('store')}.db`) };
  const play = (how: typeof options | null) => Lives.of(how, folder, fault.partitions ?? 1, fault.scene);
  const [bare, wrapped] = await Promise.all([play(null), play(options)]);
  expect([name, ...byPartition(wrapped)]).toEqual([name, ...byPartition(bare)]);
  // The fault took place.
  const given = fault.delivered.map((_, partition) => delivered(bare, partition));
  expect([name, ...given]).toEqual([name, ...fault.delivered]);
  expect([name, ...bare.filter((line) => line.includes('at the end'))]).toEqual([
    name,
    ...fault.committed.map((offset, partition) => `${partition} at the end ${offset}`),
  ]);
  for (const line of fault.seen ?? []) expect([name, ...bare]).toContainEqual(expect.stringMatching(line));
}
