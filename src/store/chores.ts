/** Work that is done every while by one of the processes on this store, whichever comes first. */
import type { Store } from './open';

export class Chores {
  private readonly statements;

  constructor(db: Store) {
    this.statements = {
      due: db.prepare<[string], { at: number }>('SELECT at FROM chore WHERE name = ?'),
      take: db.prepare<[string, number]>(
        'INSERT INTO chore (name, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at',
      ),
    };
  }

  /**
   * When it was done before (0: never) if it is due now, else null. Within the transaction that does it.
   * A time ahead of now was written by a clock that has been set back since.
   */
  take(name: string, everyMs: number, now: number): number | null {
    const before = this.statements.due.get(name)?.at ?? 0;
    if (before <= now && now - before < everyMs) return null;
    this.statements.take.run(name, now);
    return Math.min(before, now);
  }

  /** Looks without taking it, so that nothing is written where nothing is due. */
  isDue(name: string, everyMs: number, now: number): boolean {
    const before = this.statements.due.get(name)?.at ?? 0;
    return before > now || now - before >= everyMs;
  }
}
