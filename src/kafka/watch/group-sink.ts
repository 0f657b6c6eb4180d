/** Where the group watcher keeps what it found; who stores it is not its business. */
import type { WatchBatch, WatchedState } from '../../ledger';

export interface GroupSink {
  /** What is stored of that cluster: where to begin. Rejects while the store cannot be read. */
  state(cluster: string): Promise<WatchedState>;
  /**
   * Stores a batch; when it resolves, that is durable. Rejects with 'watch-gap' where the batch does not begin at
   * what is stored (another watcher was there, the file was replaced): begin anew from `state`. Rejects with the
   * store's errors while it cannot be written: send the same batch again.
   */
  store(batch: WatchBatch): Promise<void>;
}
