/** Settled redeliveries in the order in which they were settled, each handed on once: the mark stands in the store. */
import { openStore, type Store } from './open';
import { type RedeliveryRow, redeliveryById } from './queries';

interface Mark {
  settledAt: number;
  redelivery: number;
}

/** The service's main thread waits no longer than this for another writer, in ms. */
const WAIT_MS = 200;
/** What another writer has explained becomes visible when it commits: so long after at the latest. */
const VISIBLE_AFTER_MS = 2_000;

export class Settled {
  private readonly db: Store;
  private mark: Mark;

  /** Throws the store's errors. */
  constructor(path: string, now: number) {
    this.db = openStore(path);
    this.db.pragma(`busy_timeout = ${WAIT_MS}`);
    // What was settled before anyone asked is history.
    this.db.prepare('INSERT OR IGNORE INTO finding_mark VALUES (1, ?, 0)').run(now - VISIBLE_AFTER_MS);
    this.mark = this.db
      .prepare<[], Mark>('SELECT settled_at AS settledAt, redelivery FROM finding_mark')
      .get() as Mark;
  }

  /** The next ones behind the mark, and what moves it behind them. */
  next(limit: number, now: number): { rows: RedeliveryRow[]; done: () => void } {
    const keys = this.db
      .prepare<[number, number, number, number], Mark>(
        `SELECT explained_at AS settledAt, id AS redelivery FROM redelivery INDEXED BY redelivery_settled
         WHERE settled = 1 AND (explained_at, id) > (?, ?) AND explained_at <= ?
         ORDER BY explained_at, id LIMIT ?`,
      )
      .all(this.mark.settledAt, this.mark.redelivery, now - VISIBLE_AFTER_MS, limit);
    const rows = keys.map(({ redelivery }) => redeliveryById(this.db, redelivery));
    return {
      rows: rows.filter((row): row is RedeliveryRow => row !== undefined),
      done: () => {
        const last = keys.at(-1);
        if (last !== undefined) this.move(last);
      },
    };
  }

  close(): void {
    this.db.close();
  }

  private move(mark: Mark): void {
    this.db
      .prepare('UPDATE finding_mark SET settled_at = ?, redelivery = ?')
      .run(mark.settledAt, mark.redelivery);
    this.mark = mark;
  }
}
