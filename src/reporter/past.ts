/**
 * What a new owner of a partition asks the service: `POST /v1/past`. The one who had the partition before may be on
 * another host, and what it delivered in the last moments is still on its way: then the answer is asked for again
 * when that has had time to come (once a rebalance, not once a partition). Someone of the group who is silent may
 * have delivered what nobody was told: then the answer is not complete.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordOutcome } from '../ledger';

export interface PastQuestion {
  clusterId: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  from: number;
}

export interface Past {
  stretches: {
    first: number;
    last: number;
    deliveries: number;
    previous: {
      session?: string;
      host: string;
      pid: number;
      clientId: string | null;
      memberId: string | null;
      generation: number | null;
      at: number;
      outcome: RecordOutcome;
    };
  }[];
  cut: boolean;
}

interface ServicePast extends Past {
  others: number;
  silent: number;
}

/** Reporters look at their journal every 100 ms and tell of a rebalance at once. */
const SETTLE_MS = 250;
/** Questions of one rebalance come within this. */
const SAME_REBALANCE_MS = 3_000;

export class PastAsker {
  private readonly asked = new Map<string, number>();

  /** @param post asks the service; null when it does not answer */
  constructor(private readonly post: (question: PastQuestion, limitMs: number) => Promise<unknown>) {}

  async ask(question: PastQuestion, limitMs: number): Promise<Past | null> {
    const since = performance.now();
    const left = () => limitMs - (performance.now() - since);
    let answer = pastIn(await this.post(question, left()));
    const settled = this.settledAt(question, since);
    if (answer !== null && answer.others > 0 && settled > since) {
      const wait = settled - performance.now();
      if (wait > left()) return { stretches: answer.stretches, cut: true };
      if (wait > 0) await sleep(wait);
      answer = pastIn(await this.post(question, left()));
    }
    if (answer === null) return null;
    return { stretches: answer.stretches, cut: answer.cut || answer.silent > 0 };
  }

  /** When the others of that group have told what they delivered before this rebalance. */
  private settledAt({ clusterId, group }: PastQuestion, now: number): number {
    const key = `${clusterId} ${group}`;
    const before = this.asked.get(key);
    if (before !== undefined && now - before < SAME_REBALANCE_MS) return before + SETTLE_MS;
    this.asked.set(key, now);
    return now + SETTLE_MS;
  }
}

/** Whatever stands between us and the service may answer with JSON of its own. */
function pastIn(body: unknown): ServicePast | null {
  const { stretches, cut, others, silent } = (body ?? {}) as Partial<ServicePast>;
  const isPast = Array.isArray(stretches) && typeof cut === 'boolean';
  return isPast && typeof others === 'number' && typeof silent === 'number' ? (body as ServicePast) : null;
}
