/** Everything that writes into one store, with its statements prepared once. */
import { Causes } from './causes';
import { Dimensions } from './dimensions';
import { Facts } from './facts';
import { Hits } from './hits';
import type { Store } from './open';
import { Runs } from './runs';

/** Shared by the intakes of all journals. */
export class Tables {
  readonly dimensions: Dimensions;
  readonly facts: Facts;
  readonly runs: Runs;
  readonly hits: Hits;
  readonly causes: Causes;
  private readonly statements;

  constructor(readonly db: Store) {
    this.dimensions = new Dimensions(db);
    this.facts = new Facts(db);
    this.runs = new Runs(db, (gp, first, last, changed, change) =>
      this.hits.around(gp, first, last, changed, change),
    );
    this.hits = new Hits(db, this.runs);
    this.causes = new Causes(db);
    this.statements = {
      seqOf: db.prepare<[string], { seq: number }>('SELECT seq FROM applied_journal WHERE journal = ?'),
      closed: db.prepare<[string], { closed: number }>(
        'SELECT closed FROM applied_journal WHERE journal = ?',
      ),
      markSeq: db.prepare<[string, number, number, number]>(
        `INSERT INTO applied_journal (journal, seq, closed, at) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq), closed = max(closed, excluded.closed), at = excluded.at`,
      ),
      nextVersion: db.prepare<[], { version: number }>(
        'UPDATE change SET version = version + 1 RETURNING version',
      ),
    };
  }

  /** Number of the last line of that journal that the store has; 0 for none. */
  seqOf(journal: string): number {
    return this.statements.seqOf.get(journal)?.seq ?? 0;
  }

  /** Its owner is dead, and everything that it left is in the store. */
  isClosed(journal: string): boolean {
    return this.statements.closed.get(journal)?.closed === 1;
  }

  markSeq(journal: string, seq: number, closed: boolean, at: number): void {
    this.statements.markSeq.run(journal, seq, closed ? 1 : 0, at);
  }

  nextVersion(): number {
    return (this.statements.nextVersion.get() as { version: number }).version;
  }
}
