/** How the store itself does: what it keeps, since when, and where the watchers stand. */
import type { Store } from '../open';
import { statement } from './statement';

export interface KeptRow {
  redeliveriesSince: number | null;
  duplicatesSince: number | null;
  deliveriesSince: number | null;
}

/** Times of the oldest rows; each is the first of an index. */
export function keptSince(db: Store): KeptRow {
  const sql = `
    SELECT (SELECT min(at) FROM redelivery) AS redeliveriesSince,
           (SELECT min(found_at) FROM duplicate) AS duplicatesSince,
           (SELECT min(last_at) FROM delivery_run) AS deliveriesSince`;
  return statement<KeptRow>(db, sql).get({}) as KeptRow;
}

export interface WatcherPlaceRow {
  cluster: string;
  partition: number;
  next: number;
}

/** Where the group watcher stands in the offsets log. */
export function watcherPlaces(db: Store): WatcherPlaceRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, w.partition, w.next FROM watcher_position w JOIN cluster c ON c.id = w.cluster
    ORDER BY 1, 2`;
  return statement<WatcherPlaceRow>(db, sql).all({});
}

/** Versions of the library in the consumers that live now. */
export function livingVersions(db: Store): { version: string; sessions: number }[] {
  const sql = `
    SELECT version, count(*) AS sessions FROM session INDEXED BY session_living
    WHERE ended_at IS NULL GROUP BY version ORDER BY version`;
  return statement<{ version: string; sessions: number }>(db, sql).all({});
}

/** Version of SQLite in this process. */
export function sqliteVersion(db: Store): string {
  return statement<{ version: string }>(db, 'SELECT sqlite_version() AS version').get({})?.version ?? '';
}
