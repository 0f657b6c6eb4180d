import { fail } from '../../errors';
import type { Store } from '../../store/open';
import { groupName, groupSums, seriesOf, writtenSums } from '../../store/queries';
import type { Query } from '../parameters';
import type { Page, SeriesPoint, Totals } from '../schemas';
import { minutesOf, rfc3339, timeOf } from '../time';
import type { AnswerContext } from './context';

export type TimeseriesQuery = Query<'cluster' | 'group' | 'topic' | 'since' | 'until' | 'step' | 'by'>;

export type TotalsQuery = Query<'since' | 'until' | 'step'>;

const STEPS_MAX = 1_500;
const POINTS_MAX = 20_000;
const WORST_TOLD = 10;

/** All of the range in one page: since is an hour ago unless told, until is now. */
export function timeseriesAnswer(
  db: Store,
  query: TimeseriesQuery,
  context: AnswerContext,
): Page<SeriesPoint> {
  const rows = seriesOf(db, {
    cluster: query.cluster,
    group: query.group,
    topic: query.topic,
    ...wholeSteps(query, context),
    by: query.by,
    limit: POINTS_MAX + 1,
  });
  if (rows.length > POINTS_MAX) {
    fail(
      'bad-parameter',
      `That are more than ${POINTS_MAX} points. Take a longer step=, a shorter time, or a filter.`,
    );
  }
  const items = rows.map(({ minute, idReuses, ...row }) => ({
    time: rfc3339(minute * 60_000),
    ...row,
    id_reuses: idReuses,
  }));
  return { items, next_cursor: null };
}

/** The same range, added up: small however many groups there are. */
export function totalsAnswer(db: Store, query: TotalsQuery, context: AnswerContext): Totals {
  const range = wholeSteps(query, context);
  const groups = groupSums(db, range);
  const sum = (key: 'deliveries' | 'redeliveries' | 'failed' | 'hits') =>
    groups.reduce((all, group) => all + group[key], 0);
  const { duplicates, idReuses } = writtenSums(db, range);
  return {
    since: rfc3339(range.fromMinute * 60_000),
    until: rfc3339(range.toMinute * 60_000),
    deliveries: sum('deliveries'),
    redeliveries: sum('redeliveries'),
    failed: sum('failed'),
    hits: sum('hits'),
    duplicates,
    id_reuses: idReuses,
    groups_reading: groups.filter(({ deliveries }) => deliveries > 0).length,
    groups_again: groups.filter(({ redeliveries }) => redeliveries > 0).length,
    worst: groups.slice(0, WORST_TOLD).map(({ grp, ...counts }) => ({ ...groupName(db, grp), ...counts })),
  };
}

/** Whole steps, so that the first and the last point are not cut. Throws 'bad-parameter'. */
function wholeSteps(query: TotalsQuery, context: AnswerContext) {
  const step = minutesOf('step', query.step);
  const from = timeOf('since', query.since ?? '1h', context.now);
  const to = query.until === undefined ? context.now : timeOf('until', query.until, context.now);
  if (from >= to) fail('bad-parameter', 'since must be before until.');
  const fromMinute = Math.floor(from / 60_000 / step) * step;
  const toMinute = Math.ceil(to / 60_000 / step) * step;
  const steps = (toMinute - fromMinute) / step;
  if (steps > STEPS_MAX) {
    fail(
      'bad-parameter',
      `That are ${steps} steps; ${STEPS_MAX} is the most. Take a longer step= or a shorter time.`,
    );
  }
  return { fromMinute, toMinute, stepMinutes: step };
}
