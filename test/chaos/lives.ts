/**
 * One group on a topic of its own, and the lives of one application in it, with what operators do in between. All that
 * the application sees of kafkajs is written down: deliveries, commits, errors and crashes, a line each, the partition
 * in front where there is one. Bare and instrumented, the same lives must leave the same lines.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Admin, Consumer, ConsumerConfig, ConsumerRunConfig } from 'kafkajs';
import { type InstrumentOptions, instrument } from '../../src';
import { createTopic, groupIsServed, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { bareKafka, textOf } from './play';

/** A wait in vain is a finding; a machine that is busy with other things is none. */
const PATIENCE_MS = 40_000;
/** Records of a topic with times are so far apart, from 1970 on. */
export const APART_MS = 1_000;
const FIRST_AT = Date.now() - 3_600_000;

export interface Got {
  partition: number;
  offset: number;
  heartbeat: () => Promise<void>;
}

/** How one life consumes: kafkajs's own settings, and what the handler does with a record after it was noted. */
export interface Living extends Omit<ConsumerRunConfig, 'eachMessage' | 'eachBatch'> {
  batches?: boolean;
  handle?: (got: Got, consumer: Consumer) => Promise<unknown>;
  consumer?: Partial<ConsumerConfig>;
}

/** Where and as whom; of a process it is what the parent gives it. */
export interface Place {
  topic: string;
  group: string;
  brokers: string[];
  /** Of `instrument`; null: bare. */
  options: InstrumentOptions | null;
}

/** One life: consumes until all of `last` were said, and disconnects. */
export async function live(
  { topic, group, brokers, options }: Place,
  { batches, handle, consumer: config, ...run }: Living,
  last: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  const left = new Set(last);
  const tell = (line: string) => {
    say(line.replaceAll(topic, 'the topic').replaceAll(group, 'the group'));
    left.delete(line);
  };
  const bare = bareKafka(brokers, ({ label, message, partition = '-', offset = '', error = '' }) => {
    tell(`${partition} log ${label} ${message} ${offset} ${textOf(error)}`.trimEnd());
  });
  const kafka = options === null ? bare : instrument(bare, options);
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 50, ...config });
  const { COMMIT_OFFSETS, CRASH, REBALANCING } = consumer.events;
  consumer.on(COMMIT_OFFSETS, ({ payload }) => {
    for (const { partition, offset } of payload.topics.flatMap(({ partitions }) => partitions)) {
      tell(`${partition} committed ${offset}`);
    }
  });
  consumer.on(CRASH, ({ payload: { error, restart } }) => tell(`- crash ${textOf(error)}, anew: ${restart}`));
  consumer.on(REBALANCING, () => tell('- rebalancing'));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const note = async (got: Got) => {
    tell(`${got.partition} got ${got.offset}`);
    await handle?.(got, consumer);
  };
  await consumer.run({
    ...run,
    ...(batches
      ? {
          eachBatch: async ({ batch: { partition, messages }, resolveOffset, heartbeat }) => {
            for (const { offset } of messages) {
              await note({ partition, offset: Number(offset), heartbeat });
              resolveOffset(offset);
            }
          },
        }
      : {
          eachMessage: ({ partition, message: { offset }, heartbeat }) =>
            note({ partition, offset: Number(offset), heartbeat }),
        }),
  });
  await until(`${[...left]} was said`, () => left.size === 0, PATIENCE_MS);
  await consumer.disconnect();
}

export class Lives {
  readonly log: string[] = [];
  readonly group = uniqueName('lives');
  private constructor(
    readonly topic: string,
    readonly admin: Admin,
    private readonly options: InstrumentOptions | null,
    private readonly folder: string,
  ) {}

  /** Plays `scene` on a topic of its own with so many partitions, and answers what the application saw. */
  static async of(
    options: InstrumentOptions | null,
    folder: string,
    partitions: number,
    scene: (lives: Lives) => Promise<void>,
  ): Promise<string[]> {
    const topic = await createTopic(uniqueName('lives'), partitions);
    const admin = testKafka().admin();
    await admin.connect();
    const lives = new Lives(topic, admin, options, folder);
    try {
      await groupIsServed(lives.group, topic);
      await scene(lives);
      for (const [partition, offset] of (await lives.allCommitted()).entries()) {
        lives.log.push(`${partition} at the end ${offset}`);
      }
    } finally {
      await admin.disconnect();
    }
    return lives.log;
  }

  /** One record batch of so many records; their times are APART_MS apart. */
  async produce(records: number, partition = 0): Promise<void> {
    const producer = testKafka().producer();
    await producer.connect();
    const messages = Array.from({ length: records }, (_, i) => ({
      partition,
      value: `v${i}`,
      timestamp: String(timeOf(i)),
    }));
    await producer.send({ topic: this.topic, messages });
    await producer.disconnect();
  }

  consume(living: Living, ...last: string[]): Promise<void> {
    return live(this.place(), living, last, (line) => this.log.push(line));
  }

  /** In a process of its own. @param killAt it kills itself when it has noted this record; null: never */
  async consumeApart(
    run: Living & { handle?: never },
    killAt: number | null,
    ...last: string[]
  ): Promise<void> {
    const file = join(this.folder, uniqueName('log'));
    appendFileSync(file, '');
    const task: ApartTask = { place: this.place(), run, last, killAt, file };
    const execArgv = ['--require', join(__dirname, 'register.js')];
    const child = fork(join(__dirname, 'life-apart.ts'), [JSON.stringify(task)], { execArgv });
    const [code, signal] = await once(child, 'exit');
    this.log.push(...readFileSync(file, 'utf8').split('\n').slice(0, -1), `- ended ${code ?? signal}`);
  }

  /** Of partition 0; -1: nothing. */
  async committed(): Promise<number> {
    return (await this.allCommitted())[0] ?? -1;
  }

  private async allCommitted(): Promise<number[]> {
    const { admin, group, topic } = this;
    const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    const offsets = answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)] as const);
    return (offsets ?? []).sort(([a], [b]) => a - b).map(([, offset]) => offset);
  }

  async setOffset(offset: number): Promise<void> {
    const { admin, group, topic } = this;
    await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: String(offset) }] });
    await until('the reset stands', async () => (await this.committed()) === offset);
  }

  async deleteRecordsBefore(offset: number): Promise<void> {
    const { admin, topic } = this;
    // kafkajs deletes only where it knows the leaders.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  }

  private place(): Place {
    return { topic: this.topic, group: this.group, brokers: testBrokers(), options: this.options };
  }
}

export interface ApartTask {
  place: Place;
  run: Living;
  last: string[];
  killAt: number | null;
  file: string;
}

/** The time of the n-th record of `produce`, unix ms. */
export function timeOf(record: number): number {
  return FIRST_AT + record * APART_MS;
}

/** What was delivered of a partition, in its order, as ranges: '0..29 12..29'. */
export function delivered(log: readonly string[], partition = 0): string {
  const ranges: [number, number][] = [];
  for (const line of log) {
    const offset = new RegExp(`^${partition} got (\\d+)$`).exec(line)?.[1];
    if (offset === undefined) continue;
    const last = ranges.at(-1);
    if (last !== undefined && Number(offset) === last[1] + 1) last[1]++;
    else ranges.push([Number(offset), Number(offset)]);
  }
  return ranges.map(([from, to]) => `${from}..${to}`).join(' ');
}

/** The lines of each partition in their order: of partitions that are consumed at once that is all that is sure. */
export function byPartition(log: readonly string[]): string[] {
  return [...log].sort((a, b) => (a.split(' ')[0] as string).localeCompare(b.split(' ')[0] as string));
}
