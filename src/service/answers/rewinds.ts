/** Committed offsets that went down, the latest first. */
import { REWIND_CAUSES, rewoundRecords } from '../../ledger';
import type { Store } from '../../store/open';
import { isFiltered, placesOf, type RewindRow, rewindPage } from '../../store/queries';
import { ofList, type Query } from '../parameters';
import type { Page, Rewind } from '../schemas';
import { rfc3339, seconds } from '../time';
import type { AnswerContext } from './context';
import { findingPages } from './pages';

type RewindsQuery = Query<
  | 'cluster'
  | 'group'
  | 'topic'
  | 'partition'
  | 'since'
  | 'until'
  | 'cause'
  | 'certainty'
  | 'incident'
  | 'limit'
  | 'cursor'
>;

export function rewindsAnswer(db: Store, query: RewindsQuery, context: AnswerContext): Page<Rewind> {
  const places = isFiltered(query) ? placesOf(db, query).map(({ gp }) => gp) : null;
  const { certainty, incident } = query;
  const cause = ofList('cause', query.cause, REWIND_CAUSES);
  return findingPages(
    'rewinds',
    query,
    context,
    (page) => rewindPage(db, { ...page, places, cause, certainty, incident }),
    (row) => row.at,
    rewindShape,
  );
}

export function rewindShape(row: RewindRow): Rewind {
  return {
    id: row.id,
    version: row.version,
    at: rfc3339(row.at),
    cluster: row.cluster,
    group: row.group,
    topic: row.topic,
    topic_id: row.topicId,
    partition: row.partition,
    from_offset: row.from,
    to_offset: row.to,
    records: rewoundRecords(row.cause, row.from, row.to),
    redelivered: row.redelivered,
    recovered_seconds: row.recoveredAt === null ? null : seconds(Math.max(0, row.recoveredAt - row.at)),
    cause: row.cause,
    certainty: row.certainty,
    because: JSON.parse(row.because) as string[],
    advice: row.advice,
    incident: row.incident,
    seen_by: [
      ...(row.facts === null ? [] : ['watcher' as const]),
      ...(row.session === null ? [] : ['consumer' as const]),
    ],
    host: row.host,
    pid: row.pid,
    client_id: row.clientId,
  };
}
