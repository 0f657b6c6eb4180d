import { verdictOf } from '../../ledger';
import type { Store } from '../../store/open';
import {
  type GroupRow,
  groupsOf,
  livePositions,
  openIncidents,
  type PositionRow,
  RATE_MINUTES,
  worstGroups,
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
  query: Query<'cluster' | 'group' | 'order' | 'limit' | 'cursor'>,
  context: AnswerContext,
): Page<Group> {
  const { rows: page, next_cursor } =
    query.order === 'worst' ? byWorst(db, query, context) : byName(db, query, context);
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
    next_cursor,
  };
}

interface GroupsQuery {
  cluster: string | undefined;
  group: string | undefined;
  order: string;
  limit: number;
  cursor: string | undefined;
}

interface GroupRows {
  rows: GroupRow[];
  next_cursor: string | null;
}

function byName(db: Store, query: GroupsQuery, { now }: AnswerContext): GroupRows {
  const { cluster, group, limit } = query;
  const filters = filtersOf(query);
  const after = query.cursor === undefined ? undefined : decodeCursor('groups', filters, query.cursor);
  const found = groupsOf(db, { cluster, group, after, limit: limit + 1, now });
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const isMore = found.length > limit && last !== undefined;
  return { rows, next_cursor: isMore ? encodeCursor('groups', filters, { id: last.id }) : null };
}

/** Weights change between two pages: a group that got worse meanwhile is seen on the page before, not on the next. */
function byWorst(db: Store, query: GroupsQuery, { now }: AnswerContext): GroupRows {
  const { cluster, group, limit } = query;
  const filters = filtersOf(query);
  const cursor = query.cursor === undefined ? null : decodeCursor('groups', filters, query.cursor);
  const [incidentsOpen, atRisk, redeliveries, deliveries] = cursor?.worst ?? [0, 0, 0, 0];
  const after =
    cursor === null ? undefined : { id: cursor.id, incidentsOpen, atRisk, redeliveries, deliveries };
  const found = worstGroups(db, { cluster, group, after, now, limit: limit + 1 });
  const page = found.slice(0, limit);
  const byId = new Map(
    groupsOf(db, { ids: page.map(({ id }) => id), limit, now }).map((row) => [row.id, row] as const),
  );
  const last = page.at(-1);
  const isMore = found.length > limit && last !== undefined;
  return {
    rows: page.map(({ id }) => byId.get(id)).filter((row) => row !== undefined),
    next_cursor: isMore
      ? encodeCursor('groups', filters, {
          id: last.id,
          worst: [last.incidentsOpen, last.atRisk, last.redeliveries, last.deliveries],
        })
      : null,
  };
}

function filtersOf({ cluster, group, order }: GroupsQuery): string {
  return JSON.stringify([cluster ?? null, group ?? null, order]);
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
