/**
 * Brings hits into the store, and keeps the account of copies: whatever changes a stretch of a partition's deliveries is
 * done within `around`, which adds to the totals what the stretch's account has changed by. A stretch with neither a
 * hit nor a record delivered twice has an empty account: steady consuming costs two look-ups.
 */
import {
  type Account,
  accountWithin,
  addAccount,
  byTime,
  type HitSpan,
  isSettled,
  isTried,
  NO_ACCOUNT,
  RUN_RECORDS_MAX,
  type RunSpan,
} from '../ledger';
import type { CopyTotals } from './copy-totals';
import type { DeliveredDuplicates } from './delivered-duplicates';
import type { Deliveries } from './deliveries';
import type { Store } from './open';
import type { Runs } from './runs';

/** A stretch of hits with the store's ids in the place of the journal's references. */
export interface StoredHit {
  gp: number;
  session: number;
  run: number;
  first: number;
  last: number;
  at: number;
  ageMs: number | null;
  windowMs: number | null;
}

/** Deliveries that a committed transaction covers. */
export type CoveredDeliveries = Omit<StoredHit, 'ageMs' | 'windowMs'>;

/** A run that is about to change. */
export interface ChangedRun {
  session: number;
  span: RunSpan;
  /** Nothing of the stretch is applied, recognised or in flight at a kill by what changes: it failed, or is under way. */
  onlyFails?: boolean;
}

/** The runs of the last moments, where they suffice. */
interface RecentView {
  /** Each record was applied or recognised in one of them, before the changed run. */
  isSettled: boolean;
  runs: () => RunSpan[];
}

export class Hits {
  private readonly statements;

  constructor(
    db: Store,
    private readonly runs: Pick<Runs, 'recent' | 'find'>,
    private readonly deliveries: Deliveries,
    private readonly duplicates: DeliveredDuplicates,
    private readonly totals: CopyTotals,
  ) {
    this.statements = {
      // Told again, a stretch has grown or is the same.
      add: db.prepare(
        `INSERT INTO idempotency_hit (gp, session, run, first, last, at, age_ms, window_ms, version)
         VALUES (@gp, @session, @run, @first, @last, @at, @ageMs, @windowMs, @version)
         ON CONFLICT DO UPDATE SET last = max(last, excluded.last), at = max(at, excluded.at),
           age_ms = coalesce(max(age_ms, excluded.age_ms), age_ms, excluded.age_ms),
           window_ms = coalesce(window_ms, excluded.window_ms), version = excluded.version
         WHERE excluded.last > last OR (window_ms IS NULL AND excluded.window_ms IS NOT NULL)`,
      ),
      known: db.prepare<[number, number, number], { last: number; at: number }>(
        'SELECT last, at FROM idempotency_hit WHERE session = ? AND run = ? AND first = ?',
      ),
      covered: db.prepare<[number, number, number], { last: number }>(
        'SELECT last FROM covered_delivery WHERE session = ? AND run = ? AND first = ?',
      ),
      coveredBy: db.prepare<
        { gp: number; session: number; from: number; next: number },
        { run: number; first: number; last: number }
      >(
        `SELECT run, first, last FROM covered_delivery
         WHERE gp = @gp AND session = @session AND first >= @from AND first < @next`,
      ),
      uncover: db.prepare<[number, number, number]>(
        'DELETE FROM covered_delivery WHERE session = ? AND run = ? AND first = ?',
      ),
      cover: db.prepare(
        `INSERT INTO covered_delivery (gp, session, run, first, last, at, version)
         VALUES (@gp, @session, @run, @first, @last, @at, @version)
         ON CONFLICT DO UPDATE SET last = max(last, excluded.last), version = excluded.version`,
      ),
      repeated: db.prepare<{ gp: number; first: number; last: number }, { found: number }>(
        `SELECT 1 AS found FROM coverage WHERE gp = @gp AND first <= @last AND last >= @first AND deliveries > 1
           AND first >= coalesce((SELECT max(first) FROM coverage WHERE gp = @gp AND first <= @first), @first)
         LIMIT 1`,
      ),
      // Of the few runs that began between two tellings: by time, as a partition may have had any number of runs.
      began: db.prepare<
        { gp: number; first: number; last: number; from: number; to: number },
        { found: number }
      >(
        `SELECT 1 AS found FROM delivery_run INDEXED BY delivery_run_by_gp_time
         WHERE gp = @gp AND first_at BETWEEN @from AND @to AND first <= @last AND uncertain_last >= @first LIMIT 1`,
      ),
      ages: db.prepare<
        { gp: number; from: number; first: number; last: number },
        { ageMs: number | null; at: number }
      >(
        `SELECT max(age_ms) AS ageMs, max(at) AS at FROM idempotency_hit
         WHERE gp = @gp AND first BETWEEN @from AND @last AND last >= @first`,
      ),
    };
  }

  /** @param version number of the change that this belongs to */
  apply(hit: StoredHit, version: number): void {
    const known = this.statements.known.get(hit.session, hit.run, hit.first);
    const add = () => void this.statements.add.run({ ...hit, version });
    const isNew = known === undefined || this.comesBehind(hit, known);
    const first = isNew ? hit.first : known.last + 1;
    const last = Math.max(hit.last, known?.last ?? 0);
    if (first > last) add();
    else this.around(hit.gp, first, last, this.changed(hit.session, hit.run), add);
  }

  /** A stretch that has grown was told later than its first part: whether that part is now later than other deliveries. */
  private comesBehind({ gp, first, at }: StoredHit, known: { last: number; at: number }): boolean {
    if (at <= known.at) return false;
    const range = { gp, first, last: known.last, from: known.at, to: at };
    return this.statements.began.get(range) !== undefined;
  }

  /** What a committed transaction covers was handled, whatever its run says. */
  cover(covered: CoveredDeliveries, version: number): void {
    const { gp, session, run, last } = covered;
    const known = this.statements.covered.get(session, run, covered.first);
    if (known !== undefined && known.last >= last) return;
    const first = known === undefined ? covered.first : known.last + 1;
    const add = () => void this.statements.cover.run({ ...covered, version });
    this.around(gp, first, last, this.changed(session, run), add);
  }

  /** A commit that was thought to have taken place did not: what was told beyond `from` was told of it alone. */
  uncover(promise: { gp: number; session: number; from: number; next: number }): void {
    const { gp, session } = promise;
    for (const { run, first, last } of this.statements.coveredBy.all(promise)) {
      const drop = () => void this.statements.uncover.run(session, run, first);
      this.around(gp, first, last, null, drop);
    }
  }

  /**
   * Does what changes one run's deliveries, their ends or the hits within [first..last].
   * @param changed the run as it is known, or as it is told first; null: not known yet
   */
  around(gp: number, first: number, last: number, changed: ChangedRun | null, change: () => void): void {
    const delta = { ...NO_ACCOUNT };
    let recent: RecentView | null = null;
    if (this.matters(gp, first, last)) {
      recent = this.recentView(gp, first, last, changed);
      addAccount(delta, this.accountOf(gp, first, last, recent), -1);
    }
    // Deliveries behind one that settled each record already are copies at whichever places its message stands. One that
    // only fails is not: while it was under way it may have stood for the message that was a hit elsewhere.
    const after = recent?.isSettled ? null : this.duplicates.before(gp, first, last);
    change();
    after?.();
    if (!this.matters(gp, first, last)) return;
    addAccount(delta, this.accountOf(gp, first, last, recent), 1);
    this.totals.add(gp, delta);
    if (delta.duplicates !== 0) this.delayed(gp, first, last, delta.duplicates);
  }

  private accountOf(gp: number, first: number, last: number, recent: RecentView | null): Account {
    const runs = recent === null ? this.deliveries.runs(gp, first, last) : recent.runs();
    return accountWithin(runs, this.hitsOf(gp, first, last), first, last);
  }

  /** Hits alone tell of these duplicates, and how long after the first copy they came. */
  private delayed(gp: number, first: number, last: number, records: number): void {
    const ages = this.statements.ages.get({ gp, from: first - RUN_RECORDS_MAX, first, last });
    if (typeof ages?.ageMs !== 'number') return;
    this.totals.delayed(gp, records, { delayMs: ages.ageMs, at: ages.at });
  }

  /**
   * Of a record that was delivered a thousand times the runs of the last moments suffice, where the changed run is later
   * than they are and the change is that of its own deliveries: because each record was applied or recognised in one of
   * them; or because it was tried in one of them, and the changed run has done no more than to fail.
   */
  private recentView(gp: number, first: number, last: number, changed: ChangedRun | null): RecentView | null {
    if (changed === null) return null;
    const { session, span } = changed;
    const others = this.runs
      .recent(gp)
      .filter((run) => run.run !== span.run || run.sessionKey !== span.sessionKey);
    if (others.some((run) => byTime(run, span) > 0)) return null;
    const hits = this.hitsOf(gp, first, last);
    // A hit that was told since the changed run began: it may have recognised what that run applies.
    const isOwn = (hit: HitSpan) => hit.run === span.run && hit.sessionKey === span.sessionKey;
    if (hits.some((hit) => hit.fate === 'hit' && hit.at >= span.firstAt && !isOwn(hit))) return null;
    const settled = isSettled(others, hits, first, last);
    if (!settled && !(changed.onlyFails === true && isTried(others, hits, first, last))) return null;
    return {
      isSettled: settled,
      runs: () => [...others, ...[this.runs.find(session, span.run) ?? []].flat()],
    };
  }

  private changed(session: number, run: number): ChangedRun | null {
    const span = this.runs.find(session, run);
    return span === null ? null : { session, span };
  }

  /** A stretch with neither a hit nor a record delivered twice has an empty account. */
  private matters(gp: number, first: number, last: number): boolean {
    return (
      this.hitsOf(gp, first, last).length > 0 ||
      this.statements.repeated.get({ gp, first, last }) !== undefined
    );
  }

  private hitsOf(gp: number, first: number, last: number): HitSpan[] {
    return this.deliveries.hits(gp, first, last);
  }
}
