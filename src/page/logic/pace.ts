/** Many events, few renderings: calls come together into one, at once where it was quiet, else after a pause. */
export class Pace {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private lastAt: number;

  /** @param quietMs nothing is run so long from now on, whatever is called; default: no such time */
  constructor(
    private readonly pauseMs: number,
    private readonly run: () => void,
    private readonly now: () => number = () => performance.now(),
    quietMs = 0,
  ) {
    this.lastAt = quietMs === 0 ? Number.NEGATIVE_INFINITY : now() + quietMs - pauseMs;
  }

  call(): void {
    if (this.timer !== null) return;
    const waitMs = Math.max(0, this.lastAt + this.pauseMs - this.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.lastAt = this.now();
      this.run();
    }, waitMs);
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
