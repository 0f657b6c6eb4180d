/** What checks caught, how a group's check does, and who produces with which settings. */
import { fail } from '../../errors';
import { checkWords, type ProducerSettings, producerAdvice } from '../../ledger';
import type { Store } from '../../store/open';
import {
  checkOf,
  type GroupRow,
  type HitRow,
  hitPage,
  type ProducerRow,
  producerPage,
} from '../../store/queries';
import { decodeCursor, encodeCursor } from '../cursor';
import type { Query } from '../parameters';
import type { Check, Hit, Page, Producer } from '../schemas';
import { rfc3339, seconds, timeOf } from '../time';
import type { AnswerContext } from './context';
import { findingPages } from './pages';

/** How far back a check is held against the copies that came. */
const CHECK_MS = 30 * 86_400_000;

type HitsQuery = Query<'cluster' | 'group' | 'topic' | 'partition' | 'since' | 'until' | 'limit' | 'cursor'>;

/** The latest first. */
export function hitsAnswer(db: Store, query: HitsQuery, context: AnswerContext): Page<Hit> {
  if (query.partition !== undefined && query.topic === undefined) {
    fail('bad-parameter', 'partition needs topic: add topic=.');
  }
  const { limit, cursor: text, ...filters } = query;
  const asked = JSON.stringify(filters);
  const cursor = text === undefined ? null : decodeCursor('hits', asked, text);
  const timeAt = (name: 'since' | 'until') =>
    query[name] === undefined ? undefined : timeOf(name, query[name], context.now);
  const since = cursor === null ? timeAt('since') : (cursor.since ?? undefined);
  const until = cursor === null ? timeAt('until') : (cursor.until ?? undefined);
  const { cluster, group, topic, partition } = query;
  const after = cursor ?? undefined;
  const rows = hitPage(db, { cluster, group, topic, partition, since, until, after, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(hitShape),
    next_cursor:
      rows.length > limit && last !== undefined
        ? encodeCursor('hits', asked, {
            at: last.at,
            session: last.sessionId,
            run: last.run,
            first: last.first,
            since: since ?? null,
            until: until ?? null,
          })
        : null,
  };
}

function hitShape(row: HitRow): Hit {
  const isRedelivery = row.redelivery !== null;
  const ageMs = row.ageMs ?? (isRedelivery ? row.gapMs : row.delayMs);
  return {
    at: rfc3339(row.at),
    cluster: row.cluster,
    group: row.group,
    topic: row.topic,
    topic_id: row.topicId,
    partition: row.partition,
    first_offset: row.first,
    last_offset: row.last,
    records: row.last - row.first + 1,
    caught: isRedelivery ? 'redelivery' : 'duplicate',
    cause: isRedelivery ? row.cause : row.duplicateCause,
    redelivery: row.redelivery,
    duplicate: row.duplicate,
    first_copy: firstCopyShape(row),
    age_seconds: ageMs === null ? null : seconds(Math.max(0, ageMs)),
    window_seconds: row.windowMs === null ? null : seconds(row.windowMs),
    session: row.session,
    host: row.host,
    pid: row.pid,
    client_id: row.clientId,
  };
}

function firstCopyShape({ firstPartition, firstOffset, firstAt }: HitRow): Hit['first_copy'] {
  if (firstPartition === null || firstOffset === null || firstAt === null) return null;
  return { partition: firstPartition, offset: firstOffset, at: rfc3339(firstAt) };
}

/** Null where there was neither a hit nor a copy. */
export function checkShape(db: Store, row: GroupRow, now: number): Check | null {
  const { hits, appliedAgain, perhapsAgain, redeliveries, duplicatesDelivered } = row;
  if (hits + redeliveries + duplicatesDelivered === 0) return null;
  const { windowMs, copies, within, longestMs } = checkOf(db, row.id, now - CHECK_MS);
  return {
    catch_ratio: hits + appliedAgain === 0 ? null : ratio(hits, hits + appliedAgain),
    window_seconds: windowMs === null ? null : seconds(windowMs),
    copies_within_window: windowMs === null || copies === 0 ? null : ratio(within, copies),
    longest_seconds: seconds(Math.max(0, longestMs)),
    words: checkWords({ hits, appliedAgain, perhapsAgain, windowMs, copies, within, longestMs }),
  };
}

/** The latest seen first. */
export function producersAnswer(
  db: Store,
  query: Query<'cluster' | 'since' | 'until' | 'limit' | 'cursor'>,
  context: AnswerContext,
): Page<Producer> {
  const { cluster } = query;
  return findingPages(
    'producers',
    query,
    context,
    ({ since, after, limit }) => producerPage(db, { cluster, since, after, limit }),
    (row) => row.lastSeenAt,
    producerShape,
  );
}

function producerShape(row: ProducerRow): Producer {
  const settings = JSON.parse(row.settings) as ProducerSettings;
  const acks = JSON.parse(row.acks) as number[];
  return {
    producer: row.key,
    cluster: row.cluster,
    host: row.host,
    pid: row.pid,
    version: row.version,
    started_at: rfc3339(row.startedAt),
    last_seen_at: rfc3339(row.lastSeenAt),
    idempotent: settings.idempotent,
    transactional: settings.transactional,
    retries: settings.retries,
    max_in_flight_requests: settings.maxInFlightRequests,
    acks,
    sends: row.sends,
    messages: row.messages,
    stamped: row.stamped,
    failed_attempts: row.failedAttempts,
    unanswered: row.unanswered,
    failed_sends: row.failedSends,
    advice: producerAdvice(settings, {
      acks,
      failedAttempts: row.failedAttempts,
      unanswered: row.unanswered,
    }).map(({ risk, text }) => ({ risk, text })),
  };
}

function ratio(part: number, whole: number): number {
  return Number((part / whole).toPrecision(6));
}
