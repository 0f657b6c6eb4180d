/**
 * Brings runs into the ledger's tables: the run's own row, the coverage of its offsets, the redeliveries that it
 * makes, and the totals. A run may be told any number of times, in any state and order: only what is new counts.
 */
import {
  addDelivery,
  between,
  byTime,
  doubtful,
  doubtOf,
  type Interval,
  Joined,
  type Outcome,
  type Redelivery,
  RUN_RECORDS_MAX,
  type RunSpan,
  records,
  redeliveriesWithin,
  segmentsOf,
  surest,
} from '../ledger';
import { type Deliveries, RUNS, type RunRow, rowToSpan } from './deliveries';
import type { Hits } from './hits';
import type { Incidents } from './incidents';
import type { Store } from './open';

/** A run with the store's ids in the place of the journal's references. */
export interface StoredRun {
  gp: number;
  group: number;
  topic: number;
  session: number;
  sessionKey: string;
  member: number | null;
  run: number;
  first: number;
  last: number;
  handled: number;
  uncertainLast: number;
  firstAt: number;
  lastAt: number;
  outcome: Outcome;
  error: string | null;
}

/** So many of the latest runs are looked at before the search by place. */
const RECENT_RUNS = 32;

const FOUND_COLUMNS =
  'id, run, previous_run AS previousRun, first, last, attempt, doubt, at, previous_at AS previousAt, counted, incident, incident_records AS incidentRecords';

export class Runs {
  private readonly statements;

  /** @param around does what changes a stretch's deliveries, and keeps the account of copies */
  constructor(
    db: Store,
    private readonly deliveries: Deliveries,
    private readonly incidents: Incidents,
    private readonly around: Hits['around'],
  ) {
    this.statements = {
      find: db.prepare<[number, number], RunRow>(`${RUNS} WHERE d.session = ? AND d.run = ?`),
      open: db.prepare<[number], Omit<StoredRun, 'outcome' | 'error'>>(
        `SELECT d.gp, gp.grp AS "group", gp.topic, d.session, s.key AS sessionKey, d.member, d.run, d.first, d.last,
                d.handled, d.uncertain_last AS uncertainLast, d.first_at AS firstAt, d.last_at AS lastAt
         FROM delivery_run d JOIN session s ON s.id = d.session JOIN group_partition gp ON gp.id = d.gp
         WHERE d.session = ? AND d.outcome = 'open'`,
      ),
      lost: db.prepare<[string, number, number], Omit<StoredRun, 'outcome' | 'error'>>(
        `SELECT d.gp, gp.grp AS "group", gp.topic, d.session, s.key AS sessionKey, d.member, d.run, d.first, d.last,
                d.handled, d.uncertain_last AS uncertainLast, d.first_at AS firstAt, d.last_at AS lastAt
         FROM session s JOIN delivery_run d ON d.session = s.id JOIN group_partition gp ON gp.id = d.gp
         WHERE s.journal = ? AND d.run BETWEEN ? AND ? AND d.outcome = 'open'`,
      ),
      insert: db.prepare(
        `INSERT INTO delivery_run
           (gp, session, run, member, first, last, handled, uncertain_last, first_at, last_at, outcome, error)
         VALUES
           (@gp, @session, @run, @member, @first, @last, @handled, @uncertainLast, @firstAt, @lastAt, @outcome, @error)`,
      ),
      update: db.prepare(
        `UPDATE delivery_run SET last = @last, handled = @handled, uncertain_last = @uncertainLast,
           last_at = @lastAt, outcome = @outcome, error = coalesce(@error, error) WHERE id = @id`,
      ),
      recent: db.prepare<[number, number], RunRow>(`${RUNS} WHERE d.gp = ? ORDER BY d.first_at DESC LIMIT ?`),
      uncertain: db.prepare<[number, number, number, number], { found: number }>(
        `SELECT 1 AS found FROM delivery_run INDEXED BY delivery_run_uncertain
         WHERE uncertain_last > last AND gp = ? AND first BETWEEN ? AND ? AND uncertain_last >= ? LIMIT 1`,
      ),
      touching: db.prepare<{ gp: number; first: number; last: number }, Interval>(
        `SELECT first, last, deliveries FROM coverage WHERE gp = @gp AND first <= @last + 1
           AND first >= coalesce((SELECT max(first) FROM coverage WHERE gp = @gp AND first < @first), @first)
           AND last >= @first - 1 ORDER BY first`,
      ),
      uncover: db.prepare<[number, number]>('DELETE FROM coverage WHERE gp = ? AND first = ?'),
      cover: db.prepare<[number, number, number, number]>(
        'INSERT OR REPLACE INTO coverage (gp, first, last, deliveries) VALUES (?, ?, ?, ?)',
      ),
      found: db.prepare<[number, number, number, number], FoundRow>(
        `SELECT ${FOUND_COLUMNS} FROM redelivery WHERE gp = ? AND first BETWEEN ? AND ? AND last >= ?`,
      ),
      addFound: db.prepare(
        `INSERT INTO redelivery
           (gp, run, previous_run, first, last, attempt, doubt, at, previous_at, version, counted)
         VALUES
           (@gp, @run, @previousRun, @first, @last, @attempt, @doubt, @at, @previousAt, @version, @counted)`,
      ),
      growFound: db.prepare(
        'UPDATE redelivery SET last = @last, previous_at = @previousAt, version = @version, settled = 0, counted = counted + @counted WHERE id = @id',
      ),
      dropFound: db.prepare<[number]>('DELETE FROM redelivery WHERE id = ?'),
      placeOf: db.prepare<[number], { topic: number; partition: number }>(
        'SELECT topic, partition FROM group_partition WHERE id = ?',
      ),
      lastOf: db.prepare<[number, number, number, number], FoundRow>(
        `SELECT ${FOUND_COLUMNS} FROM redelivery WHERE run = ? AND previous_run = ? AND attempt = ? AND doubt = ? ORDER BY first DESC LIMIT 1`,
      ),
      previousMoved: db.prepare<[number, number]>(
        'UPDATE redelivery SET previous_at = ? WHERE previous_run = ?',
      ),
      total: db.prepare(
        `UPDATE group_partition SET deliveries = deliveries + @deliveries, redeliveries = redeliveries + @redeliveries,
           failed = failed + @failed, in_flight = in_flight + @inFlight, uncertain = uncertain + @uncertain
         WHERE id = @gp`,
      ),
      rollup: db.prepare(
        `INSERT INTO rollup_minute (grp, topic, minute, deliveries, redeliveries, failed)
         VALUES (@group, @topic, @minute, @deliveries, @redeliveries, @failed)
         ON CONFLICT DO UPDATE SET deliveries = deliveries + excluded.deliveries,
           redeliveries = redeliveries + excluded.redeliveries, failed = failed + excluded.failed`,
      ),
    };
  }

  /** @param version number of the change that this belongs to. Answers whether anything was new. */
  apply(told: StoredRun, version: number): boolean {
    const known = this.statements.find.get(told.session, told.run);
    const next = merged(known, told);
    if (next === null) return false;
    // What was handled before stays handled.
    const from = known?.handled ?? told.first;
    const onlyFails = next.handled <= from && next.outcome !== 'handled' && next.outcome !== 'in_flight';
    const changed = { session: told.session, span: toSpan(known, told), onlyFails };
    this.around(told.gp, from, next.last, changed, () => this.change(told, known, next, version));
    return true;
  }

  private change(told: StoredRun, known: RunRow | undefined, next: Merged, version: number): void {
    const id = known?.id ?? Number(this.statements.insert.run({ ...told, ...next }).lastInsertRowid);
    if (known !== undefined) this.statements.update.run({ ...next, error: told.error, id });

    const from = known === undefined ? told.first : known.last + 1;
    const repeated = from <= next.last ? this.cover(told.gp, from, next.last) : [];
    const span: RunSpan = { ...toSpan(known, told), ...next, id };
    if (next.outcome === 'in_flight') {
      // What was certain about this run's tail no longer is: findings there are derived anew.
      this.derive(told.gp, Math.min(next.handled, from), next.uncertainLast, version);
    } else if (
      from <= next.last &&
      (repeated.length > 0 || this.touchesUncertain(told.gp, from, next.last))
    ) {
      if (!this.extend(told.gp, span, from, next.last, repeated, version)) {
        this.derive(told.gp, from, next.last, version);
      }
    }
    if (known !== undefined && next.lastAt !== known.last_at) {
      this.statements.previousMoved.run(next.lastAt, id);
    }
    this.count(told, known, next, from, repeated);
  }

  /** Ends what a dead session left open in the store: its unhandled part was in flight. */
  endOpen(session: number, version: number): void {
    for (const open of this.statements.open.all(session)) {
      this.apply({ ...open, error: null, outcome: 'in_flight' }, version);
    }
  }

  /**
   * Ends what is open of a journal's runs [first..last], whose ends it had no room for: how their unhandled part ended
   * is not known. Answers how many deliveries the store has of them.
   */
  endLost(journal: string, first: number, last: number, version: number): number {
    let known = 0;
    for (const open of this.statements.lost.all(journal, first, last)) {
      this.apply({ ...open, error: null, outcome: 'in_flight' }, version);
      known += open.last - open.first + 1;
    }
    return known;
  }

  /** Every run that covers, or may cover, a part of [first..last]. */
  overlapping(gp: number, first: number, last: number): RunSpan[] {
    return this.deliveries.runs(gp, first, last);
  }

  /** The latest runs of a partition, the last one first. */
  recent(gp: number): RunSpan[] {
    return this.statements.recent.all(gp, RECENT_RUNS).map(rowToSpan);
  }

  find(session: number, run: number): RunSpan | null {
    const row = this.statements.find.get(session, run);
    return row === undefined ? null : rowToSpan(row);
  }

  private cover(gp: number, first: number, last: number): Interval[] {
    const touching = this.statements.touching.all({ gp, first, last });
    const { intervals, repeated } = addDelivery(touching, first, last);
    const kept = new Set(intervals.map((interval) => interval.first));
    for (const old of touching) if (!kept.has(old.first)) this.statements.uncover.run(gp, old.first);
    for (const part of intervals) this.statements.cover.run(gp, part.first, part.last, part.deliveries);
    return repeated;
  }

  private touchesUncertain(gp: number, first: number, last: number): boolean {
    return this.statements.uncertain.get(gp, first - RUN_RECORDS_MAX, last, first) !== undefined;
  }

  /**
   * The usual case, without reading every older copy: this run is the latest, so its new part alone makes new
   * redeliveries, each of the latest copy before. False when that cannot be told from the recent runs.
   */
  private extend(
    gp: number,
    span: RunSpan,
    from: number,
    to: number,
    repeated: Interval[],
    version: number,
  ): boolean {
    const recent = this.recent(gp);
    if (recent.some((run) => run.id !== span.id && byTime(run, span) > 0)) return false;
    if (this.touchesUncertain(gp, from, to)) return false;
    const before = recent.filter((run) => run.id !== span.id);
    const found = new Joined();
    for (const stretch of repeated) {
      let covered = stretch.first;
      for (const segment of segmentsOf(before, stretch.first, stretch.last)) {
        if (segment.first !== covered) return false;
        covered = segment.last + 1;
        const previous = segment.copies.at(-1);
        if (previous === undefined) return false;
        const copy = { run: span, doubt: doubtOf(span, segment.first) };
        const before = surest(segment.copies, segment.copies.length);
        // An older copy may be surer than the recent ones.
        if (before > 0) return false;
        found.add(between(segment, previous, copy, stretch.deliveries + 1, before));
      }
      if (covered !== stretch.last + 1) return false;
    }
    for (const redelivery of found.rows) this.addOrGrow(gp, redelivery, version);
    return true;
  }

  private addOrGrow(gp: number, redelivery: Redelivery, version: number, counted = 0): void {
    const { run, previousRun, attempt, doubt } = redelivery;
    const before = this.statements.lastOf.get(run, previousRun, attempt, doubt);
    if (before !== undefined && before.last + 1 === redelivery.first) {
      this.statements.growFound.run({ ...redelivery, version, counted, id: before.id });
    } else {
      this.statements.addFound.run({ gp, ...redelivery, version, counted });
    }
  }

  /** The general case: derives the redeliveries of [first..last] anew. Rows that stay as they were keep their id. */
  private derive(gp: number, first: number, last: number, version: number): void {
    const wanted = redeliveriesWithin(this.overlapping(gp, first, last), first, last);
    let counted = 0;
    for (const row of this.statements.found.all(gp, first - RUN_RECORDS_MAX, last, first)) {
      const inside = { first: Math.max(row.first, first), last: Math.min(row.last, last) };
      const same = wanted.findIndex(
        (w) => keyOf(w) === keyOf(row) && w.first === inside.first && w.last === inside.last,
      );
      if (same >= 0) {
        wanted.splice(same, 1);
        continue;
      }
      this.drop(gp, row, version);
      const { id: _, ...rest } = row;
      counted += row.counted;
      const take = (part: { first: number; last: number }) => {
        const share = row.doubt < 2 ? Math.min(counted, records(part)) : 0;
        counted -= share;
        return share;
      };
      const left = { ...rest, last: first - 1 };
      const right = { ...rest, first: last + 1 };
      if (row.first < first) this.statements.addFound.run({ ...left, gp, version, counted: take(left) });
      if (row.last > last) this.statements.addFound.run({ ...right, gp, version, counted: take(right) });
    }
    for (const redelivery of wanted) {
      const share = redelivery.doubt < 2 ? Math.min(counted, records(redelivery)) : 0;
      counted -= share;
      this.addOrGrow(gp, redelivery, version, share);
    }
  }

  /** What stands in its place is explained, and enters its incident, anew. */
  private drop(gp: number, row: FoundRow, version: number): void {
    this.statements.dropFound.run(row.id);
    const place = this.statements.placeOf.get(gp);
    if (row.incident !== null && place !== undefined) {
      this.incidents.leave(row.incident, place, row.incidentRecords, version);
    }
  }

  private count(
    told: StoredRun,
    known: RunRow | undefined,
    next: Merged,
    from: number,
    repeated: Interval[],
  ): void {
    const ended = known === undefined || known.outcome === 'open';
    const doubts = ended ? doubtful({ ...next, first: told.first }) : { inFlight: 0, uncertain: 0 };
    const delta = {
      gp: told.gp,
      group: told.group,
      topic: told.topic,
      minute: Math.floor(next.lastAt / 60_000),
      deliveries: Math.max(0, next.last - from + 1),
      redeliveries: repeated.reduce((sum, stretch) => sum + records(stretch), 0),
      failed: ended && next.outcome === 'failed' ? Math.max(0, next.last - next.handled + 1) : 0,
      inFlight: doubts.inFlight,
      uncertain: doubts.uncertain,
    };
    if (delta.deliveries + delta.failed + delta.inFlight + delta.uncertain === 0) return;
    this.statements.total.run(delta);
    this.statements.rollup.run(delta);
  }
}

interface FoundRow extends Redelivery {
  id: number;
  /** So many of its records are in `cause_total`, which must not count them again. */
  counted: number;
  incident: number | null;
  incidentRecords: number;
}

/** What two rows must share to be one row but for their place. */
function keyOf(r: Redelivery): string {
  return [r.run, r.previousRun, r.attempt, r.doubt, r.previousAt].join();
}

interface Merged {
  last: number;
  handled: number;
  uncertainLast: number;
  lastAt: number;
  outcome: Outcome;
}

/** The state that both tellings together give; null when the run is known to be so already. */
function merged(known: RunRow | undefined, told: StoredRun): Merged | null {
  const final = told.outcome !== 'open';
  if (known === undefined) {
    return { ...told, uncertainLast: final ? told.uncertainLast : told.last };
  }
  const knownFinal = known.outcome !== 'open';
  if (knownFinal) return null; // an ended run does not change again
  const next: Merged = {
    last: Math.max(known.last, told.last),
    handled: Math.max(known.handled, told.handled),
    uncertainLast: 0,
    lastAt: Math.max(known.last_at, told.lastAt),
    outcome: final ? told.outcome : 'open',
  };
  next.uncertainLast = final ? Math.max(told.uncertainLast, next.last) : next.last;
  const same =
    next.outcome === known.outcome &&
    next.last === known.last &&
    next.handled === known.handled &&
    next.lastAt === known.last_at;
  return same ? null : next;
}

function toSpan(known: RunRow | undefined, told: StoredRun): RunSpan {
  return known === undefined ? { ...told, id: 0 } : rowToSpan(known);
}
