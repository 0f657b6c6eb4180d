/**
 * Opening the store: one SQLite file in WAL mode, read by many, written by one worker a process.
 *
 * A store that cannot be used is told apart here, once: missing, not writable, written by a newer version, not
 * a Dupescope store, damaged. Each becomes an error that says what to do.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DupescopeError, errorLine, fail } from '../errors';
import { type Database, openDatabase } from '../sqlite';
import { MIGRATIONS } from './migrations';

/** 'dupe' in ASCII: tells a Dupescope store from any other SQLite file. */
const APPLICATION_ID = 0x64757065;
/** How long a writer waits for another process's transaction; those last tens of milliseconds. */
const BUSY_TIMEOUT_MS = 10_000;

export type Store = Database;

/** Opens for writing, creates and migrates. For the writer worker alone. */
export function openStore(path: string): Store {
  return guarded(path, () => {
    mkdirSync(dirname(resolve(path)), { recursive: true });
    const db = openDatabase(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      db.pragma('auto_vacuum = INCREMENTAL');
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = NORMAL');
      db.pragma('foreign_keys = OFF');
      db.pragma('cache_size = -16384');
      db.pragma('wal_autocheckpoint = 1000');
      migrate(db, path);
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Opens for reading; refuses writes by the connection itself. `timeoutMs` bounds the wait for a lock. */
export function openReader(path: string, timeoutMs = 5_000): Store {
  if (!existsSync(path)) {
    fail(
      'store-missing',
      `There is no store at ${path}. Start an instrumented consumer or \`dupescope serve\` with this path first, or correct --store.`,
    );
  }
  return guarded(path, () => {
    const db = openDatabase(path, { readonly: true, fileMustExist: true, timeout: timeoutMs });
    try {
      checkIdentity(db, path);
      db.pragma('query_only = ON');
      db.pragma('cache_size = -16384');
      return db;
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

function migrate(db: Store, path: string): void {
  if (schemaVersion(db) === 0 && isEmpty(db)) {
    // Two processes may meet here: the transaction decides who creates.
    db.transaction(() => {
      if (!isEmpty(db)) return;
      db.pragma(`application_id = ${APPLICATION_ID}`);
      applyFrom(db, 0);
    }).immediate();
  }
  checkIdentity(db, path);
  if (schemaVersion(db) < MIGRATIONS.length) {
    db.transaction(() => applyFrom(db, schemaVersion(db))).immediate();
  }
}

function applyFrom(db: Store, version: number): void {
  for (const sql of MIGRATIONS.slice(version)) db.exec(sql);
  db.pragma(`user_version = ${MIGRATIONS.length}`);
}

function checkIdentity(db: Store, path: string): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    fail(
      'store-corrupt',
      `${path} is not a Dupescope store. Give another path, or move that file away so that a new store can be made.`,
    );
  }
  const version = schemaVersion(db);
  if (version > MIGRATIONS.length) {
    fail(
      'store-newer',
      `${path} has schema ${version}, this Dupescope knows up to ${MIGRATIONS.length}. Update dupescope here, or use another store path.`,
    );
  }
}

function schemaVersion(db: Store): number {
  return db.pragma('user_version', { simple: true }) as number;
}

function isEmpty(db: Store): boolean {
  return db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0;
}

/** Runs `use` and turns SQLite's errors on `path` into ours. */
export function guarded<T>(path: string, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw storeError(path, error);
  }
}

/** What an error of SQLite or the file system means for a person who owns `path`. */
export function storeError(path: string, error: unknown): DupescopeError {
  if (error instanceof DupescopeError) return error;
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  const because = (text: DupescopeError['code'], advice: string) =>
    new DupescopeError(text, advice, { cause: error });
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return because(
      'store-corrupt',
      `${path} is damaged (${code}). Move it and its -wal and -shm files away; a new store is made at the next start, and \`sqlite3 ${path} .recover\` may save the old rows.`,
    );
  }
  if (code.startsWith('SQLITE_FULL') || code === 'ENOSPC' || code === 'EDQUOT') {
    return because(
      'store-full',
      `The disk of ${path} is full. Free space or lower the retention; what could not be stored waits in the journal.`,
    );
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return because(
      'store-busy',
      `${path} is locked by another process for more than ${BUSY_TIMEOUT_MS / 1000} s. Look for a long-running sqlite3 shell or backup on this file.`,
    );
  }
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN') || isAccess(code)) {
    return because(
      'store-unwritable',
      `The store ${path} cannot be opened (${code}): ${whyNot(path)}. Give a path in a folder that this user may write.`,
    );
  }
  return because('internal', `The store ${path} failed: ${errorLine(error)}`);
}

function isAccess(code: string): boolean {
  return ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'EEXIST', 'ENOENT'].includes(code);
}

function whyNot(path: string): string {
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) return `the folder ${folder} does not exist and could not be made`;
  if (!statSync(folder).isDirectory()) return `${folder} is not a folder`;
  if (existsSync(path) && statSync(path).isDirectory()) return 'it is a folder';
  return 'it or its folder is not writable or not readable';
}
