import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';

/** Takes in what is left in journals, and looks for findings and causes as if it were that much later. */
export function settle(store: string, laterMs = 5_000): void {
  const writer = new Writer({ storePath: store, ownJournal: null, retention: DEFAULT_RETENTION });
  writer.sweep(true);
  writer.settle(Date.now() + laterMs);
  writer.close();
}
