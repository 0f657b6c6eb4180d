/**
 * SQLite for this Node. better-sqlite3 12 is compiled against V8 and aborts the process on Node 24.19 and newer
 * (cleanup hooks of ObjectWrap, Node #63642); better-sqlite3 13 is built on Node-API 10, which Node 20 lacks. So 13 is
 * an optional dependency under a name of its own, used where Node-API 10 is (22.14 and newer), and 12 serves the rest.
 */
import type BetterSqlite3 from 'better-sqlite3';
import { fail } from './errors';

type Constructor = typeof BetterSqlite3;

function load(): Constructor {
  if (Number(process.versions.napi) >= 10) {
    try {
      return require('better-sqlite3-13') as Constructor;
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return require('better-sqlite3') as Constructor;
}

/** The optional dependency was left out (--omit=optional). */
function isMissing(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
}

const loaded = load();

/** Opens a database; the options are better-sqlite3's. */
export function openDatabase(path: string, options?: BetterSqlite3.Options): BetterSqlite3.Database {
  try {
    return new loaded(path, options);
  } catch (error) {
    if (/bindings file/.test((error as Error).message)) {
      fail(
        'internal',
        'better-sqlite3 was installed without being compiled (npm 12 blocks install scripts): run `npm install-scripts approve better-sqlite3 && npm rebuild better-sqlite3`.',
        error,
      );
    }
    throw error;
  }
}

export type Database = BetterSqlite3.Database;
