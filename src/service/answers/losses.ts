/** Premature commits, skipped records and stalled commits. */
import {
  type CommitSettings,
  type LossExplanation,
  prematureWhy,
  stalledWhy,
  watchedStallWhy,
} from '../../ledger';
import type { Store } from '../../store/open';
import {
  type PrematureRow,
  prematurePage,
  type SkipRow,
  type StalledRow,
  skipPage,
  stalledPage,
} from '../../store/queries';
import type { Query } from '../parameters';
import type { Page, PrematureCommit, Skip, StalledCommit } from '../schemas';
import { rfc3339, rfc3339OrNull, seconds } from '../time';
import type { AnswerContext } from './context';
import { findingPages } from './pages';

export type LossQuery = Query<
  'cluster' | 'group' | 'topic' | 'partition' | 'since' | 'until' | 'incident' | 'limit' | 'cursor'
>;

export function prematuresAnswer(db: Store, query: LossQuery, context: AnswerContext): Page<PrematureCommit> {
  const read = (page: object & { limit: number }) => prematurePage(db, { ...placeOf(query), ...page });
  return findingPages('premature', query, context, read, (row) => row.at, prematureShape);
}

export function skipsAnswer(db: Store, query: LossQuery, context: AnswerContext): Page<Skip> {
  const read = (page: object & { limit: number }) => skipPage(db, { ...placeOf(query), ...page });
  return findingPages('skips', query, context, read, (row) => row.at, skipShape);
}

export function stalledAnswer(db: Store, query: LossQuery, context: AnswerContext): Page<StalledCommit> {
  const read = (page: object & { limit: number }) => stalledPage(db, { ...placeOf(query), ...page });
  return findingPages('stalled', query, context, read, (row) => row.since, stalledShape);
}

function placeOf({ cluster, group, topic, partition, incident }: LossQuery) {
  return { cluster, group, topic, partition, incident };
}

export function prematureShape(row: PrematureRow): PrematureCommit {
  const { certainty, because, advice } = prematureWhy({ ...row, client: row.clientId }, row);
  return {
    ...placeShape(row),
    at: rfc3339(row.at),
    ...rangeShape(row),
    outcome: row.outcome,
    delivered_later: row.deliveredLater === 1,
    cause: 'committed_before_handled',
    certainty,
    because,
    advice,
    ...processShape(row),
  };
}

export function skipShape(row: SkipRow): Skip {
  return {
    ...placeShape(row),
    at: rfc3339(row.at),
    ...rangeShape(row),
    cause: row.cause,
    certainty: row.certainty,
    because: JSON.parse(row.because) as string[],
    advice: row.advice,
  };
}

export function stalledShape(row: StalledRow): StalledCommit {
  const { certainty, because, advice } = stallWhy(row);
  return {
    ...placeShape(row),
    since: rfc3339(row.since),
    seen_at: rfc3339(row.seenAt),
    ended_at: rfc3339OrNull(row.endedAt),
    going_on: row.endedAt === null && row.sessionEndedAt === null,
    records: row.records,
    seconds: seconds(Math.max(0, (row.endedAt ?? row.seenAt) - row.since)),
    cause: row.session === null ? 'nothing_committed' : 'stalled_commits',
    certainty,
    because,
    advice,
    seen_by: row.session === null ? 'watcher' : 'consumer',
    session: row.session,
    host: row.host.replace(/^\//, ''),
    pid: row.pid,
    client_id: row.clientId,
  };
}

function stallWhy(row: StalledRow): LossExplanation {
  const { session, host, pid, clientId: client, settings } = row;
  if (session === null || pid === null) return watchedStallWhy({ client, host }, row, null);
  return stalledWhy({ client, host, pid }, row, JSON.parse(settings ?? '{}') as CommitSettings);
}

function placeShape(row: PrematureRow | SkipRow | StalledRow) {
  const { id, incident, cluster, group, topic, topicId, partition } = row;
  return { id, incident, cluster, group, topic, topic_id: topicId, partition };
}

function rangeShape({ first, last }: { first: number; last: number }) {
  return { first_offset: first, last_offset: last, records: last - first + 1 };
}

function processShape(row: { session: string; host: string; pid: number; clientId: string | null }) {
  return { session: row.session, host: row.host, pid: row.pid, client_id: row.clientId };
}
