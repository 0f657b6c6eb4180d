/**
 * Payments under kills: a producer whose answers are lost, so that kafkajs writes twice, and consumers that are killed
 * one after the other while they pay, each by the next one's side, so that partitions move between living members too.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { API, type FaultProxy } from '../../src/demo/broker';
import { Random } from '../../src/demo/random';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { dropNext, proxySharedBroker, through } from '../support/proxied';

/** Messages that wait to be paid: enough for whoever is to be killed next. */
const BACKLOG = 150;
const FRESH = 20;
/** Every third message is written once more by the application, long after the first. */
const COPIES = 7;

export interface Effect {
  id: string;
  amount: number;
}

/** Sends as long as it is let, keeping a backlog. */
class Sender {
  readonly sent = new Map<string, number>();
  copies = 0;
  private readonly producer;
  private isStopped = false;

  constructor(
    private readonly topic: string,
    port: number,
  ) {
    const kafka = testKafka({ socketFactory: through(port), requestTimeout: 500 });
    this.producer = kafka.producer();
  }

  async run(paid: () => Promise<number>): Promise<void> {
    await this.producer.connect();
    while (!this.isStopped) {
      await this.send();
      const isWanted = async () => this.isStopped || this.sent.size - (await paid()) < BACKLOG;
      await until('payments go on', isWanted, 90_000);
    }
    await this.producer.disconnect();
  }

  stop(): void {
    this.isStopped = true;
  }

  private async send(): Promise<void> {
    const { size } = this.sent;
    const copies = [...this.sent].filter((_, i) => i % 3 === size % 3).slice(-COPIES * 3, -COPIES * 2);
    const fresh = Array.from({ length: FRESH }, (_, i) => {
      const number = size + i + 1;
      return [`payment-${number}`, 1 + (number % 97)] as const;
    });
    for (const [id, amount] of fresh) this.sent.set(id, amount);
    this.copies += copies.length;
    const messages = [...fresh, ...copies].map(([id, amount], i) => ({
      partition: i % 2,
      value: String(amount),
      headers: { 'message-id': id },
    }));
    await this.producer.send({ topic: this.topic, messages });
  }
}

/** A group needs its session time-out, and on a busy machine more, to give the partitions of the killed to the next. */
const IDLE_MS = 45_000;

/** A consumer process. */
class Payer {
  isRunning = false;
  private left = Number.POSITIVE_INFINITY;
  private readonly exited: Promise<unknown[]>;
  private readonly child: ChildProcess;

  constructor(task: object) {
    this.child = fork(join(__dirname, 'paying-app.js'), [JSON.stringify(task)]);
    this.exited = once(this.child, 'exit');
    this.child.on('message', (told) => {
      if (told === 'running') this.isRunning = true;
      else if (--this.left === 0) this.kill();
    });
  }

  kill(): void {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }

  /**
   * Kills it when it has told of so many more payments: in the middle of one, or right after it. One that has none to tell
   * of for so long is killed as well, as whoever looks after it would do. Answers whether it paid.
   */
  async killedAfter(payments: number): Promise<boolean> {
    this.left = payments;
    let idle = false;
    const timer = setTimeout(() => {
      idle = true;
      this.kill();
    }, IDLE_MS);
    const [, signal] = await this.exited;
    clearTimeout(timer);
    expect(signal).toBe('SIGKILL');
    return !idle;
  }

  async stop(): Promise<void> {
    this.child.send('stop');
    await this.exited;
  }
}

/** Each kill has an answer to a produce request lost before it, and one of these besides. */
const FAULTS: ((proxy: FaultProxy) => void)[] = [
  (proxy) => dropNext(proxy, [API.Produce, API.OffsetCommit]),
  (proxy) => proxy.delayAnswers(60),
  (proxy) => proxy.delayAnswers(250, ({ apiKey }) => apiKey === API.Produce),
];

export interface Told {
  sent: Map<string, number>;
  /** Messages that the application sent a second time. */
  copies: number;
  /** In the topic: what was sent, the application's copies and the producer's. */
  records: number;
  /** Answers that were lost. */
  dropped: number;
  /** Kills of consumers that were given nothing, or did nothing, for long. */
  idle: number;
}

export interface Paying {
  kills: number;
  /** Of the consumers; see `paying-app.js`. */
  task: { store: string; handler: 'eachMessage' | 'eachBatch'; ledger: string; [more: string]: unknown };
  /** How many are paid, each counted once. */
  paid: () => Promise<number>;
}

/** Kills that many consumers while they pay, then lets the last one pay everything. */
export async function payUnderKills({ kills, task, paid }: Paying): Promise<Told> {
  const topic = await createTopic(uniqueName('paying'), 2);
  const group = uniqueName('paying');
  const random = new Random(kills);
  const proxy = await proxySharedBroker();
  const admin = testKafka().admin();
  const sender = new Sender(topic, proxy.port);
  const payers: Payer[] = [];
  const launch = async () => {
    const payer = new Payer({ brokers: testBrokers(), port: proxy.port, topic, group, ...task });
    payers.push(payer);
    await until(`consumer ${payers.length} has joined`, () => payer.isRunning, 60_000);
    return payer;
  };
  const ends = async () =>
    (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => ({ partition, high }));
  const isCommitted = async () => {
    const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return (await ends()).every(({ partition, high }) =>
      committed?.partitions.some((one) => one.partition === partition && one.offset === high),
    );
  };
  const sending = sender.run(paid);
  sending.catch(() => undefined);
  try {
    await admin.connect();
    let current = await launch();
    let idle = 0;
    for (let kill = 0; kill < kills; kill++) {
      proxy.heal();
      dropNext(proxy, [API.Produce]);
      FAULTS[kill % FAULTS.length]?.(proxy);
      const next = await launch();
      const paidOn = await current.killedAfter(random.between(1, task.handler === 'eachBatch' ? 3 : 12));
      if (!paidOn) idle++;
      current = next;
    }
    sender.stop();
    await sending;
    proxy.heal();
    await until('everything is paid', async () => (await paid()) >= sender.sent.size, 90_000);
    await until('everything is committed', isCommitted, 60_000);
    await current.stop();
    const records = (await ends()).reduce((sum, { high }) => sum + Number(high), 0);
    return { sent: sender.sent, copies: sender.copies, records, dropped: proxy.counters.dropped, idle };
  } finally {
    sender.stop();
    for (const payer of payers) payer.kill();
    await admin.disconnect();
    await sending.catch(() => undefined);
    await proxy.close();
  }
}
