/**
 * A partition over time, in at most so many points: all where they are no more than that, else the last of each equal
 * part of the time. So a chart of a month begins and ends where the month does. Parts begin at multiples of their
 * length: as the time moves on, the points stay.
 *
 * Each part is a look into an index at its end: 2,000 of them take a few ms, however many points lie between.
 */
import type { Outcome } from '../../ledger';
import type { Store } from '../open';
import { type Bound, statement } from './statement';

export interface TimeSpan {
  /** Unix ms, inclusive. */
  since: number;
  /** Unix ms, exclusive. */
  until: number;
  limit: number;
}

/** The oldest first. */
export interface Points<Row> {
  rows: Row[];
  /** There are more than these. */
  isThinned: boolean;
}

interface Statements {
  /** With LIMIT: the first of all. */
  all: string;
  /** Reads `part(i)`: the last of each. */
  parts: string;
}

const PARTS = `
  WITH RECURSIVE part(i) AS (SELECT @first UNION ALL SELECT i + 1 FROM part WHERE i < @last)`;

/** Of the part, in the column that the rows are ordered by. */
function within(column: string): string {
  return `gp = @gp AND ${column} >= max(@since, part.i * @length) AND ${column} < min(@until, (part.i + 1) * @length)`;
}

function pointsOf<Row>(
  db: Store,
  gp: number,
  { since, until, limit }: TimeSpan,
  { all, parts }: Statements,
  timeOf: (row: Row) => number,
): Points<Row> {
  const rows = statement<Row>(db, all).all({ gp, since, until, limit: limit + 1 });
  if (rows.length <= limit) return { rows, isThinned: false };
  const length = (until - since) / limit;
  const bound: Record<string, Bound> = {
    ...{ gp, since, until, length },
    first: Math.floor(since / length),
    last: Math.floor(until / length),
  };
  const thinned = statement<Row>(db, parts).all(bound);
  return { rows: thinned.sort((a, b) => timeOf(a) - timeOf(b)), isThinned: true };
}

export interface LagPointRow {
  at: number;
  committed: number;
  logEnd: number;
}

/** Of a table with one row a partition and time. */
function statementsOf(table: string, columns: string): Statements {
  return {
    all: `
      SELECT ${columns} FROM ${table} p
      WHERE p.gp = @gp AND p.at >= @since AND p.at < @until ORDER BY p.at LIMIT @limit`,
    parts: `${PARTS}
      SELECT ${columns} FROM part CROSS JOIN ${table} p
      ON p.gp = @gp AND p.at = (SELECT max(at) FROM ${table} WHERE ${within('at')})`,
  };
}

const LAG = statementsOf('lag_point', 'p.at, p.committed, p.log_end AS logEnd');

/** What was committed and where the log ended, as read from outside. */
export function lagPoints(db: Store, gp: number, span: TimeSpan): Points<LagPointRow> {
  return pointsOf<LagPointRow>(db, gp, span, LAG, ({ at }) => at);
}

export interface CommitPointRow {
  at: number;
  committed: number;
  loweredFrom: number | null;
}

const COMMIT_COLUMNS = 'p.at, p.committed, p.lowered_from AS loweredFrom';
const COMMITS = statementsOf('commit_point', COMMIT_COLUMNS);
const LOWERED = `
  SELECT ${COMMIT_COLUMNS} FROM commit_point p INDEXED BY commit_point_lowered
  WHERE p.gp = @gp AND p.at >= @since AND p.at < @until AND p.lowered_from IS NOT NULL
  ORDER BY p.at DESC LIMIT @limit`;

/** Kept commits. Those that went down are never thinned out: the latest `limit` of them are there. */
export function commitsWithin(db: Store, gp: number, span: TimeSpan): Points<CommitPointRow> {
  const { rows, isThinned } = pointsOf<CommitPointRow>(db, gp, span, COMMITS, ({ at }) => at);
  if (!isThinned) return { rows, isThinned };
  const raised = rows.filter(({ loweredFrom }) => loweredFrom === null);
  const lowered = statement<CommitPointRow>(db, LOWERED).all({ gp, ...span });
  return { rows: [...raised, ...lowered].sort((a, b) => a.at - b.at), isThinned };
}

export interface RunWithinRow {
  first: number;
  last: number;
  firstAt: number;
  lastAt: number;
  outcome: Outcome;
  session: string;
}

const RUN_COLUMNS =
  'd.first, d.last, d.first_at AS firstAt, d.last_at AS lastAt, d.outcome, s.key AS session';
const RUNS: Statements = {
  all: `
    SELECT ${RUN_COLUMNS}
    FROM delivery_run d INDEXED BY delivery_run_by_gp_time JOIN session s ON s.id = d.session
    WHERE d.gp = @gp AND d.first_at >= @since AND d.first_at < @until ORDER BY d.first_at LIMIT @limit`,
  parts: `${PARTS}
    SELECT ${RUN_COLUMNS}
    FROM part CROSS JOIN delivery_run d
    ON d.id = (SELECT id FROM delivery_run INDEXED BY delivery_run_by_gp_time WHERE ${within('first_at')}
               ORDER BY first_at DESC LIMIT 1)
    JOIN session s ON s.id = d.session`,
};

/** Runs that began within the time. */
export function runsWithin(db: Store, gp: number, span: TimeSpan): Points<RunWithinRow> {
  return pointsOf<RunWithinRow>(db, gp, span, RUNS, ({ firstAt }) => firstAt);
}
