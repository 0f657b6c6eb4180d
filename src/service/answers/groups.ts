import type { Store } from '../../store/open';
import { type GroupRow, groupsOf, livePositions, type PositionRow } from '../../store/queries';
import { decodeCursor, encodeCursor } from '../cursor';
import type { PartitionLag } from '../lag';
import type { Query } from '../parameters';
import type { Group, Page } from '../schemas';
import { rfc3339OrNull } from '../time';
import type { AnswerContext } from './context';
import { exposureTotal, lagTotal, totalsShape } from './exposure';

export function groupsAnswer(
  db: Store,
  query: Query<'cluster' | 'limit' | 'cursor'>,
  context: AnswerContext,
): Page<Group> {
  const filters = JSON.stringify([query.cluster ?? null]);
  const after = query.cursor === undefined ? undefined : decodeCursor('groups', filters, query.cursor);
  const rows = groupsOf(db, { cluster: query.cluster, after, limit: query.limit + 1 });
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  const positions = byGroup(livePositions(db), (position) => position.groupId);
  const lags = byGroup(context.lag?.all() ?? [], (lag) => `${lag.cluster}\n${lag.group}`);
  return {
    items: page.map((row) =>
      groupShape(
        row,
        positions.get(row.id) ?? [],
        lags.get(`${row.cluster}\n${row.group}`) ?? [],
        context.now,
      ),
    ),
    next_cursor:
      rows.length > query.limit && last !== undefined
        ? encodeCursor('groups', filters, { group: last.group, id: last.id })
        : null,
  };
}

export function groupShape(
  row: GroupRow,
  positions: readonly PositionRow[],
  lags: readonly PartitionLag[],
  now: number,
): Group {
  return {
    cluster: row.cluster,
    group: row.group,
    topics: row.topics,
    partitions: row.partitions,
    sessions: row.sessions,
    ...totalsShape(row),
    ...exposureTotal(positions, now),
    ...lagTotal(lags),
    last_delivery_at: rfc3339OrNull(row.lastDeliveryAt),
  };
}

function byGroup<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [item]);
    else known.push(item);
  }
  return groups;
}
