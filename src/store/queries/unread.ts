/** What observers passed over. */
import type { Store } from '../open';
import { statement } from './statement';

/**
 * Of the groups' log records: `unknown` (versions and kinds that are not looked at: share groups, streams groups, what
 * is to come), `unreadable`. Of topics batches: `old` (from before Kafka 0.11), `unreadable` (damaged, or of an unknown
 * codec), and records: `missed` (gone before they were read).
 */
export type UnreadWhat = 'unknown' | 'unreadable' | 'old' | 'missed';

export interface UnreadRow {
  cluster: string;
  observer: 'groups' | 'topics';
  /** '': the groups' log. */
  topic: string;
  what: UnreadWhat;
  count: number;
  lastAt: number;
}

export function unreadOf(db: Store, limit = 1_000): UnreadRow[] {
  const sql = `
    SELECT c.cluster_id AS cluster, u.observer, u.topic, u.what, u.count, u.last_at AS lastAt
    FROM unread u JOIN cluster c ON c.id = u.cluster ORDER BY 1, 2, 3, 4 LIMIT @limit`;
  return statement<UnreadRow>(db, sql).all({ limit });
}

/** Of all topics together. What was never seen is 0 from the start, where its observer has been. */
export function unreadTotals(db: Store): Omit<UnreadRow, 'topic' | 'lastAt'>[] {
  const sql = `
    WITH kinds(observer, what) AS (VALUES ('groups', 'unknown'), ('groups', 'unreadable'), ('topics', 'old'),
      ('topics', 'unreadable'), ('topics', 'missed'))
    SELECT c.cluster_id AS cluster, k.observer, k.what, coalesce(sum(u.count), 0) AS count
    FROM cluster c CROSS JOIN kinds k
    LEFT JOIN unread u ON u.cluster = c.id AND u.observer = k.observer AND u.what = k.what
    WHERE CASE k.observer WHEN 'groups' THEN EXISTS (SELECT 1 FROM watcher_position p WHERE p.cluster = c.id)
      ELSE EXISTS (SELECT 1 FROM topic t JOIN observer_offset o ON o.topic = t.id WHERE t.cluster = c.id) END
    GROUP BY c.id, k.observer, k.what ORDER BY 1, 2, 3`;
  return statement<Omit<UnreadRow, 'topic' | 'lastAt'>>(db, sql).all({});
}
