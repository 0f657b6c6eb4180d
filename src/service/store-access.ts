/**
 * The service's one read-only connection. States: closed -> open (first read that finds a store) -> closed (the file
 * is gone, was replaced, or failed) -> open again at the next read that finds one. Nothing has to be restarted.
 */
import { type Stats, statSync } from 'node:fs';
import { DupescopeError, fail } from '../errors';
import { openReader, type Store, storeError } from '../store/open';

/** A request would rather fail than wait longer for a lock; readers of a WAL store hardly ever wait. */
const LOCK_WAIT_MS = 1_000;

export class StoreAccess {
  private open: { db: Store; inode: string } | null = null;

  /** How many connections there were: tells the state of one from that of the next. */
  connections = 0;

  constructor(readonly path: string) {}

  /** Runs `use` in one read transaction: one state of the store. Throws the catalogue's 503 errors. */
  read<T>(use: (db: Store) => T): T {
    const db = this.connection();
    try {
      return db.transaction(use)(db);
    } catch (error) {
      if (error instanceof DupescopeError) throw error;
      if (String((error as { code?: unknown } | null)?.code ?? '').startsWith('SQLITE_')) {
        this.close();
        throw storeError(this.path, error);
      }
      throw error;
    }
  }

  close(): void {
    this.open?.db.close();
    this.open = null;
  }

  private connection(): Store {
    const stats = statOf(this.path);
    if (stats === null || stats.size === 0) {
      this.close();
      fail(
        'store-missing',
        `There is no store at ${this.path} yet. Start an instrumented consumer with this path, or correct --store; the service goes on by itself when it is there.`,
      );
    }
    const inode = `${stats.dev}:${stats.ino}`;
    if (this.open !== null && this.open.inode !== inode) this.close();
    if (this.open === null) {
      this.open = { db: openReader(this.path, LOCK_WAIT_MS), inode };
      this.connections++;
    }
    return this.open.db;
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null;
  }
}
