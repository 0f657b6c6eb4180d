/** The check's store in memory, for tests: forgets with its process, and bounds what it remembers. */
import {
  type Answer,
  type Attempt,
  type CheckStore,
  type Claim,
  type Limits,
  PURGE_ROWS,
  purgeEveryMs,
} from './store';

interface Known {
  payload: string;
  /** By performance.now(). */
  at: number;
  /** The attempt that has it in progress; null: done. */
  by: object | null;
}

export class MemoryStore implements CheckStore {
  readonly atomic = false;
  /** In the order of their first claims. */
  private readonly known = new Map<string, Known>();
  private purgedAt = performance.now();

  /** @param max identities that are remembered; beyond it the oldest ones that are done are forgotten */
  constructor(
    private readonly max: number,
    private readonly limits: Limits,
  ) {}

  get size(): number {
    return this.known.size;
  }

  async begin(claims: readonly Claim[]): Promise<Attempt<undefined>> {
    const by = {};
    const now = performance.now();
    if (now - this.purgedAt > purgeEveryMs(this.limits)) await this.purge();
    const answers: Answer[] = [];
    for (const { key, payload } of claims) {
      const known = this.known.get(key);
      const isFree = known === undefined || (known.by !== null && now - known.at > this.limits.leaseMs);
      if (isFree) {
        this.known.set(key, { payload, at: now, by });
        answers.push({ is: 'fresh' });
      } else if (known.by === null) {
        answers.push({ is: 'done', payload: known.payload, ageMs: now - known.at });
      } else {
        answers.push({ is: 'busy' });
        break;
      }
    }
    this.bound();
    const settle = (handled: (index: number) => boolean) => {
      answers.forEach((answer, i) => {
        const { key } = claims[i] as Claim;
        const known = this.known.get(key);
        if (answer.is !== 'fresh' || known?.by !== by) return;
        if (handled(i)) known.by = null;
        else this.known.delete(key);
      });
    };
    return {
      answers,
      tx: undefined,
      settle: async (handled) => settle(handled),
      release: async () => settle(() => false),
    };
  }

  async purge(): Promise<number> {
    this.purgedAt = performance.now();
    const before = this.purgedAt - this.limits.windowMs;
    let purged = 0;
    for (const [key, { at, by }] of this.known) {
      if (at >= before || purged >= PURGE_ROWS) break;
      if (by === null && this.known.delete(key)) purged++;
    }
    return purged;
  }

  async close(): Promise<void> {
    this.known.clear();
  }

  private bound(): void {
    for (const [key, { by }] of this.known) {
      if (this.known.size <= this.max) return;
      if (by === null) this.known.delete(key);
    }
  }
}
