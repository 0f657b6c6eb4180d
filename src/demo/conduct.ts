/** How a handler behaves: a few milliseconds of work a record, or the fault that was ordered, once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import { Random } from './random';
import { type Misconduct, type News, SESSION_TIMEOUT_MS, WORK_MS } from './workload';

/** One record in a handler, and what the handler knows of its batch. */
export interface Task {
  topic: string;
  partition: number;
  offset: number;
  /** First and last offset of the batch. */
  first: number;
  last: number;
  heartbeat: () => Promise<void>;
}

const HEARTBEAT_TRY_MS = 100;
const TOIL_LIMIT_MS = 20_000;
/** Longer than a parent takes to kill, shorter than what would lose the session. */
const LINGER_MS = SESSION_TIMEOUT_MS / 2;

export class Conduct {
  /** Carried out at the next record in the middle of a batch. */
  next: (Misconduct & { depth: number }) | null = null;
  private readonly random = new Random(process.pid);

  constructor(
    private readonly consumer: Consumer,
    private readonly tell: (news: News) => void,
  ) {}

  async work(task: Task): Promise<void> {
    const order = this.next;
    if (order !== null && isInTheMiddle(task, order.depth)) {
      this.next = null;
      await this.misbehave(order, task);
    }
    await sleep(this.random.between(...WORK_MS));
  }

  private async misbehave(order: Misconduct, task: Task): Promise<void> {
    const { topic, partition, offset } = task;
    const place = `${partition}/${offset}`;
    switch (order.order) {
      case 'linger':
        this.tell({ news: 'began', place });
        await sleep(LINGER_MS);
        return;
      case 'throw':
        this.tell({ news: 'done', place });
        throw new Error('the payment provider answered 503');
      case 'sleep':
        this.tell({ news: 'began', place });
        await sleep(order.ms);
        this.tell({ news: 'done', place });
        return;
      case 'seek':
        this.consumer.seek({ topic, partition, offset: String(Math.max(0, offset - order.back)) });
        this.tell({ news: 'done', place });
        return;
      case 'toil':
        this.tell({ news: 'began', place });
        await this.toil(task, place);
    }
  }

  /** Long work that keeps the session alive; a heartbeat throws when the group rebalances, and so does the handler. */
  private async toil({ heartbeat }: Task, place: string): Promise<void> {
    try {
      for (const since = performance.now(); performance.now() - since < TOIL_LIMIT_MS; ) {
        await sleep(HEARTBEAT_TRY_MS);
        await heartbeat();
      }
    } finally {
      this.tell({ news: 'done', place });
    }
  }
}

/** Records before it were handled and are not committed, and records after it are fetched. */
function isInTheMiddle({ offset, first, last }: Task, depth: number): boolean {
  return offset >= first + depth && offset < last;
}
