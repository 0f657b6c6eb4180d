/** Idempotency hits, what they caught, and what a check's window would have caught. */
import type { Cause } from '../../ledger';
import type { Store } from '../open';
import { mergedPage } from './merge';
import { isFiltered, placesOf } from './places';
import { statement, where } from './statement';

export interface HitRow {
  gp: number;
  cluster: string;
  group: string;
  topic: string;
  topicId: string | null;
  partition: number;
  first: number;
  last: number;
  at: number;
  ageMs: number | null;
  windowMs: number | null;
  session: string;
  sessionId: number;
  run: number;
  host: string;
  pid: number;
  clientId: string | null;
  /** Of the redelivery that it caught; null: the group was given the record once, so it caught a duplicate. */
  redelivery: number | null;
  cause: Cause | null;
  gapMs: number | null;
}

/** Where a hit stands in the order of a page. */
export interface HitPlace {
  at: number;
  session: number;
  run: number;
  first: number;
}

export interface HitFilter {
  cluster?: string | undefined;
  group?: string | undefined;
  topic?: string | undefined;
  partition?: number | undefined;
  since?: number | undefined;
  until?: number | undefined;
  /** Behind this one, in the order of time and place. */
  after?: HitPlace | undefined;
  limit: number;
}

const SELECT = `
  SELECT h.gp, c.cluster_id AS cluster, g.name AS "group", t.name AS topic, t.topic_id AS topicId, gp.partition,
         h.first, h.last, h.at, h.age_ms AS ageMs, h.window_ms AS windowMs, s.key AS session, h.session AS sessionId,
         h.run, s.host, s.pid, s.client_id AS clientId, r.id AS redelivery, r.cause, r.at - r.previous_at AS gapMs
  FROM idempotency_hit h
  JOIN group_partition gp ON gp.id = h.gp
  JOIN consumer_group g ON g.id = gp.grp
  JOIN topic t ON t.id = gp.topic
  JOIN cluster c ON c.id = t.cluster
  JOIN session s ON s.id = h.session
  LEFT JOIN redelivery r ON r.id = (
    SELECT x.id FROM delivery_run d JOIN redelivery x ON x.run = d.id
    WHERE d.session = h.session AND d.run = h.run AND x.first <= h.last AND x.last >= h.first
    ORDER BY x.first LIMIT 1)`;

/** The latest first. Of a group or a topic: the rows of each partition are followed by its own index. */
export function hitPage(db: Store, filter: HitFilter): HitRow[] {
  const lists = isFiltered(filter) ? placesOf(db, filter).map(({ gp }) => gp) : [null];
  // Places first, which the indexes hold: the rows themselves are read for those of the page alone.
  const places = mergedPage(
    lists,
    filter.limit,
    (gp: number | null, after: HitPlace | undefined, limit) => stepOf(db, filter, gp, after, limit),
    isLater,
  );
  const sql = `${SELECT} WHERE h.session = @session AND h.run = @run AND h.first = @first`;
  const one = statement<HitRow>(db, sql);
  return places
    .map(({ session, run, first }) => one.get({ session, run, first }))
    .filter((row) => row !== undefined);
}

function isLater(a: HitPlace, b: HitPlace): boolean {
  if (a.at !== b.at) return a.at > b.at;
  if (a.session !== b.session) return a.session > b.session;
  return a.run !== b.run ? a.run > b.run : a.first > b.first;
}

function stepOf(
  db: Store,
  filter: HitFilter,
  gp: number | null,
  after: HitPlace | undefined = filter.after,
  limit: number,
): HitPlace[] {
  const { since, until } = filter;
  const index = gp === null ? 'idempotency_hit_by_time' : 'idempotency_hit_by_place_time';
  const sql = `SELECT at, session, run, first FROM idempotency_hit INDEXED BY ${index}${where(
    gp !== null && 'gp = @gp',
    since !== undefined && 'at >= @since',
    until !== undefined && 'at < @until',
    after !== undefined && '(at, session, run, first) < (@afterAt, @afterSession, @afterRun, @afterFirst)',
  )} ORDER BY at DESC, session DESC, run DESC, first DESC LIMIT @limit`;
  return statement<HitPlace>(db, sql).all({
    gp,
    since: since ?? null,
    until: until ?? null,
    afterAt: after?.at ?? null,
    afterSession: after?.session ?? null,
    afterRun: after?.run ?? null,
    afterFirst: after?.first ?? null,
    limit,
  });
}

export interface CheckRow {
  /** The longest window that a check of the group named, in ms; null: none did. */
  windowMs: number | null;
  /** Records redelivered, within `since`, and how many of them came within the window. */
  copies: number;
  within: number;
  /** The longest time between two copies, in ms. */
  longestMs: number;
}

/** How a group's check stands to the copies that it was given. Reads a row a redelivered stretch. */
export function checkOf(db: Store, group: number, since: number): CheckRow {
  const windowSql = `
    SELECT max(h.window_ms) AS windowMs FROM group_partition gp JOIN idempotency_hit h ON h.gp = gp.id
    WHERE gp.grp = @group AND h.at >= @since`;
  const { windowMs } = statement<{ windowMs: number | null }>(db, windowSql).get({ group, since }) as {
    windowMs: number | null;
  };
  const sql = `
    SELECT coalesce(sum(r.last - r.first + 1), 0) AS copies,
           coalesce(sum(CASE WHEN r.at - r.previous_at <= @window THEN r.last - r.first + 1 END), 0) AS within,
           coalesce(max(r.at - r.previous_at), 0) AS longestMs
    FROM group_partition gp JOIN redelivery r INDEXED BY redelivery_by_gp_time ON r.gp = gp.id
    WHERE gp.grp = @group AND r.at >= @since AND r.doubt < 2`;
  const row = statement<Omit<CheckRow, 'windowMs'>>(db, sql).get({ group, since, window: windowMs ?? 0 });
  return { windowMs, ...(row as Omit<CheckRow, 'windowMs'>) };
}

export interface ProducerRow {
  id: number;
  key: string;
  cluster: string | null;
  host: string;
  pid: number;
  version: string;
  /** JSON, as `ProducerSettings`. */
  settings: string;
  startedAt: number;
  lastSeenAt: number;
  sends: number;
  messages: number;
  stamped: number;
  failedAttempts: number;
  unanswered: number;
  failedSends: number;
  /** JSON list. */
  acks: string;
}

/** Producers of instrumented processes, the latest seen first. */
export function producerPage(
  db: Store,
  filter: {
    cluster?: string | undefined;
    since?: number | undefined;
    after?: { at: number; id: number } | undefined;
    limit: number;
  },
): ProducerRow[] {
  const sql = `
    SELECT id, key, cluster_id AS cluster, host, pid, version, settings, started_at AS startedAt,
           last_seen_at AS lastSeenAt, sends, messages, stamped, failed_attempts AS failedAttempts, unanswered,
           failed_sends AS failedSends, acks
    FROM producer${where(
      filter.cluster !== undefined && 'cluster_id = @cluster',
      filter.since !== undefined && 'last_seen_at >= @since',
      filter.after !== undefined && '(last_seen_at, id) < (@afterAt, @afterId)',
    )} ORDER BY last_seen_at DESC, id DESC LIMIT @limit`;
  return statement<ProducerRow>(db, sql).all({
    cluster: filter.cluster ?? null,
    since: filter.since ?? null,
    afterAt: filter.after?.at ?? null,
    afterId: filter.after?.id ?? null,
    limit: filter.limit,
  });
}
