import { fail } from '../../errors';
import { CAUSES } from '../../ledger';
import type { Store } from '../../store/open';
import { isFiltered, type PlaceFilter, placesOf, redeliveryById, redeliveryPage } from '../../store/queries';
import { decodeCursor, encodeCursor } from '../cursor';
import { ofList, type Query } from '../parameters';
import type { Page, Redelivery } from '../schemas';
import { timeOf } from '../time';
import type { AnswerContext } from './context';
import { redeliveryShape } from './redelivery-shape';

export type RedeliveriesQuery = Query<
  | 'cluster'
  | 'group'
  | 'topic'
  | 'partition'
  | 'since'
  | 'until'
  | 'certain'
  | 'cause'
  | 'certainty'
  | 'incident'
  | 'first_offset'
  | 'last_offset'
  | 'limit'
  | 'cursor'
>;

/** The latest first. */
export function redeliveriesAnswer(
  db: Store,
  query: RedeliveriesQuery,
  context: AnswerContext,
): Page<Redelivery> {
  checkTogether(query);
  const { limit, cursor: text, ...filters } = query;
  const asked = JSON.stringify(filters);
  const cursor = text === undefined ? null : decodeCursor('redeliveries', asked, text);
  const timeAt = (name: 'since' | 'until') =>
    query[name] === undefined ? undefined : timeOf(name, query[name], context.now);
  const since = cursor === null ? timeAt('since') : (cursor.since ?? undefined);
  const until = cursor === null ? timeAt('until') : (cursor.until ?? undefined);
  const found = redeliveryPage(db, {
    places: gpsOf(db, query),
    since,
    until,
    certain: query.certain,
    cause: ofList('cause', query.cause, CAUSES),
    certainty: query.certainty,
    incident: query.incident,
    firstOffset: query.first_offset,
    lastOffset: query.last_offset,
    after: cursor ?? undefined,
    limit: limit + 1,
  });
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const rows = page.map(({ id }) => redeliveryById(db, id)).filter((row) => row !== undefined);
  return {
    items: rows.map(redeliveryShape),
    next_cursor:
      found.length > limit && last !== undefined
        ? encodeCursor('redeliveries', asked, {
            at: last.at,
            id: last.id,
            since: since ?? null,
            until: until ?? null,
          })
        : null,
  };
}

/** null: all. */
function gpsOf(db: Store, query: PlaceFilter): number[] | null {
  return isFiltered(query) ? placesOf(db, query).map((place) => place.gp) : null;
}

function checkTogether(query: RedeliveriesQuery): void {
  if (query.partition !== undefined && query.topic === undefined) {
    fail('bad-parameter', 'partition needs topic: add topic=.');
  }
  const { first_offset: first, last_offset: last } = query;
  if ((first !== undefined || last !== undefined) && query.partition === undefined) {
    fail(
      'bad-parameter',
      'first_offset and last_offset need topic and partition: add topic= and partition=.',
    );
  }
  if (first !== undefined && last !== undefined && first > last) {
    fail('bad-parameter', `first_offset (${first}) must not be above last_offset (${last}).`);
  }
}
