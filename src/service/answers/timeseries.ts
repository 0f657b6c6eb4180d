import { fail } from '../../errors';
import type { Store } from '../../store/open';
import { seriesOf } from '../../store/queries';
import type { Query } from '../parameters';
import type { Page, SeriesPoint } from '../schemas';
import { minutesOf, rfc3339, timeOf } from '../time';
import type { AnswerContext } from './context';

export type TimeseriesQuery = Query<'cluster' | 'group' | 'topic' | 'since' | 'until' | 'step' | 'by'>;

const STEPS_MAX = 1_500;
const POINTS_MAX = 20_000;

/** All of the range in one page: since is an hour ago unless told, until is now. */
export function timeseriesAnswer(
  db: Store,
  query: TimeseriesQuery,
  context: AnswerContext,
): Page<SeriesPoint> {
  const step = minutesOf('step', query.step);
  const from = timeOf('since', query.since ?? '1h', context.now);
  const to = query.until === undefined ? context.now : timeOf('until', query.until, context.now);
  if (from >= to) fail('bad-parameter', 'since must be before until.');
  // Whole steps, so that the first and the last point are not cut.
  const fromMinute = Math.floor(from / 60_000 / step) * step;
  const toMinute = Math.ceil(to / 60_000 / step) * step;
  const steps = (toMinute - fromMinute) / step;
  if (steps > STEPS_MAX) {
    fail(
      'bad-parameter',
      `That are ${steps} steps; ${STEPS_MAX} is the most. Take a longer step= or a shorter time.`,
    );
  }
  const rows = seriesOf(db, {
    cluster: query.cluster,
    group: query.group,
    topic: query.topic,
    fromMinute,
    toMinute,
    stepMinutes: step,
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
