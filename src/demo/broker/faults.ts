import type { RequestHeader } from './frames';

/** Says of a request, or of the answer to it, whether a fault takes it, by the request's header. */
export type AnswerFilter = (request: RequestHeader) => boolean;

/** All counted since the proxy began to listen. */
export interface ProxyCounters {
  /** Connections taken on, those of `refused` not among them. */
  accepted: number;
  /** Connections that are open now. */
  open: number;
  refused: number;
  cut: number;
  requests: number;
  answers: number;
  /** Answers that were held back for a time. */
  delayed: number;
  /** Answers that were swallowed. */
  dropped: number;
  /** Requests that were swallowed. */
  lost: number;
  bytesToBroker: number;
  bytesToClient: number;
}

const NONE: AnswerFilter = () => false;
const ALL: AnswerFilter = () => true;

/** The faults that last, as they are now, for all connections of a proxy; and what is counted of them. */
export class Faults {
  readonly counters: ProxyCounters = {
    accepted: 0,
    open: 0,
    refused: 0,
    cut: 0,
    requests: 0,
    answers: 0,
    delayed: 0,
    dropped: 0,
    lost: 0,
    bytesToBroker: 0,
    bytesToClient: 0,
  };
  refusing = false;
  #delayMs = 0;
  #delayed: AnswerFilter = NONE;
  #dropped: AnswerFilter = NONE;
  #lost: AnswerFilter = NONE;
  /** Wakes the answers that are held, so that they look at the faults anew. */
  readonly #held = new Set<() => void>();

  delay(ms: number, which: AnswerFilter = ALL): void {
    this.#delayMs = Math.max(0, ms);
    this.#delayed = which;
    for (const wake of [...this.#held]) wake();
  }

  drop(which: boolean | AnswerFilter): void {
    this.#dropped = which === true ? ALL : which === false ? NONE : which;
  }

  lose(which: AnswerFilter | false): void {
    this.#lost = which === false ? NONE : which;
  }

  heal(): void {
    this.refusing = false;
    this.drop(false);
    this.lose(false);
    this.delay(0);
  }

  /** Whether the answer to this request is to be swallowed; counts it. */
  takes(request: RequestHeader): boolean {
    const taken = this.#dropped(request);
    if (taken) this.counters.dropped++;
    return taken;
  }

  /** Whether this request is to be swallowed; counts it. */
  loses(request: RequestHeader): boolean {
    const lost = this.#lost(request);
    if (lost) this.counters.lost++;
    return lost;
  }

  /** Waits until the answer that came at `arrivedAtMs` (of `performance.now()`) may go on. */
  async hold(request: RequestHeader, arrivedAtMs: number): Promise<void> {
    let counted = false;
    for (;;) {
      const leftMs = this.#delayed(request) ? arrivedAtMs + this.#delayMs - performance.now() : 0;
      if (leftMs <= 0) return;
      if (!counted) this.counters.delayed++;
      counted = true;
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#held.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, leftMs);
        this.#held.add(wake);
      });
    }
  }
}
