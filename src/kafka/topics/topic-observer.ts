/**
 * Reads existing topics of a cluster and hands what was written to the store, which tells what stands there twice.
 *
 * It fetches from the leaders by itself, over kafkajs's connections (its SASL and TLS), and joins no group: kafkajs
 * has no `assign`, and a group of our own would need READ on groups, would stand still at each of its rebalances,
 * could not tell a topic that was deleted and made again while it reads, and after retention outran it kafkajs would
 * commit -2. Nothing is written to Kafka: READ and DESCRIBE on the topics are all that is needed.
 *
 * States: connecting -> observing <-> failing (no broker, no store; tried again) -> stopped. Whatever fails, the next
 * session begins where the store stands: a batch and its offset are one transaction, so no record is passed over and
 * none counts twice, also over kill -9.
 *
 *     topic-choice       which topics, from where, by which rules
 *     observing-session  one session: listing, one loop a leader, its back-pressure
 *     topic-source       its connections; fetch: topics by id where the broker can
 *     records            an answer's bytes to records; codecs
 *     store-queue        what is on its way to the store
 */
import type { Kafka } from 'kafkajs';
import { DupescopeError } from '../../errors';
import { type KafkaSettings, kafkaError } from '../client';
import { principalOf } from '../login';
import { type ObserverMemory, ObservingSession } from './observing-session';
import type { UnreadBatches } from './records';
import type { TopicChoice } from './topic-choice';
import type { TopicSink } from './topic-sink';
import { TopicSource } from './topic-source';

export interface TopicObserverOptions {
  /** Used for reads alone. */
  kafka: Kafka;
  settings: KafkaSettings;
  sink: TopicSink;
  choice: TopicChoice;
  /** How often topics are listed, in ms. Default 30 000. */
  listEveryMs?: number;
  /** A new kind of problem, or null when it is over. */
  onProblem?: (problem: DupescopeError | null) => void;
  /** The first and the last record of what was read, with their times (unix ms; -1: none). */
  onTimes?: (topic: string, partition: number, offset: number, at: number) => void;
  /** Records that were gone before they were read: from that offset, up to the next that is there. */
  onMissed?: (topic: string, partition: number, from: number, next: number) => void;
}

/** A session that failed is followed by another one after so long, doubling up to the second. */
const AGAIN_MS = [200, 5_000] as const;

export class TopicObserver {
  private readonly memory: ObserverMemory = { names: null, unread: { old: 0, unreadable: 0 } };
  private session: ObservingSession | null = null;
  private running: Promise<void> | null = null;
  private stopped = false;
  private hasCaughtUp = false;
  private failure: DupescopeError | null = null;
  /** Topics that may not be read, as of their last fetch. */
  private refused = new Map<string, number>();
  private wake: () => void = () => undefined;

  constructor(private readonly options: TopicObserverOptions) {}

  start(): void {
    this.running = this.run();
  }

  /** Ends within the limit of one request; what was read until then is stored. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.session?.stop();
    this.wake();
    await this.running;
  }

  /** Everything that stood in the topics at the start was read, and is durable. */
  ready(): boolean {
    this.hasCaughtUp ||= this.session?.caughtUp === true;
    return this.hasCaughtUp;
  }

  problem(): string | null {
    return this.failure?.message ?? null;
  }

  /** Batches that could not be read, since the start. */
  unread(): Readonly<UnreadBatches> {
    return this.memory.unread;
  }

  private async run(): Promise<void> {
    let againMs: number = AGAIN_MS[0];
    while (!this.stopped) {
      const beganAt = performance.now();
      try {
        await this.observe();
      } catch (error) {
        if (this.stopped) break;
        this.tell(kafkaError(error, this.options.settings));
      }
      if (performance.now() - beganAt > AGAIN_MS[1]) againMs = AGAIN_MS[0];
      await this.pause(againMs);
      againMs = Math.min(AGAIN_MS[1], againMs * 2);
    }
  }

  private async observe(): Promise<void> {
    const { kafka, sink, choice, listEveryMs = 30_000, onMissed } = this.options;
    const source = await TopicSource.open(kafka);
    const session = new ObservingSession(
      {
        kafka,
        sink,
        choice,
        listEveryMs,
        memory: this.memory,
        onRefused: (topic) => this.refuse(topic),
        onMissed: (...missed) => onMissed?.(...missed),
        onTimes: this.options.onTimes,
        onWorking: (topics) => this.works(topics, listEveryMs),
      },
      source,
    );
    this.session = session;
    if (this.stopped) session.stop();
    try {
      await session.run();
    } finally {
      this.hasCaughtUp ||= session.caughtUp;
      this.session = null;
    }
  }

  private works(topics: number, listEveryMs: number): void {
    const oldest = performance.now() - 2 * listEveryMs;
    for (const [topic, at] of this.refused) if (at < oldest) this.refused.delete(topic);
    if (this.refused.size > 0) return;
    this.tell(
      topics > 0
        ? null
        : new DupescopeError(
            'kafka-topic-missing',
            'No topic that may be read has one of the configured names. Check topics, and that DESCRIBE is granted on them.',
          ),
    );
  }

  private refuse(topic: string): void {
    const principal = principalOf(this.options.settings);
    this.refused.set(topic, performance.now());
    this.tell(
      new DupescopeError(
        'kafka-not-permitted',
        `Kafka does not let ${principal} read the topic "${topic}"; the others are observed. Grant it: kafka-acls --add --allow-principal ${principal} --operation Read --topic ${topic}`,
      ),
    );
  }

  private tell(problem: DupescopeError | null): void {
    if (problem?.code !== this.failure?.code) this.options.onProblem?.(problem);
    this.failure = problem;
  }

  private async pause(ms: number): Promise<void> {
    if (this.stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
