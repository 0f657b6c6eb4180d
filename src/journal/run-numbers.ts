/**
 * A set of run numbers as ranges. Runs that are lost while a journal has no room are close to one range: what lies
 * between is open still, a run a track at most.
 */
export class RunNumbers {
  private readonly found: [first: number, last: number][] = [];

  /** @param max ranges that are kept; of more, the oldest runs are forgotten */
  constructor(private readonly max: number) {}

  /** Adds [first..last]; nothing when that is empty. */
  add(first: number, last: number): void {
    if (first > last) return;
    const { found } = this;
    let at = found.length;
    while (at > 0 && (found[at - 1] as [number, number])[1] >= first - 1) at--;
    let end = at;
    let joined: [number, number] = [first, last];
    for (let next = found[end]; next !== undefined && next[0] <= last + 1; next = found[++end]) {
      joined = [Math.min(joined[0], next[0]), Math.max(joined[1], next[1])];
    }
    found.splice(at, end - at, joined);
    if (found.length > this.max) found.shift();
  }

  has(run: number): boolean {
    return this.found.some(([first, last]) => first <= run && run <= last);
  }

  ranges(): [first: number, last: number][] {
    return [...this.found];
  }
}
