import { suggestion } from '../../config/nearest';
import { fail } from '../../errors';
import { exposureOf, quantileOf, type WatchedMember } from '../../ledger';
import type { Store } from '../../store/open';
import {
  exposurePeak,
  exposureWeights,
  type GroupPartitionRow,
  type GroupRow,
  generationsOf,
  groupNames,
  groupsOf,
  incidentPage,
  livePositions,
  membersOf,
  type PositionRow,
  partitionsOf,
  rebalancesSince,
  sessionCount,
  sessionsOf,
  watchedGroups,
  watchedOffsets,
} from '../../store/queries';
import type { PartitionLag } from '../lag';
import type { Query } from '../parameters';
import type { GroupDetail, Page, Session } from '../schemas';
import { clipped, rfc3339, rfc3339OrNull, seconds } from '../time';
import type { AnswerContext } from './context';
import { totalsShape } from './exposure';
import { groupShape, openByGroup } from './groups';
import { checkShape } from './hits';
import { memberShapes } from './member-shape';
import { findingPages } from './pages';
import { sessionShape } from './session-shape';

const SESSIONS_SHOWN = 100;
const MEMBERS_SHOWN = 20;
const EXPOSURE_HOURS = 24;
const GENERATIONS_SHOWN = 20;
const MEMBERS_THEN = 100;

export function groupAnswer(
  db: Store,
  name: string,
  query: { cluster?: string | undefined },
  context: AnswerContext,
): GroupDetail {
  const row = theGroup(db, name, query.cluster);
  const positions = livePositions(db, row.id);
  const byPartition = new Map(positions.map((position) => [position.gp, position]));
  const rows = partitionsOf(db, row.id);
  // Kafka tells lag by name: it is that of the latest topic of a name. Rows come in that order.
  const latest = new Map(rows.map(({ topic, topicId }) => [topic, topicId]));
  const partitions = rows.map((partition) => ({
    partition,
    position: byPartition.get(partition.gp) ?? null,
    lag:
      latest.get(partition.topic) === partition.topicId
        ? (context.lag?.of(row.cluster, row.group, partition.topic, partition.partition) ?? null)
        : null,
  }));
  const lags = (context.lag?.all() ?? []).filter(
    (lag) => lag.cluster === row.cluster && lag.group === row.group,
  );
  const outside = new Map(watchedOffsets(db, row.id).map(({ gp, committed }) => [gp, committed]));
  const open = openByGroup(db, context.now);
  return {
    ...groupShape(row, positions, lags, open.get(`${row.cluster}\n${row.group}`) ?? 0, context.now),
    watched: watchedShape(db, row.id, context.now),
    check: checkShape(db, row, context.now),
    advice: adviceOf(db, row, context.now),
    exposure_history: exposureHistory(db, row.id, context.now),
    partitions_detail: partitions.map(({ partition, position, lag }) =>
      partitionShape(partition, position, lag, outside.get(partition.gp) ?? null, context.now),
    ),
    sessions_detail: sessionsOf(db, row.id, { limit: SESSIONS_SHOWN }).map((session) =>
      sessionShape(session, membersOf(db, session.id, MEMBERS_SHOWN)),
    ),
    sessions_total: sessionCount(db, row.id),
    lag_problem: context.lag?.problem(row.cluster) ?? null,
  };
}

/** The latest that began first. */
export function sessionsAnswer(
  db: Store,
  name: string,
  query: Query<'cluster' | 'since' | 'until' | 'limit' | 'cursor'>,
  context: AnswerContext,
): Page<Session> {
  const { id, cluster } = theGroup(db, name, query.cluster);
  return findingPages(
    'sessions',
    // A page of one group is refused for another one.
    { ...query, cluster, group: name },
    context,
    (page) => sessionsOf(db, id, page),
    (row) => row.startedAt,
    (row) => sessionShape(row, membersOf(db, row.id, MEMBERS_SHOWN)),
  );
}

function watchedShape(db: Store, group: number, now: number): GroupDetail['watched'] {
  const [row] = watchedGroups(db, group);
  if (row === undefined) return null;
  const members = JSON.parse(row.members) as WatchedMember[];
  const memberShape = memberShapes(db, row.cluster);
  return {
    protocol: row.protocol,
    generation: row.generation,
    since: rfc3339(row.since),
    gone_at: rfc3339OrNull(row.goneAt),
    members: members.map(memberShape),
    rebalances_last_hour: rebalancesSince(db, group, now - 3_600_000),
    generations: generationsOf(db, group, GENERATIONS_SHOWN).map(({ at, generation, members: json }) => {
      const then = JSON.parse(json) as WatchedMember[];
      const shown = then.slice(0, MEMBERS_THEN).map(memberShape);
      return { at: rfc3339(at), generation, members: then.length, members_detail: shown };
    }),
  };
}

/** What the open incidents of the group say, each advice once. */
function adviceOf(db: Store, { cluster, group }: GroupRow, now: number): string[] {
  const open = incidentPage(db, { cluster, group, isOpen: true, now, limit: 100 });
  return [...new Set(open.map(({ advice }) => advice).filter((advice) => advice !== null))];
}

function exposureHistory(db: Store, group: number, now: number): GroupDetail['exposure_history'] {
  const sinceHour = Math.floor(now / 3_600_000) - EXPOSURE_HOURS;
  const peak = exposurePeak(db, group, sinceHour);
  const records = exposureWeights(db, group, 'records', sinceHour);
  const ms = exposureWeights(db, group, 'ms', sinceHour);
  const whole = (q: number) => Math.min(peak.records, Math.round(quantileOf(records, q)));
  const time = (q: number) => seconds(Math.min(peak.ms, quantileOf(ms, q)));
  return {
    hours: EXPOSURE_HOURS,
    records: { p50: whole(0.5), p99: whole(0.99), max: peak.records },
    seconds: { p50: time(0.5), p99: time(0.99), max: seconds(peak.ms) },
  };
}

/** Throws 'not-found', or 'bad-parameter' where the name is on several clusters. */
export function theGroup(db: Store, name: string, cluster: string | undefined): GroupRow {
  const rows = groupsOf(db, { group: name, cluster, limit: 100 });
  const [row] = rows;
  if (row === undefined) {
    return fail(
      'not-found',
      `No consumer group "${clipped(name)}" is known.${suggestion(name, groupNames(db))}`,
    );
  }
  if (rows.length > 1) {
    const clusters = rows.map((other) => other.cluster).join(', ');
    fail(
      'bad-parameter',
      `The group "${clipped(name)}" is on several clusters. Add cluster=, one of ${clusters}.`,
    );
  }
  return row;
}

function partitionShape(
  row: GroupPartitionRow,
  position: PositionRow | null,
  lag: PartitionLag | null,
  committedOutside: number | null,
  now: number,
): GroupDetail['partitions_detail'][number] {
  const exposure = position === null ? { records: 0, ageMs: 0 } : exposureOf(position, now);
  return {
    topic: row.topic,
    topic_id: row.topicId,
    partition: row.partition,
    ...totalsShape(row),
    exposure_records: exposure.records,
    exposure_seconds: seconds(exposure.ageMs),
    next_offset: offsetOrNull(position?.next),
    handled_offset: offsetOrNull(position?.handled),
    committed_offset: offsetOrNull(position?.committed ?? committedOutside ?? undefined),
    owner:
      position === null
        ? null
        : {
            host: position.host,
            pid: position.pid,
            client_id: position.clientId,
            member_id: position.memberId,
            generation: position.generation,
          },
    lag_records: lag?.records ?? null,
    lag_seconds: lag?.seconds ?? null,
    log_end_offset: lag?.logEnd ?? null,
    lag_age_seconds: lag === null ? null : seconds(Math.max(0, now - lag.at)),
  };
}

/** The store has -1 where nothing is known yet. */
function offsetOrNull(offset: number | undefined): number | null {
  return offset === undefined || offset < 0 ? null : offset;
}
