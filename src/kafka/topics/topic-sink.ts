/** Where the topic observer keeps what it found; who stores it is not its business. */
import type { ExpectedTopic, ObservedBatch, ObserverState } from '../../identity';

export interface TopicSink {
  /** Where to go on in that cluster. Rejects while the store cannot be read. */
  state(cluster: string): Promise<ObserverState>;
  /** Makes these topics known; before their first batch. */
  expect(topics: readonly ExpectedTopic[]): Promise<void>;
  /**
   * Stores the batches in their order, each in one transaction with its offset; when it resolves, all are durable.
   * Takes the columns' buffers away. Rejects with 'observe-gap' where `seed` is not the store's (the file was
   * replaced), and with the store's errors while it cannot be written: some batches may be stored then. Go on from
   * `state`.
   */
  observe(seed: Uint8Array, batches: readonly ObservedBatch[]): Promise<void>;
}
