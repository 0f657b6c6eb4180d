/** The ground truth as it grows: what the faults wait for, the screen shows, and `--once` compares. */
import { type TruthDelivery, TruthReader } from './truth';

/** An endless demo remembers so many of the latest records: minutes, where its faults reach back seconds. */
const SEEN_MAX = 200_000;
const REDELIVERED_MAX = 50_000;

export class Tally {
  /** Deliveries of records that the group had been given before, in the order of reading. */
  readonly redelivered: { group: string; at: number }[] = [];
  /** Everything, where it is to be compared at the end. */
  readonly deliveries: TruthDelivery[] = [];
  private readonly reader: TruthReader;
  private readonly seen = new Set<string>();

  constructor(
    folder: string,
    private readonly keepAll: boolean,
  ) {
    this.reader = new TruthReader(folder);
  }

  poll(): void {
    for (const delivery of this.reader.poll()) {
      const { group, partition, offset, at } = delivery;
      if (this.keepAll) this.deliveries.push(delivery);
      const record = `${group}/${partition}/${offset}`;
      if (this.seen.has(record)) this.redelivered.push({ group, at });
      else this.seen.add(record);
    }
    for (const record of this.seen) {
      if (this.keepAll || this.seen.size <= SEEN_MAX) break;
      this.seen.delete(record);
    }
    if (this.redelivered.length > REDELIVERED_MAX) this.redelivered.splice(0, REDELIVERED_MAX / 2);
  }
}
