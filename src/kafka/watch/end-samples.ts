/**
 * Where a partition's log ended at which time: tells how old the first record is that a group has not committed, with
 * no record read. Bounded: of the older half every second sample is given up when there are too many.
 */
const SAMPLES_MAX = 240;
/** Of those so many are stored: the latest as they are, of the older ones every few. */
const STORED_MAX = 60;

export class EndSamples {
  private offsets: number[] = [];
  private times: number[] = [];

  /** Samples that were stored, in their order. */
  static from(ends: readonly (readonly [offset: number, at: number])[]): EndSamples {
    const samples = new EndSamples();
    for (const [offset, at] of ends) samples.add(offset, at);
    return samples;
  }

  /** The last end; null before the first sample. */
  get end(): number | null {
    return this.offsets.at(-1) ?? null;
  }

  /** When it was asked for first; 0 before. */
  get firstAt(): number {
    return this.times[0] ?? 0;
  }

  get at(): number {
    return this.times.at(-1) ?? 0;
  }

  add(offset: number, at: number): void {
    // A log that became shorter is another one.
    if (offset < (this.end ?? 0)) {
      this.offsets = [];
      this.times = [];
    }
    // While nothing comes, the last time at which this was the end is what counts.
    if (this.offsets.length > 1 && this.offsets.at(-2) === offset) this.times[this.times.length - 1] = at;
    else {
      this.offsets.push(offset);
      this.times.push(at);
    }
    if (this.offsets.length > SAMPLES_MAX) {
      const keeps = (_: number, i: number) => i > SAMPLES_MAX / 2 || i % 2 === 0;
      this.offsets = this.offsets.filter(keeps);
      this.times = this.times.filter(keeps);
    }
  }

  /** What to keep for the time after a restart. */
  stored(): [offset: number, at: number][] {
    const all = this.offsets.map((offset, i): [number, number] => [offset, this.times[i] as number]);
    const latest = all.slice(-STORED_MAX / 2);
    const older = all.slice(0, all.length - latest.length);
    const every = Math.ceil(older.length / (STORED_MAX / 2));
    return [...older.filter((_, i) => i % every === 0), ...latest];
  }

  /** The last end that was told by then; null: there was none. */
  endBefore(at: number): number | null {
    return this.offsets[this.times.findLastIndex((time) => time <= at)] ?? null;
  }

  /** Age of the record at that offset, in ms, between two samples by proportion. 0: not written yet; null: older than all. */
  ageOf(offset: number, now: number): number | null {
    const { offsets, times } = this;
    const last = offsets.at(-1);
    if (last === undefined) return null;
    if (offset >= last) return 0;
    const after = offsets.findIndex((end) => end > offset);
    if (after <= 0) return null;
    const [low, high] = [offsets[after - 1] as number, offsets[after] as number];
    const [from, to] = [times[after - 1] as number, times[after] as number];
    return Math.max(0, now - (from + ((offset - low) / (high - low)) * (to - from)));
  }
}
