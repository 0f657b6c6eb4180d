/**
 * What was in fact delivered again of the stretch that a rewind led back over. It need not come after the commit that
 * went down: a consumer that seeks without autoCommit is given the records first and commits the lower offset later,
 * and a group that was deleted delivers before it commits at all. So all counts from when the higher offset was
 * committed until the group has come back to it, a record once however often it came.
 */
import type { Store } from '../open';
import { statement } from './statement';

/** Times of brokers are compared with those of hosts; where the consumer told of the rewind too, their difference is known. */
const CLOCKS_MS = 1_000;
/** What the consumer told and what the broker wrote may lie so far apart and be one, as in `store/rewinds`. */
const SAME_MS = 30_000;
/** Stretches that are looked at: a handler that fails on every record makes a row of each. */
const STRETCHES_MAX = 2_000;
/** A commit follows what it rests on closely. */
const RUNS_MAX = 200;

export interface RewindSpan {
  gp: number;
  at: number;
  from: number;
  to: number;
  recoveredAt: number | null;
  /** JSON, as `RewindFacts`; null: the instrumented consumer alone told of it. */
  facts: string | null;
}

/** Records, each once. */
export function redeliveredOf(db: Store, rewind: RewindSpan): number {
  const { gp, from } = rewind;
  const to = Math.max(0, rewind.to);
  const { since, until } = windowOf(db, rewind);
  const sql = `
    SELECT d.first, d.last FROM redelivery d INDEXED BY redelivery_by_gp_time
    WHERE d.gp = @gp AND d.at >= @since AND d.at <= @until AND d.doubt < 2 AND d.first < @from AND d.last >= @to
    ORDER BY d.at LIMIT ${STRETCHES_MAX}`;
  const stretches = statement<{ first: number; last: number }>(db, sql).all({ gp, since, until, from, to });
  let records = 0;
  let next = to;
  for (const { first, last } of stretches.sort((a, b) => a.first - b.first)) {
    const end = Math.min(last + 1, from);
    records += Math.max(0, end - Math.max(first, next));
    next = Math.max(next, end);
  }
  return records;
}

/** By the clocks of the consumers' hosts, unix ms, both included. */
function windowOf(db: Store, rewind: RewindSpan) {
  const { gp, at, from, recoveredAt, facts } = rewind;
  const committedAt =
    facts === null ? null : (JSON.parse(facts) as { committedAt?: number | null }).committedAt;
  if (committedAt === null || committedAt === undefined) {
    return { since: sinceSeek(db, gp, at), until: comeBack(db, gp, at, from) };
  }
  const told = toldAt(db, rewind);
  const [ahead, slack] = told === null ? [0, CLOCKS_MS] : [told - at, 0];
  return {
    since: afterDelivery(db, gp, from - 1, committedAt + ahead) ?? committedAt + ahead - slack,
    until: recoveredAt === null ? Number.MAX_SAFE_INTEGER : recoveredAt + ahead + slack,
  };
}

/**
 * Just after the delivery began that the commit rested on: the last one before it of the last record below. What came
 * again in it had come again before the rewind. Null: not seen.
 */
function afterDelivery(db: Store, gp: number, offset: number, committedAt: number): number | null {
  const sql = `
    SELECT first_at AS at FROM (
      SELECT first, last, first_at FROM delivery_run INDEXED BY delivery_run_by_gp_time
      WHERE gp = @gp AND first_at <= @committedAt ORDER BY first_at DESC LIMIT ${RUNS_MAX})
    WHERE first <= @offset AND last >= @offset ORDER BY first_at DESC LIMIT 1`;
  const found = statement<{ at: number }>(db, sql).get({ gp, offset, committedAt });
  return found === undefined ? null : found.at + 0.001;
}

/** When the consumer that committed it had the answer; null: it is not instrumented, or another one did. */
function toldAt(db: Store, { gp, at, to }: RewindSpan): number | null {
  const sql = `
    SELECT p.at FROM commit_point p INDEXED BY commit_point_lowered
    WHERE p.gp = @gp AND p.lowered_from IS NOT NULL AND p.at BETWEEN @after AND @before
      AND (p.committed = @to OR p.committed < 0) ORDER BY abs(p.at - @at) LIMIT 1`;
  const values = { gp, at, to, after: at - SAME_MS, before: at + SAME_MS };
  return statement<{ at: number }>(db, sql).get(values)?.at ?? null;
}

/** The consumer alone told of it: from the seek before it on, where there was one since the commit before. */
function sinceSeek(db: Store, gp: number, at: number): number {
  const sql = `
    SELECT max(k.at) AS at FROM seek k INDEXED BY seek_by_place
    WHERE k.gp = @gp AND k.at <= @at AND k.at >= coalesce((
      SELECT p.at FROM commit_point p WHERE p.gp = @gp AND p.at < @at ORDER BY p.at DESC LIMIT 1), 0)`;
  return statement<{ at: number | null }>(db, sql).get({ gp, at })?.at ?? at;
}

/** When a kept commit was there again; commits are kept every 10 s. */
function comeBack(db: Store, gp: number, at: number, from: number): number {
  const sql = `
    SELECT p.at FROM commit_point p WHERE p.gp = @gp AND p.at > @at AND p.committed >= @from
    ORDER BY p.at LIMIT 1`;
  return statement<{ at: number }>(db, sql).get({ gp, at, from })?.at ?? Number.MAX_SAFE_INTEGER;
}
