import type { Statement } from 'better-sqlite3';
import type { Store } from '../open';

/** Values that may be bound. */
export type Bound = string | number | null;

const prepared = new WeakMap<Store, Map<string, Statement<[Record<string, Bound>], unknown>>>();

/**
 * The statement of that text, prepared once a connection: preparing a join costs 30 to 60 us, running it 5. Texts
 * are put together from fixed fragments alone, so there are few of them.
 */
export function statement<Row>(db: Store, sql: string): Statement<[Record<string, Bound>], Row> {
  let known = prepared.get(db);
  if (known === undefined) {
    known = new Map();
    prepared.set(db, known);
  }
  let found = known.get(sql);
  if (found === undefined) {
    found = db.prepare<[Record<string, Bound>], unknown>(sql);
    known.set(sql, found);
  }
  return found as Statement<[Record<string, Bound>], Row>;
}

/** ` WHERE a AND b`, or nothing. Leaves out what is undefined. */
export function where(...conditions: (string | undefined | false)[]): string {
  const given = conditions.filter((condition): condition is string => typeof condition === 'string');
  return given.length === 0 ? '' : ` WHERE ${given.join(' AND ')}`;
}
