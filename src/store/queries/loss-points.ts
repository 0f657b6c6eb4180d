/** Premature commits, skips and stalled commits of one group within a time, each as a point of its timeline. */
import type { Certainty } from '../../ledger';
import type { Store } from '../open';
import { mergedPage } from './merge';
import type { TimeSpan } from './points';
import { isLater } from './redelivery-pages';
import { statement } from './statement';

export interface LossPointRow {
  id: number;
  at: number;
  incident: number | null;
  topic: string;
  partition: number;
  /** Null: of a stall, of which a number of records is known alone. */
  first: number | null;
  last: number | null;
  records: number;
  cause: string;
  certainty: Certainty;
  /** Null: no instrumented consumer did it. */
  session: string | null;
}

interface OfPlace {
  table: 'premature_commit' | 'skip';
  /** Of a group partition: how many records there ever were. */
  counted: 'premature' | 'skipped';
  index: string;
  columns: string;
  session: string;
}

const PREMATURE: OfPlace = {
  table: 'premature_commit',
  counted: 'premature',
  index: 'premature_by_place',
  columns: "'committed_before_handled' AS cause, 'proven' AS certainty, s.key AS session",
  session: 'JOIN session s ON s.id = f.session',
};
const SKIP: OfPlace = {
  table: 'skip',
  counted: 'skipped',
  index: 'skip_by_place',
  columns: 'f.cause, f.certainty, NULL AS session',
  session: '',
};

export interface LossPoints {
  prematures: LossPointRow[];
  skips: LossPointRow[];
  stalls: LossPointRow[];
}

/** The latest of each first, at most `limit` of each. */
export function lossesWithin(db: Store, group: number, span: TimeSpan): LossPoints {
  return {
    prematures: pointsOfPlaces(db, PREMATURE, group, span),
    skips: pointsOfPlaces(db, SKIP, group, span),
    stalls: stallsWithin(db, group, span),
  };
}

/** Most partitions never had any: they are not looked into. */
function pointsOfPlaces(db: Store, of: OfPlace, group: number, span: TimeSpan): LossPointRow[] {
  const places = statement<{ id: number }>(
    db,
    `SELECT id FROM group_partition WHERE grp = @group AND ${of.counted} > 0`,
  ).all({ group });
  const sql = (isBehind: boolean) => `
    SELECT f.id, f.at, f.incident, t.name AS topic, gp.partition, f.first, f.last, f.last - f.first + 1 AS records,
           ${of.columns}
    FROM ${of.table} f INDEXED BY ${of.index} JOIN group_partition gp ON gp.id = f.gp JOIN topic t ON t.id = gp.topic
    ${of.session}
    WHERE f.gp = @gp AND f.at >= @since AND f.at < @until ${isBehind ? 'AND (f.at, f.id) < (@afterAt, @afterId)' : ''}
    ORDER BY f.at DESC, f.id DESC LIMIT @limit`;
  return mergedPage<number, LossPointRow>(
    places.map(({ id }) => id),
    span.limit,
    (gp, after, limit) =>
      statement<LossPointRow>(db, sql(after !== undefined)).all({
        ...{ gp, since: span.since, until: span.until, limit },
        ...{ afterAt: after?.at ?? null, afterId: after?.id ?? null },
      }),
    isLater,
  );
}

const STALL = `
  SELECT f.id, f.since AS at, f.incident, t.name AS topic, gp.partition, NULL AS first, NULL AS last, f.records,
         'stalled_commits' AS cause, iif(f.session IS NULL, 'probable', 'proven') AS certainty, s.key AS session
  FROM stalled_commit f`;
const STALL_JOINS = `
  CROSS JOIN group_partition gp ON gp.id = f.gp AND gp.grp = @group
  JOIN topic t ON t.id = gp.topic LEFT JOIN session s ON s.id = f.session`;

/** Those that began then, and those that go on since before: there are few stalls, one a partition at a time. */
function stallsWithin(db: Store, group: number, { since, until, limit }: TimeSpan): LossPointRow[] {
  const began = `${STALL} INDEXED BY stalled_by_time ${STALL_JOINS}
    WHERE f.since >= @since AND f.since < @until ORDER BY f.since DESC, f.id DESC LIMIT @limit`;
  const goesOn = `${STALL} INDEXED BY stalled_open ${STALL_JOINS}
    WHERE f.ended_at IS NULL AND s.ended_at IS NULL AND f.since < @since ORDER BY f.since DESC LIMIT @limit`;
  return [
    ...statement<LossPointRow>(db, began).all({ group, since, until, limit }),
    ...statement<LossPointRow>(db, goesOn).all({ group, since, limit }),
  ].slice(0, limit);
}
