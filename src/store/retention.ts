/** Keeps the store within its limits of age and size. Always on. */
import type { Store } from './open';

export interface RetentionLimits {
  /** Findings, runs and rollups older than this are deleted, in days. Default 30. */
  days: number;
  /** The database file is kept below this, in bytes, the oldest first. Default 2 GiB. */
  bytes: number;
  /** How often it is looked after, in ms. Default 60 000. */
  everyMs: number;
}

export const DEFAULT_RETENTION: RetentionLimits = { days: 30, bytes: 2 * 1024 ** 3, everyMs: 60_000 };

/** Rows deleted in one transaction, so that other writers never wait long. */
const CHUNK_ROWS = 5_000;
/** When the file is too large, this share of the oldest runs is given up at a time. */
const SIZE_STEP = 0.1;

export function retain(db: Store, limits: RetentionLimits, now: number): void {
  deleteBefore(db, now - limits.days * 86_400_000);
  const used = usedBytes(db);
  if (used > limits.bytes) {
    const oldest = cutTime(db, Math.max(SIZE_STEP, 1 - limits.bytes / used));
    if (oldest !== null) deleteBefore(db, oldest);
  }
  db.pragma('incremental_vacuum(2000)');
}

/** Bytes that rows fill; free pages are not counted, they are used again. */
export function usedBytes(db: Store): number {
  const pragma = (name: string) => db.pragma(name, { simple: true }) as number;
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size');
}

function cutTime(db: Store, share: number): number | null {
  const rows = db.prepare('SELECT count(*) FROM delivery_run').pluck().get() as number;
  const skip = Math.floor(rows * share);
  return (
    (db
      .prepare('SELECT last_at FROM delivery_run ORDER BY last_at LIMIT 1 OFFSET ?')
      .pluck()
      .get(Math.max(0, skip - 1)) as number | undefined) ?? null
  );
}

function deleteBefore(db: Store, time: number): void {
  // Findings first: they refer to runs.
  const steps = [
    `DELETE FROM redelivery WHERE id IN (SELECT r.id FROM redelivery r JOIN delivery_run d ON d.id = r.previous_run
       WHERE d.last_at < @time LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM redelivery WHERE id IN (SELECT r.id FROM delivery_run d JOIN redelivery r ON r.run = d.id
       WHERE d.last_at < @time LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM delivery_run WHERE id IN (SELECT id FROM delivery_run WHERE last_at < @time AND outcome <> 'open' LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM commit_point WHERE at < @time`,
    `DELETE FROM seek WHERE at < @time`,
    `DELETE FROM partition_start WHERE at < @time`,
    `DELETE FROM commit_problem WHERE at < @time`,
    `DELETE FROM producer WHERE last_seen_at < @time`,
    `DELETE FROM idempotency_hit WHERE at < @time`,
    `DELETE FROM dropped_detail WHERE at < @time`,
    `DELETE FROM rollup_minute WHERE minute < @time / 60000`,
    `DELETE FROM applied_journal WHERE at < @time`,
    `DELETE FROM position WHERE updated_at < @time AND session IN (SELECT id FROM session WHERE ended_at IS NOT NULL)`,
    // Counts of offsets whose deliveries nobody can show any more.
    `DELETE FROM coverage WHERE (gp, first) IN (SELECT c.gp, c.first FROM coverage c
       WHERE @time > 0 AND c.last < (SELECT min(d.first) FROM delivery_run d WHERE d.gp = c.gp) LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM member WHERE left_at < @time AND NOT EXISTS (SELECT 1 FROM delivery_run d WHERE d.member = member.id)`,
  ];
  for (const sql of steps) {
    const statement = db.prepare<{ time: number }>(sql);
    while (statement.run({ time }).changes >= CHUNK_ROWS);
  }
}
