import { verdictOf } from '../../ledger';
import type { Store } from '../../store/open';
import {
  type GroupRow,
  groupsOf,
  livePositions,
  openIncidents,
  type PositionRow,
  RATE_MINUTES,
} from '../../store/queries';
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
  const rows = groupsOf(db, { cluster: query.cluster, after, limit: query.limit + 1, now: context.now });
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  const positions = byGroup(livePositions(db), (position) => position.groupId);
  const open = openByGroup(db, context.now);
  const lags = byGroup(context.lag?.all() ?? [], (lag) => `${lag.cluster}\n${lag.group}`);
  return {
    items: page.map((row) =>
      groupShape(
        row,
        positions.get(row.id) ?? [],
        lags.get(`${row.cluster}\n${row.group}`) ?? [],
        open.get(`${row.cluster}\n${row.group}`) ?? 0,
        context.now,
      ),
    ),
    next_cursor:
      rows.length > query.limit && last !== undefined
        ? encodeCursor('groups', filters, { id: last.id })
        : null,
  };
}

export function groupShape(
  row: GroupRow,
  positions: readonly PositionRow[],
  lags: readonly PartitionLag[],
  incidentsOpen: number,
  now: number,
): Group {
  return {
    cluster: row.cluster,
    group: row.group,
    topics: row.topics,
    partitions: row.partitions,
    sessions: row.sessions,
    state: row.state,
    rebalances: row.rebalances,
    commits_per_minute: row.commitsSeen === 1 ? row.recentCommits / RATE_MINUTES : null,
    rewinds: row.rewinds,
    ...totalsShape(row),
    ...verdictShape(row),
    incidents_open: incidentsOpen,
    ...exposureTotal(positions, now),
    ...lagTotal(lags),
    last_delivery_at: rfc3339OrNull(row.lastDeliveryAt),
  };
}

/** By cluster and group name. */
export function openByGroup(db: Store, now: number): Map<string, number> {
  const open = new Map<string, number>();
  for (const { cluster, group, incidents } of openIncidents(db, now)) {
    const key = `${cluster}\n${group}`;
    open.set(key, (open.get(key) ?? 0) + incidents);
  }
  return open;
}

function verdictShape(row: GroupRow) {
  const { verdict, words } = verdictOf(row);
  return { verdict, verdict_words: words };
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
