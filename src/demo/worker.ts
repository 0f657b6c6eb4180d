/** The parent's handle of one consumer process. */
import { join } from 'node:path';
import { Child } from './child';
import { type Patience, until } from './patience';
import type { News, Order, WorkerSettings } from './workload';

export class Worker {
  readonly name: string;
  /** Partitions of its last join; null before the first. */
  assigned: number[] | null = null;
  private readonly child: Child;
  private readonly heard = new Map<News['news'], string>();

  constructor(settings: WorkerSettings, logFile: string, onLost: (why: string) => void) {
    this.name = settings.name;
    this.child = new Child(settings.name, {
      script: join(__dirname, 'consumer.js'),
      args: [JSON.stringify(settings)],
      logFile,
      onLost,
    });
    this.child.process.on('message', (news: News) => {
      if (news.news === 'joined') this.assigned = news.partitions;
      else if (news.news === 'crashed') {
        // kafkajs starts it anew by itself where it may.
        if (!news.restart) onLost(`${this.name} crashed: ${news.error}`);
      } else this.heard.set(news.news, news.place);
    });
  }

  get pid(): number {
    return this.child.pid;
  }

  /** An order for the next record in the middle of a batch. */
  order(order: Order): void {
    this.heard.clear();
    // A process that is gone tells so by its exit.
    this.child.process.send(order, () => undefined);
  }

  /** Waits for that news of the last order, and answers the place: partition/offset. */
  async news(news: 'began' | 'done', patience: Patience): Promise<string> {
    await until(`${this.name} tells "${news}"`, () => this.heard.has(news), patience);
    return this.heard.get(news) ?? '';
  }

  kill(): Promise<void> {
    return this.child.kill();
  }

  /** Leaves the group and ends; false when it had to be killed. */
  stop(limitMs?: number): Promise<boolean> {
    return this.child.stop(() => this.order({ order: 'stop' }), limitMs);
  }
}
