/**
 * An application that plays a plan and writes down what it sees of kafkajs: deliveries, commits, errors and crashes, in
 * their order. A plan is made of a seed: what the handler does at which record, the first time it gets it. One partition
 * and one record batch, so that kafkajs alone decides nothing by chance.
 */
import { type Consumer, type ConsumerRunConfig, Kafka, logLevel } from 'kafkajs';
import { Random } from '../../src/demo/random';
import { createTopic, groupIsServed, testBrokers, testKafka, uniqueName, until } from '../support/broker';

export const RECORDS = 120;

export type Deed =
  | { deed: 'throw'; times: number; with: 'Error' | 'TypeError' | 'nothing' | 'rejection' }
  | { deed: 'seek'; back: number }
  | { deed: 'bad seek' | 'bad commit' | 'refused commit' | 'pause' | 'restart' }
  | { deed: 'return' };

export interface Plan {
  run: Pick<ConsumerRunConfig, 'autoCommit' | 'autoCommitThreshold' | 'eachBatchAutoResolve'>;
  handler: 'eachMessage' | 'eachBatch';
  /** Every so many records, by hand; 0: never. */
  commitEvery: number;
  deeds: Map<number, Deed>;
}

export const KINDS = ['automatic', 'threshold', 'manual', 'batches', 'batches left unresolved'] as const;

export function planOf(kind: (typeof KINDS)[number], seed: number): Plan {
  const random = new Random(seed);
  const batches = kind.startsWith('batches');
  const open = kind === 'batches left unresolved';
  const kinds: Deed[] = [
    { deed: 'throw', times: 1, with: 'Error' },
    { deed: 'throw', times: random.between(2, 3), with: 'Error' },
    { deed: 'throw', times: 1, with: 'rejection' },
    { deed: 'seek', back: random.between(1, 12) },
    { deed: 'bad seek' },
    { deed: 'bad commit' },
    { deed: 'refused commit' },
    { deed: 'pause' },
    { deed: 'restart' },
    ...(open ? ([{ deed: 'return' }, { deed: 'return' }] as const) : []),
  ];
  const places = random.shuffled([...Array(RECORDS - 1).keys()]);
  return {
    handler: batches ? 'eachBatch' : 'eachMessage',
    run: {
      autoCommit: kind !== 'manual',
      ...(kind === 'threshold' ? { autoCommitThreshold: random.between(2, 9) } : {}),
      ...(open ? { eachBatchAutoResolve: false } : {}),
    },
    commitEvery: kind === 'manual' ? random.between(1, 5) : 0,
    deeds: new Map(kinds.map((deed, i) => [places[i] as number, { ...deed }])),
  };
}

/** Plays the plan as an application, and answers what it saw. */
export class Play {
  readonly log: string[] = [];
  private readonly left: Map<number, Deed>;
  private readonly group = uniqueName('bare');
  private consumer!: Consumer;
  private restart: Promise<void> = Promise.resolve();
  private restarting = false;
  private isDone = false;
  private wasInTheMiddle = false;

  constructor(
    private readonly plan: Plan,
    private readonly topic: string,
    private readonly wrap: (kafka: Kafka) => Kafka,
    /** Called once, by the handler, when it has half of the records. */
    private readonly inTheMiddle: () => void = () => undefined,
  ) {
    this.left = new Map([...plan.deeds].map(([offset, deed]) => [offset, { ...deed }]));
  }

  async play(): Promise<string[]> {
    const kafka = this.wrap(
      bareKafka(testBrokers(), ({ label, message, offset, error }) => {
        this.log.push(`log ${label} ${message} ${offset ?? ''} ${textOf(error)}`);
      }),
    );
    this.consumer = kafka.consumer({ groupId: this.group, maxWaitTimeInMs: 50 });
    const { COMMIT_OFFSETS, CRASH, REBALANCING, END_BATCH_PROCESS } = this.consumer.events;
    this.consumer.on(COMMIT_OFFSETS, ({ payload }) => {
      this.log.push(`committed ${payload.topics.map((t) => t.partitions.map((p) => String(p.offset)))}`);
    });
    let dead = false;
    this.consumer.on(CRASH, ({ payload: { error, restart } }) => {
      this.log.push(`crash ${textOf(error)}${restart ? ', starts anew' : ''}`);
      dead = !restart;
    });
    this.consumer.on(REBALANCING, () => void this.log.push('rebalancing'));
    let ended = false;
    this.consumer.on(END_BATCH_PROCESS, () => {
      ended = this.isDone;
    });
    await groupIsServed(this.group, this.topic);
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await this.run();
    await until(`the plan is played (${this.log.at(-1)})`, () => dead || (ended && !this.restarting), 40_000);
    await this.restart;
    await this.consumer.disconnect();
    const admin = testKafka().admin();
    await admin.connect();
    const [offsets] = await admin.fetchOffsets({ groupId: this.group, topics: [this.topic] });
    await admin.disconnect();
    this.log.push(`at the end ${offsets?.partitions.map(({ offset }) => offset)}`);
    return this.log;
  }

  private run(): Promise<void> {
    const { topic } = this;
    const handlers: Pick<ConsumerRunConfig, 'eachMessage' | 'eachBatch'> = {
      eachMessage: ({ partition, message, pause }) => {
        this.log.push(`got ${message.offset}`);
        const resume = this.left.get(Number(message.offset))?.deed === 'pause' ? pause() : null;
        return this.handle(Number(message.offset), partition, resume);
      },
      eachBatch: async ({
        batch,
        resolveOffset,
        heartbeat,
        isRunning,
        isStale,
        pause,
        uncommittedOffsets,
      }) => {
        this.log.push(`got ${batch.firstOffset()}..${batch.lastOffset()}`);
        for (const { offset } of batch.messages) {
          // With eachBatchAutoResolve whoever returns early skips the rest.
          const mayLeave = this.plan.run.eachBatchAutoResolve === false;
          if ((mayLeave && !isRunning()) || isStale()) {
            this.log.push(`left at ${offset} ${JSON.stringify(uncommittedOffsets())}`);
            return;
          }
          if (this.left.get(Number(offset))?.deed === 'return') {
            this.left.delete(Number(offset));
            return;
          }
          const resume = this.left.get(Number(offset))?.deed === 'pause' ? pause() : null;
          await this.handle(Number(offset), batch.partition, resume);
          resolveOffset(offset);
          await heartbeat();
        }
      },
    };
    return this.consumer
      .run({ ...this.plan.run, [this.plan.handler]: handlers[this.plan.handler] })
      .catch((e) => {
        this.log.push(`run of ${topic} failed ${textOf(e)}`);
      });
  }

  private async handle(offset: number, partition: number, resume: (() => void) | null): Promise<void> {
    const { topic, plan, consumer } = this;
    if (offset >= RECORDS / 2 && !this.wasInTheMiddle) {
      this.wasInTheMiddle = true;
      this.inTheMiddle();
    }
    const deed = this.left.get(offset);
    if (deed !== undefined) {
      if (deed.deed !== 'throw' || --deed.times <= 0) this.left.delete(offset);
      await this.misbehave(deed, offset, partition, resume);
    }
    if (plan.commitEvery > 0 && (offset + 1) % plan.commitEvery === 0) {
      await consumer.commitOffsets([{ topic, partition, offset: String(offset + 1) }]);
      this.log.push(`commit of ${offset + 1} answered`);
    }
    if (offset === RECORDS - 1 && this.left.size === 0) this.isDone = true;
  }

  private async misbehave(
    deed: Deed,
    offset: number,
    partition: number,
    resume: (() => void) | null,
  ): Promise<void> {
    const { topic, consumer } = this;
    this.log.push(`${deed.deed} at ${offset}`);
    switch (deed.deed) {
      case 'throw':
        if (deed.with === 'nothing') throw undefined;
        if (deed.with === 'TypeError') throw new TypeError('cannot read the payment');
        if (deed.with === 'rejection') return Promise.reject('a text');
        throw new Error(`no such account at ${offset}`);
      case 'seek':
        consumer.seek({ topic, partition, offset: String(Math.max(0, offset - deed.back)) });
        return;
      case 'bad seek':
        this.tell(() => consumer.seek({ topic, partition, offset: 'nonsense' }));
        this.tell(() => consumer.seek({ topic: '', partition, offset: '1' }));
        return;
      case 'bad commit':
        await consumer
          .commitOffsets([{ topic, partition, offset: 'nonsense' }])
          .catch((error) => this.log.push(textOf(error)));
        return;
      case 'refused commit':
        await consumer
          .commitOffsets([{ topic, partition, offset: String(offset), metadata: 'x'.repeat(9_000) }])
          .catch((error) => this.log.push(textOf(error)));
        return;
      case 'pause':
        // Taken up again when kafkajs has left the batch for it, or gone on to its end.
        if (resume !== null) setTimeout(resume, 100);
        return;
      case 'restart':
        this.restarting = true;
        this.restart = consumer.stop().then(async () => {
          this.log.push('stopped');
          await this.run();
          this.log.push('runs again');
          this.restarting = false;
        });
    }
  }

  private tell(work: () => void): void {
    try {
      work();
      this.log.push('no error');
    } catch (error) {
      this.log.push(textOf(error));
    }
  }
}

/** What kafkajs logs of a consumer. */
export interface Logged {
  label: string;
  message: string;
  partition?: number;
  offset?: string;
  error?: unknown;
}

/** A client that tries again at once, and whose consumers' log is heard. */
export function bareKafka(brokers: string[], hear: (line: Logged) => void): Kafka {
  return new Kafka({
    clientId: 'bare',
    brokers,
    retry: { initialRetryTime: 20, maxRetryTime: 100, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator:
      () =>
      ({ namespace, label, log }) => {
        if (/^(Runner|Consumer)/.test(namespace)) hear({ label, ...log });
      },
  });
}

export function textOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}

export async function filledTopic(): Promise<string> {
  const topic = await createTopic(uniqueName('bare'));
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({ topic, messages: Array.from({ length: RECORDS }, (_, i) => ({ value: `v${i}` })) });
  await producer.disconnect();
  return topic;
}
