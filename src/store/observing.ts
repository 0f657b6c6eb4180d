/** What observers of topics ask of the writer: the identity index, opened when the first of them comes. */
import { fail } from '../errors';
import type { ExpectedTopic, ObservedBatch, ObserverState } from '../identity';
import { DEFAULT_AGE_MS, IdentityIndex, type WindowLimits } from './identity';
import type { Store } from './open';
import type { IdentityPlace } from './queries/identities';

export interface IdentityLimits {
  /** Identities kept in all; null: the index's default. */
  capacity: number | null;
}

export class Observing {
  private readonly index: IdentityIndex;
  private readonly seed: Uint8Array;

  /** @param limits of topics by name, as observers told them; kept by the writer, whatever becomes of the store */
  constructor(db: Store, storePath: string, { capacity }: IdentityLimits, limits: Map<string, WindowLimits>) {
    this.index = new IdentityIndex(db, {
      snapshotPath: `${storePath}.identities`,
      ...(capacity === null ? {} : { capacity }),
      limits: (topic) => limits.get(topic) ?? { ageMs: DEFAULT_AGE_MS, records: this.index.capacity },
    });
    this.seed = this.index.seed;
  }

  /** Opens the index, which takes seconds when it is large: before anything is read. */
  state(cluster: string): ObserverState {
    this.index.open();
    const offsets = this.index.offsets().filter((offset) => offset.cluster === cluster);
    return { seed: this.seed, offsets };
  }

  expect(topics: readonly ExpectedTopic[]): void {
    for (const { cluster, topic, topicId, partitions, limits } of topics) {
      this.index.expect(cluster, topic, topicId, partitions, limits);
    }
  }

  /** Each batch is a transaction. Throws 'observe-gap' where the hashes are not of this store. */
  observe(seed: Uint8Array, batches: readonly ObservedBatch[]): void {
    if (Buffer.compare(seed, this.seed) !== 0) {
      fail('observe-gap', 'The store was replaced. The topic observer begins anew from it.');
    }
    for (const batch of batches) this.index.observe(batch);
  }

  /** Null where the index is not open. */
  find(text: string): IdentityPlace[] | null {
    return this.index.find(text);
  }

  maintain(now: number): void {
    this.index.maintain(now);
  }

  close(): void {
    this.index.close();
  }
}
