/** Keeps the store within its limits of age and size. Always on. */
import type { Store } from './open';

export interface RetentionLimits {
  /** Findings, runs and rollups older than this are deleted, in days. Default 30. */
  days: number;
  /** The database file is kept below this, in bytes, the oldest first; identities apart, see there. Default 2 GiB. */
  bytes: number;
  /** How often it is looked after, in ms. Default 60 000. */
  everyMs: number;
}

export const DEFAULT_RETENTION: RetentionLimits = { days: 30, bytes: 2 * 1024 ** 3, everyMs: 60_000 };

/** Rows deleted in one transaction, so that other writers never wait long. */
const CHUNK_ROWS = 5_000;
/** Pages that are given back to the disk at a time, in one transaction. */
const VACUUM_PAGES = 2_000;
/** When the file is too large, this share of the oldest runs is given up at a time. */
const SIZE_STEP = 0.1;

export function retain(db: Store, limits: RetentionLimits, now: number): void {
  // A rate is told of minutes.
  db.prepare('DELETE FROM commit_minute WHERE minute < ?').run(now / 60_000 - 60);
  deleteBefore(db, now - limits.days * 86_400_000);
  // Identities have a bound of their own, by number.
  const used = usedBytes(db) - identityBytes(db);
  if (used > limits.bytes) {
    const oldest = cutTime(db, Math.max(SIZE_STEP, 1 - limits.bytes / used));
    if (oldest !== null) deleteBefore(db, oldest);
  }
  do db.pragma(`incremental_vacuum(${VACUUM_PAGES})`);
  while (fileBytes(db) - identityBytes(db) > limits.bytes && freePages(db) > 0);
}

/** Bytes of the file, pages that are free included. */
export function fileBytes(db: Store): number {
  return pragmaOf(db, 'page_count') * pragmaOf(db, 'page_size');
}

function freePages(db: Store): number {
  return pragmaOf(db, 'freelist_count');
}

function pragmaOf(db: Store, name: string): number {
  return db.pragma(name, { simple: true }) as number;
}

/** Bytes that rows fill; free pages are not counted, they are used again. */
export function usedBytes(db: Store): number {
  return (pragmaOf(db, 'page_count') - freePages(db)) * pragmaOf(db, 'page_size');
}

/** A block of 250 entries takes a page. */
function identityBytes(db: Store): number {
  const entries = db.prepare('SELECT coalesce(sum(entries), 0) FROM identity_window').pluck().get() as number;
  return (entries / 250) * pragmaOf(db, 'page_size');
}

/** The tables that fill a store, each with its time: a store may know runs alone, or groups or topics from outside. */
const FILLING = [
  ['delivery_run', 'last_at'],
  ['lag_point', 'at'],
  ['duplicate', 'found_at'],
  ['commit_point', 'at'],
  ['idempotency_hit', 'at'],
  ['rewind', 'at'],
] as const;

/** The time by which that share of the rows of the fullest table ended; null: nothing to give up. */
function cutTime(db: Store, share: number): number | null {
  const counted = FILLING.map(([table, column]) => {
    const rows = db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    return { table, column, rows };
  });
  const { table, column, rows } = counted.reduce((most, one) => (one.rows > most.rows ? one : most));
  const skip = Math.floor(rows * share);
  return (
    (db
      .prepare(`SELECT ${column} FROM ${table} ORDER BY ${column} LIMIT 1 OFFSET ?`)
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
    `DELETE FROM premature_commit WHERE at < @time`,
    `DELETE FROM skip WHERE at < @time`,
    `DELETE FROM stalled_commit WHERE ended_at < @time`,
    `DELETE FROM incident_place WHERE incident IN (SELECT id FROM incident WHERE last_at < @time)`,
    `DELETE FROM incident WHERE last_at < @time`,
    `DELETE FROM exposure_hour WHERE hour < @time / 3600000`,
    `DELETE FROM exposure_peak WHERE hour < @time / 3600000`,
    `DELETE FROM duplicate WHERE id IN (SELECT id FROM duplicate WHERE found_at < @time LIMIT ${CHUNK_ROWS})`,
    // A run is as young as its youngest finding: those are gone.
    `DELETE FROM copy_run WHERE id IN (SELECT id FROM copy_run WHERE updated_at < @time LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM sequence_anomaly WHERE found_at < @time`,
    `DELETE FROM delivery_run WHERE id IN (SELECT id FROM delivery_run WHERE last_at < @time AND outcome <> 'open' LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM commit_point WHERE at < @time`,
    `DELETE FROM rewind WHERE id IN (SELECT id FROM rewind WHERE at < @time AND settled = 1 LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM lag_point WHERE (gp, at) IN (SELECT gp, at FROM lag_point WHERE at < @time LIMIT ${CHUNK_ROWS})`,
    `DELETE FROM log_ends WHERE at < @time`,
    `DELETE FROM group_generation WHERE at < @time`,
    // Of what was taken away long ago nobody will start over.
    `DELETE FROM watched_offset WHERE gone_at < @time`,
    `DELETE FROM watched_group WHERE gone_at < @time`,
    `DELETE FROM seek WHERE at < @time`,
    `DELETE FROM partition_start WHERE at < @time`,
    `DELETE FROM commit_problem WHERE at < @time`,
    `DELETE FROM producer WHERE last_seen_at < @time`,
    `DELETE FROM idempotency_hit WHERE at < @time`,
    `DELETE FROM covered_delivery WHERE at < @time`,
    `DELETE FROM commit_promise WHERE at < @time`,
    `DELETE FROM dropped_detail WHERE at < @time`,
    `DELETE FROM rollup_minute WHERE minute < @time / 60000`,
    `DELETE FROM duplicate_minute WHERE minute < @time / 60000`,
    `DELETE FROM delivered_delay WHERE day < @time / 86400000 - 1`,
    `DELETE FROM hit_minute WHERE minute < @time / 60000`,
    ...['rollup', 'duplicate', 'hit'].map(
      (name) => `DELETE FROM ${name}_hour WHERE hour < @time / 3600000 - 1`,
    ),
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
