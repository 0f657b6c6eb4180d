/** Records of runs that have ended, finished by their handler while their transaction was not committed. */
interface Finished {
  run: number;
  first: number;
  last: number;
}

/** So many stretches are remembered: a transaction that is longer stays partly unhandled. */
const MAX = 1_000;

/** Of one partition: what the next commit of a transaction covers, beyond the run that is open. */
export class FinishedRecords {
  private stretches: Finished[] = [];

  keep(run: number, first: number, last: number): void {
    if (first > last) return;
    this.stretches.push({ run, first, last });
    if (this.stretches.length > MAX) this.stretches.shift();
  }

  /** From `offset` on records are delivered anew: what was finished of them is not what a transaction covers. */
  supersede(offset: number): void {
    if (this.stretches.length === 0) return;
    this.stretches = this.stretches
      .map((one) => ({ ...one, last: Math.min(one.last, offset - 1) }))
      .filter(({ first, last }) => first <= last);
  }

  /** Takes out what lies below `offset`, which a transaction has committed. */
  take(offset: number): Finished[] {
    const taken = this.stretches
      .filter(({ first }) => first < offset)
      .map((one) => ({ ...one, last: Math.min(one.last, offset - 1) }));
    this.stretches = this.stretches
      .map((one) => ({ ...one, first: Math.max(one.first, offset) }))
      .filter(({ first, last }) => first <= last);
    return taken;
  }
}
