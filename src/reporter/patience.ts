/** When to try again. A service that is away is asked soon and then more seldom; one that refuses, seldom. */

const FIRST_MS = 200;
const LONGEST_MS = 5_000;
/** What is refused as such (a wrong token, a report that is not valid) is put right by people. */
const REFUSED_MS = 30_000;
const RETRY_AFTER_MAX_MS = 60_000;

export class Patience {
  private failures = 0;
  private until = 0;

  /** @param now reading of a monotonic clock, in ms */
  mayTry(now: number): boolean {
    return now >= this.until;
  }

  /** @param askedMs what the service asked for */
  failed(now: number, kind: 'away' | 'refused', askedMs: number | null): void {
    const steps = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.failures++);
    // Many processes lose the service at the same time; they must not come back at the same time.
    const wait = (kind === 'refused' ? REFUSED_MS : steps) * (0.5 + Math.random() / 2);
    // What the service asked for is the least.
    const asked = Math.min(askedMs ?? 0, RETRY_AFTER_MAX_MS) * (1 + Math.random() / 4);
    this.until = now + Math.max(wait, asked);
  }

  succeeded(): void {
    this.failures = 0;
    this.until = 0;
  }
}
