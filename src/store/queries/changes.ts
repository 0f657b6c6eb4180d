/** What followers of the store ask, again and again: cheap when nothing is new. */
import type { Store } from '../open';
import { REDELIVERY_SELECT, type RedeliveryRow } from './redeliveries';
import { statement } from './statement';

/** Changes whenever another connection has committed; costs a look at shared memory. */
export function dataVersion(db: Store): number {
  return db.pragma('data_version', { simple: true }) as number;
}

/** Number of the store's last change. */
export function changeVersion(db: Store): number {
  const sql = 'SELECT version FROM change WHERE only = 1';
  return statement<{ version: number }>(db, sql).get({})?.version ?? 0;
}

/** Redeliveries found or grown after (version, id), in that order. One change may make several. */
export function redeliveriesAfter(
  db: Store,
  after: { version: number; id: number },
  limit: number,
): RedeliveryRow[] {
  const sql = `${REDELIVERY_SELECT} WHERE r.id IN (
      SELECT id FROM redelivery INDEXED BY redelivery_by_version
      WHERE (version, id) > (@version, @id) ORDER BY version, id LIMIT @limit)
    ORDER BY r.version, r.id`;
  return statement<RedeliveryRow>(db, sql).all({ ...after, limit });
}
