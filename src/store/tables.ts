/** Everything that writes into one store, with its statements prepared once. */
import { Causes } from './causes';
import { Chores } from './chores';
import { CopyTotals } from './copy-totals';
import { DeliveredDuplicates } from './delivered-duplicates';
import { Deliveries } from './deliveries';
import { Dimensions } from './dimensions';
import { Exposures } from './exposures';
import { Facts } from './facts';
import { Hits } from './hits';
import { Incidents } from './incidents';
import type { Store } from './open';
import { Prematures } from './prematures';
import { Promises } from './promises';
import { Rewinds } from './rewinds';
import { Runs } from './runs';
import { Skips } from './skips';
import { Stalls } from './stalls';
import { Unread } from './unread';
import { Watched } from './watched';
import { WatchedStalls } from './watched-stalls';

/** Shared by the intakes of all journals. */
export class Tables {
  readonly dimensions: Dimensions;
  readonly facts: Facts;
  readonly runs: Runs;
  readonly hits: Hits;
  readonly promises: Promises;
  readonly causes: Causes;
  readonly incidents: Incidents;
  readonly exposures: Exposures;
  readonly prematures: Prematures;
  readonly skips: Skips;
  readonly stalls: Stalls;
  readonly chores: Chores;
  readonly rewinds: Rewinds;
  readonly watchedStalls: WatchedStalls;
  readonly watched: Watched;
  private readonly statements;

  constructor(readonly db: Store) {
    this.dimensions = new Dimensions(db);
    this.facts = new Facts(db);
    this.incidents = new Incidents(db);
    const [deliveries, totals] = [new Deliveries(db), new CopyTotals(db)];
    this.runs = new Runs(db, deliveries, this.incidents, (gp, first, last, changed, change) =>
      this.hits.around(gp, first, last, changed, change),
    );
    const duplicates = new DeliveredDuplicates(db, deliveries, totals);
    this.hits = new Hits(db, this.runs, deliveries, duplicates, totals);
    this.promises = new Promises(db, this.hits);
    this.causes = new Causes(db, this.incidents, () => this.nextVersion());
    this.exposures = new Exposures(db);
    this.prematures = new Prematures(db, this.incidents);
    this.skips = new Skips(db, this.incidents);
    this.stalls = new Stalls(db, this.incidents);
    this.chores = new Chores(db);
    this.rewinds = new Rewinds(db, this.incidents, () => this.nextVersion());
    this.watchedStalls = new WatchedStalls(db, this.incidents);
    this.watched = new Watched(db, this.dimensions, this.rewinds, this.watchedStalls, new Unread(db));
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
