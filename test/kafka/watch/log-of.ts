/** An offsets log with batches written into it, as the watcher's reader would apply them. */

import { applyFetched } from '../../../src/kafka/watch/apply-fetched';
import { OffsetsLog, type OffsetsLogOptions } from '../../../src/kafka/watch/offsets-log';
import type { WatchedState } from '../../../src/ledger';

export const NOTHING: WatchedState = { positions: [], offsets: [], groups: [], ends: [] };

export function newLog(stored: WatchedState = NOTHING, options: Partial<OffsetsLogOptions> = {}): OffsetsLog {
  return new OffsetsLog(
    { watches: () => true, retentionMs: 7 * 86_400_000, polling: false, ...options },
    stored,
  );
}

/** Applies what a fetch from `from` on answered of partition 0. Answers where to go on. */
export function apply(log: OffsetsLog, bytes: Buffer, from = 0): number {
  return applyFetched(log, { partition: 0, error: 0, logEnd: 0, bytes, start: 0, end: bytes.length }, from);
}
