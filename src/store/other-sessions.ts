/** Consumers of the same group elsewhere: what they delivered in the last moments may not have been told yet. */
import type { Store } from './open';

export interface OtherSessions {
  /** Sessions of the group, of other processes, that are not known to have ended. */
  others: number;
  /** Those of them that were not heard of for SILENT_MS: they died, or cannot reach the service. */
  silent: number;
}

/** Reporters speak every second. */
const SILENT_MS = 3_000;
/** What was not heard of for so long is gone for good, as far as a new owner is concerned. */
const GONE_MS = 10 * 60_000;

/** @param heardAt when that journal was last read or reported, unix ms */
export function otherSessions(
  db: Store,
  group: number,
  journal: string,
  heardAt: (journal: string) => number,
  now: number,
): OtherSessions {
  const rows = db
    .prepare<[number, string, number], { journal: string }>(
      'SELECT journal FROM session WHERE grp = ? AND journal <> ? AND ended_at IS NULL AND last_seen_at > ?',
    )
    .all(group, journal, now - GONE_MS);
  const silent = rows.filter((row) => now - heardAt(row.journal) > SILENT_MS).length;
  return { others: rows.length, silent };
}
