/** The parent's handle of one consumer process (`app.js`). */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { ConsumerRunConfig } from 'kafkajs';
import { until } from '../support/broker';
import { Child } from './child';
import type { PaymentsTask } from './payments';

const NEWLINE = 10;
const ORDER_MS = 30_000;
/** Dozens of consumers share the machine with their brokers, which elsewhere have one of their own. */
const NICE = 10;

export interface WorkerTask {
  name: string;
  brokers: string[];
  group: string;
  topic: string;
  /** For `instrument`. */
  options: Record<string, unknown>;
  handler: 'eachMessage' | 'eachBatch';
  /** The application commits each record by hand. */
  manual: boolean;
  consumer: { sessionTimeout: number; heartbeatInterval: number; metadataMaxAge: number };
  run: Partial<ConsumerRunConfig>;
  /** Work on one record in microseconds: between the two. */
  workUs: readonly [number, number];
  truthFile: string;
  actsFile: string;
  /** Null: what its handler does may be done again. */
  payments: PaymentsTask | null;
}

/** `depth`: so many records of the batch come before the one that is meant. */
export type Misconduct =
  | { order: 'throw'; times: number; fatal: boolean; depth: number }
  | { order: 'sleep' | 'toil'; ms: number; depth: number }
  | { order: 'seek'; back: number; depth: number }
  | { order: 'skip'; over: number; depth: number }
  | { order: 'return'; keep: number };

type Order =
  | Misconduct
  | { order: 'none' }
  | { order: 'flaky'; share: number; left: number }
  | { order: 'commits'; how: 'right' | 'short' | 'refused' | 'none' };

type News =
  | { news: 'joined'; epoch: number; partitions: number[] }
  | { news: 'ordered' | 'began' | 'done' }
  | { news: 'problem'; code: string; message: string };

export class Worker {
  readonly name: string;
  /** Partitions of its last join; null before the first. */
  assigned: number[] | null = null;
  epoch = 0;
  readonly problems: string[] = [];
  readonly child: Child;
  private readonly heard = new Set<'ordered' | 'began' | 'done'>();
  private readonly counted = { bytes: 0, lines: 0 };

  constructor(
    private readonly task: WorkerTask,
    options: { logFile: string; clockMs: number; onLost: (why: string) => void },
  ) {
    this.name = task.name;
    this.child = new Child(task.name, {
      script: join(__dirname, 'app.js'),
      args: [JSON.stringify(task)],
      logFile: options.logFile,
      nice: NICE,
      ...(options.clockMs === 0
        ? {}
        : { preload: join(__dirname, 'clock.js'), env: { CHAOS_CLOCK_MS: String(options.clockMs) } }),
      onLost: options.onLost,
    });
    this.child.process.on('message', (news: News) => {
      if (news.news === 'joined') {
        this.assigned = news.partitions;
        this.epoch = news.epoch;
      } else if (news.news === 'problem') this.problems.push(`${news.code}: ${news.message}`);
      else this.heard.add(news.news);
    });
  }

  /** Resolves when it has the order: what is fed after that finds it. */
  async order(order: Order): Promise<void> {
    this.heard.clear();
    this.child.process.send(order, () => undefined);
    await until(`${this.name} has the order`, () => this.hasTold('ordered') || this.child.hasEnded, ORDER_MS);
  }

  /** Not answered by news but by its end. */
  askToStop(): void {
    this.child.process.send({ order: 'stop' }, () => undefined);
  }

  /** Whether that news of the last order came. */
  hasTold(news: 'ordered' | 'began' | 'done'): boolean {
    return this.heard.has(news);
  }

  /** For a person: what is known of it. */
  state(): string {
    const { hasEnded, process: child } = this.child;
    const life = hasEnded ? `ended (${child.signalCode ?? child.exitCode})` : `pid ${this.child.pid}`;
    return `${this.name} ${life}, join ${this.epoch} with ${this.assigned?.join(' ') ?? 'nothing yet'}`;
  }

  /** Waits for that news of the last order. */
  news(news: 'began' | 'done', limitMs = 30_000): Promise<void> {
    return until(`${this.name} tells "${news}"`, () => this.hasTold(news), limitMs);
  }

  /** Whether its handler was given so many records from now on, to be asked again and again; or it has ended. */
  progress(records: number): () => boolean {
    const far = this.given() + records;
    return () => this.child.hasEnded || this.given() >= far;
  }

  /** Lines of its ground truth: what is new since the last look is counted. */
  private given(): number {
    if (!existsSync(this.task.truthFile)) return 0;
    const file = openSync(this.task.truthFile, 'r');
    try {
      const bytes = Buffer.alloc(65_536);
      for (;;) {
        const length = readSync(file, bytes, 0, bytes.length, this.counted.bytes);
        for (const byte of bytes.subarray(0, length)) if (byte === NEWLINE) this.counted.lines++;
        this.counted.bytes += length;
        if (length === 0) return this.counted.lines;
      }
    } finally {
      closeSync(file);
    }
  }
}
