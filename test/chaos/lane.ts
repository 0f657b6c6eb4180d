/**
 * One consumer group with a topic of its own, on which one family of faults is played: an episode at a time, and the
 * next one only when everything is consumed and committed, so that what is delivered again belongs to one fault.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Admin,
  type ConsumerRunConfig,
  Kafka,
  type KafkaConfig,
  logLevel,
  type Producer,
} from 'kafkajs';
import type { Random } from '../../src/demo/random';
import { TruthReader } from '../../src/demo/truth';
import { readMetadata } from '../../src/kafka/metadata';
import { until } from '../support/broker';
import { ActsFile } from './acts';
import type { Fault } from './faults';
import { type Payments, PRODUCE_TIMEOUT_MS } from './payments';
import { untilAtRest } from './rest';
import { Worker, type WorkerTask } from './worker';

export interface LaneSpec {
  name: string;
  /** Where the ledger is: the store of all embedded lanes, the service's, or one of its own. */
  ledger: 'embedded' | 'service' | 'own';
  /** Its broker is the one that is killed and whose connections are disturbed. */
  fragile?: boolean;
  handler: WorkerTask['handler'];
  manual?: boolean;
  members: number;
  partitions: number;
  workUs: readonly [number, number];
  /** Default: SESSION_MS. */
  sessionMs?: number;
  /** One of them for each process. */
  runs: readonly Partial<ConsumerRunConfig>[];
  /** Every second process has a clock that is wrong by so much. */
  clockMs?: number;
  /** Its store stands on a small disk that can be filled. */
  disk?: boolean;
  /** Its messages are payments, and its handler stands within the check with that store. */
  payments?: 'postgres' | 'sqlite';
  faults: readonly Fault[];
}

/** Where a lane takes place. */
export interface LanePlace {
  folder: string;
  /** Ends the names of topics and groups. */
  suffix: string;
  brokers: string[];
  /** For clients of the harness, without faults. */
  directBrokers: string[];
  /** Options of `instrument` for the n-th process. */
  options: (made: number) => Record<string, unknown>;
  store: string;
  payments: Payments | null;
  onLost: (why: string) => void;
  /** One whose consumer was dead ended, and got a successor. */
  onReplaced: (why: string) => void;
}

export const SESSION_MS = 2_000;
/** Exit code of an application whose consumer kafkajs does not start anew. */
const DEAD_CONSUMER = 3;
/** A wait in vain is a finding; a machine that is busy with other things is none. */
const DELIVERED_MS = 90_000;
/** More partitions are not added: the topic is made anew first. */
export const PARTITIONS_MAX = 6;

export class Lane {
  readonly group: string;
  readonly topic: string;
  readonly acts: ActsFile;
  readonly truthFolder: string;
  readonly actsFolder: string;
  workers: Worker[] = [];
  admin!: Admin;
  partitions: number;
  /** Lives of the topic so far, and the id of each. */
  readonly topicIds: string[] = [];
  readonly problems: string[] = [];
  kills = 0;
  /** Of them, members that were killed because they did nothing any more. */
  hung = 0;
  produced = 0;
  private producer!: Producer;
  private readonly truth: TruthReader;
  private readonly seen = new Set<string>();
  private made = 0;

  constructor(
    readonly spec: LaneSpec,
    readonly place: LanePlace,
    private readonly random: Random,
  ) {
    this.group = `${spec.name}-${place.suffix}`;
    this.topic = `${spec.name}-${place.suffix}`;
    this.partitions = spec.partitions;
    this.truthFolder = join(place.folder, 'truth', spec.name);
    this.actsFolder = join(place.folder, 'acts', spec.name);
    for (const folder of [this.truthFolder, this.actsFolder, join(place.folder, 'logs')]) {
      mkdirSync(folder, { recursive: true });
    }
    this.truth = new TruthReader(this.truthFolder);
    this.acts = new ActsFile(join(this.actsFolder, 'harness'));
  }

  get sessionMs(): number {
    return this.spec.sessionMs ?? SESSION_MS;
  }

  async open(): Promise<void> {
    const { payments, directBrokers } = this.place;
    await payments?.open(directBrokers);
    this.admin = this.kafka().admin();
    const lossy = payments && { socketFactory: payments.way, requestTimeout: PRODUCE_TIMEOUT_MS };
    this.producer = this.kafka(lossy ?? {}).producer();
    await Promise.all([this.admin.connect(), this.producer.connect()]);
    await this.createTopic();
    for (let i = 0; i < this.spec.members; i++) this.start();
    await this.settle();
  }

  async createTopic(): Promise<void> {
    const { topic, partitions } = this;
    await until(`${topic} is made`, () =>
      // Right after the end of an earlier one some requests still meet that.
      this.admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1 }] }).then(
        () => true,
        (error: { type?: string }) => error.type === 'TOPIC_ALREADY_EXISTS',
      ),
    );
    await until(`${topic} has leaders`, () =>
      this.ends().then(
        (ends) => ends.size === partitions,
        () => false,
      ),
    );
    const { topicIds } = await readMetadata(this.kafka(), [topic]);
    this.topicIds.push(topicIds.get(topic) ?? '');
  }

  async close(): Promise<void> {
    await Promise.all(
      [this.admin?.disconnect(), this.producer?.disconnect()].map((end) => end?.catch(() => undefined)),
    );
    await this.place.payments?.close();
  }

  start(): Worker {
    const { spec, place } = this;
    const number = ++this.made;
    const name = `${spec.name}-${number}`;
    const worker = new Worker(
      {
        name,
        brokers: place.brokers,
        group: this.group,
        topic: this.topic,
        options: place.options(number),
        handler: spec.handler,
        manual: spec.manual === true,
        consumer: {
          sessionTimeout: this.sessionMs,
          heartbeatInterval: 500,
          metadataMaxAge: 3_000,
        },
        run: { ...(spec.manual ? { autoCommit: false } : {}), ...this.random.pick(spec.runs) },
        workUs: spec.workUs,
        truthFile: join(this.truthFolder, name),
        actsFile: join(this.actsFolder, name),
        payments: place.payments?.task(spec.handler === 'eachMessage') ?? null,
      },
      {
        logFile: join(place.folder, 'logs', `${name}.log`),
        clockMs: number % 2 === 0 ? (spec.clockMs ?? 0) : 0,
        onLost: (why) => {
          // One whose consumer died for good (a broker out of reach for too long, a group that was not there any more)
          // ends, and whoever looks after it starts another.
          if (worker.child.process.exitCode !== DEAD_CONSUMER) return place.onLost(why);
          place.onReplaced(why);
          this.ended(worker);
          this.start();
        },
      },
    );
    this.workers.push(worker);
    return worker;
  }

  /** Of what Dupescope complained within the processes, by its codes. */
  complaints(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const problem of this.problems) {
      const code = problem.split(':')[0] as string;
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    return counts;
  }

  said(): Map<string, string> {
    return new Map([...this.problems].reverse().map((problem) => [problem.split(':')[0] as string, problem]));
  }

  /** Those that have a partition. */
  owners(): Worker[] {
    return this.workers.filter(({ assigned }) => (assigned ?? []).length > 0);
  }

  async kill(worker: Worker): Promise<void> {
    this.forget(worker);
    await worker.child.kill();
    this.kills++;
    this.acts.write({ act: 'killed', worker: worker.name });
  }

  /** It has ended by its own fault. */
  ended(worker: Worker): void {
    this.acts.write({ act: 'ended', worker: worker.name });
    this.forget(worker);
  }

  private forget(worker: Worker): void {
    this.workers = this.workers.filter((other) => other !== worker);
    this.problems.push(...worker.problems);
  }

  async stop(worker: Worker): Promise<void> {
    this.workers = this.workers.filter((other) => other !== worker);
    if (!(await worker.child.stop(() => worker.askToStop()))) {
      this.place.onLost(`${worker.name} did not end when asked to`);
    }
    this.problems.push(...worker.problems);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => this.stop(worker)));
  }

  /** Brings the group to its size, one process after the other, so that the first ones are at rest. */
  async fill(): Promise<void> {
    while (this.workers.length < this.spec.members) {
      this.start();
      await this.settle();
    }
  }

  /** Puts so many records into each partition. */
  async feed(perPartition: number): Promise<void> {
    const life = this.topicIds.length - 1;
    const count = perPartition * this.partitions;
    const messages =
      this.place.payments?.next(count, this.partitions) ??
      Array.from({ length: count }, (_, i) => ({
        partition: i % this.partitions,
        value: `${life} ${this.produced + i}`,
      }));
    await this.producer.send({ topic: this.topic, messages });
    this.produced += messages.length;
  }

  /** Every partition has one member, and everything is committed. */
  settle(enough?: () => boolean): Promise<void> {
    return untilAtRest(this, enough);
  }

  /** Kills the member that holds a partition and does nothing with it, and starts another. */
  async replaceOwner(partition: number): Promise<void> {
    const owner = this.workers.find(({ assigned }) => assigned?.includes(partition));
    if (owner === undefined) return;
    await this.kill(owner);
    this.hung++;
    this.place.onReplaced(`${owner.state()} held partition ${partition} and did nothing`);
    this.start();
  }

  /** Waits until every record was given to a handler at least once. */
  async delivered(): Promise<void> {
    await until(
      `all of ${this.topic} is delivered`,
      () => {
        for (const { topic, partition, offset } of this.truth.poll())
          this.seen.add(`${topic}/${partition}/${offset}`);
        return this.seen.size >= this.produced;
      },
      DELIVERED_MS,
    );
  }

  async ends(): Promise<Map<number, number>> {
    const offsets = await this.admin.fetchTopicOffsets(this.topic);
    return new Map(offsets.map(({ partition, high }) => [partition, Number(high)]));
  }

  /** By partition; -1 where nothing is committed. */
  async committed(): Promise<Map<number, number>> {
    const [answer] = await this.admin.fetchOffsets({ groupId: this.group, topics: [this.topic] });
    return new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  /** A client of the harness's own. */
  private kafka(more: Partial<KafkaConfig> = {}): Kafka {
    return new Kafka({
      clientId: 'dupescope-chaos',
      brokers: this.place.directBrokers,
      logLevel: logLevel.NOTHING,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
      ...more,
    });
  }

  isWhole(): boolean {
    // Of members that join one after the other, the first has everything for a moment.
    if (this.workers.some(({ assigned }) => assigned === null)) return false;
    const assigned = this.workers.flatMap(({ assigned }) => assigned ?? []);
    return assigned.length === this.partitions && new Set(assigned).size === this.partitions;
  }
}
