/** Pages of findings by time, the latest first: times and cursor read the same way in every list. */
import { fail } from '../../errors';
import type { PagePlace } from '../../store/queries';
import { decodeCursor, encodeCursor } from '../cursor';
import type { Page } from '../schemas';
import { timeOf } from '../time';
import type { AnswerContext } from './context';

/** What every such list reads; each has filters of its own beside. */
interface FindingQuery {
  since?: string | undefined;
  until?: string | undefined;
  limit: number;
  cursor?: string | undefined;
  topic?: string | undefined;
  partition?: number | undefined;
}

interface FindingPage {
  since: number | undefined;
  until: number | undefined;
  after: PagePlace | undefined;
  limit: number;
}

/**
 * @param list its name: a cursor of one list is refused by another
 * @param rowsOf reads at most `limit` rows behind `after`
 * @param timeOfRow what the rows are ordered by, unix ms
 */
export function findingPages<Row extends { id: number }, Item, Q extends FindingQuery = FindingQuery>(
  list: string,
  query: Q,
  context: AnswerContext,
  rowsOf: (page: FindingPage) => Row[],
  timeOfRow: (row: Row) => number,
  shape: (row: Row) => Item,
): Page<Item> {
  if (query.partition !== undefined && query.topic === undefined) {
    fail('bad-parameter', 'partition needs topic: add topic=.');
  }
  const { limit, cursor: text, ...filters } = query;
  const asked = JSON.stringify([list, filters]);
  const cursor = text === undefined ? null : decodeCursor('findings', asked, text);
  const timeAt = (name: 'since' | 'until') =>
    query[name] === undefined ? undefined : timeOf(name, query[name], context.now);
  const since = cursor === null ? timeAt('since') : (cursor.since ?? undefined);
  const until = cursor === null ? timeAt('until') : (cursor.until ?? undefined);
  const rows = rowsOf({ since, until, after: cursor ?? undefined, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const isMore = rows.length > limit && last !== undefined;
  return {
    items: page.map(shape),
    next_cursor: isMore
      ? encodeCursor('findings', asked, {
          at: timeOfRow(last),
          id: last.id,
          since: since ?? null,
          until: until ?? null,
        })
      : null,
  };
}
