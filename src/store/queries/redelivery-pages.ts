/**
 * Pages of redeliveries, the latest first, by (at, id). Without a filter of place the time index is followed. With
 * one, each group partition that it means is followed by its own index and the heads are merged: the cost grows
 * with the page and the partitions, never with what other groups found since.
 */
import { RUN_RECORDS_MAX } from '../../ledger';
import type { Store } from '../open';
import { mergedPage } from './merge';
import { statement, where } from './statement';

/** Where a page ends: the next one begins behind it. */
export interface PagePlace {
  at: number;
  id: number;
}

export interface RedeliveryFilter {
  /** Group partitions; null: all. */
  places: readonly number[] | null;
  /** Unix ms, inclusive. */
  since?: number | undefined;
  /** Unix ms, exclusive. */
  until?: number | undefined;
  certain?: boolean | undefined;
  cause?: string | undefined;
  certainty?: string | undefined;
  incident?: number | undefined;
  /** Redeliveries that touch [firstOffset..lastOffset]. */
  firstOffset?: number | undefined;
  lastOffset?: number | undefined;
  after?: PagePlace | undefined;
  limit: number;
}

/** A range of offsets up to this is looked up by place; a longer one by time, as it leaves little out. */
const BY_PLACE_MAX = 1_000_000;

/** Ids and times, in the order of the page. */
export function redeliveryPage(db: Store, filter: RedeliveryFilter): PagePlace[] {
  if (filter.places === null) return stepOf(db, filter, null, filter.after, filter.limit);
  return mergedPage(
    filter.places,
    filter.limit,
    (gp, after, limit) => stepOf(db, filter, gp, after ?? filter.after, limit),
    isLater,
  );
}

/** In the order of every page of findings: the latest first. */
export function isLater(a: PagePlace, b: PagePlace): boolean {
  return a.at !== b.at ? a.at > b.at : a.id > b.id;
}

function stepOf(
  db: Store,
  filter: RedeliveryFilter,
  gp: number | null,
  after: PagePlace | undefined,
  limit: number,
): PagePlace[] {
  return statement<PagePlace>(db, redeliveryPageSql(filter, gp !== null, after !== undefined)).all({
    gp,
    cause: filter.cause ?? null,
    certainty: filter.certainty ?? null,
    incident: filter.incident ?? null,
    since: filter.since ?? null,
    until: filter.until ?? null,
    firstOffset: filter.firstOffset ?? 0,
    firstStart: (filter.firstOffset ?? 0) - RUN_RECORDS_MAX,
    lastOffset: filter.lastOffset ?? Number.MAX_SAFE_INTEGER,
    afterAt: after?.at ?? null,
    afterId: after?.id ?? null,
    limit,
  });
}

/** The statement for one place, or for all; exported for the test of its plan. */
export function redeliveryPageSql(filter: RedeliveryFilter, onePlace: boolean, behind: boolean): string {
  const { firstOffset, lastOffset } = filter;
  const ranged = firstOffset !== undefined || lastOffset !== undefined;
  const near =
    onePlace && ranged && (lastOffset ?? Number.POSITIVE_INFINITY) - (firstOffset ?? 0) <= BY_PLACE_MAX;
  const index = near ? 'redelivery_by_place' : indexByTime(filter, onePlace);
  return `SELECT at, id FROM redelivery INDEXED BY ${index}${where(
    onePlace && 'gp = @gp',
    ranged && 'first BETWEEN @firstStart AND @lastOffset AND last >= @firstOffset',
    filter.cause !== undefined && 'cause = @cause',
    filter.certainty !== undefined && 'certainty = @certainty',
    filter.incident !== undefined && 'incident = @incident',
    filter.certain === true && 'doubt = 0',
    filter.certain === false && 'doubt > 0',
    filter.since !== undefined && 'at >= @since',
    filter.until !== undefined && 'at < @until',
    behind && '(at, id) < (@afterAt, @afterId)',
  )} ORDER BY at DESC, id DESC LIMIT @limit`;
}

function indexByTime(filter: RedeliveryFilter, onePlace: boolean): string {
  const doubtful = filter.certain === false;
  if (filter.incident !== undefined) return 'redelivery_by_incident';
  if (!onePlace && filter.cause !== undefined) return 'redelivery_by_cause';
  if (onePlace) return doubtful ? 'redelivery_doubtful_by_gp_time' : 'redelivery_by_gp_time';
  return doubtful ? 'redelivery_doubtful_by_time' : 'redelivery_by_time';
}
