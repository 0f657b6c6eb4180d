import { suggestion } from '../../config/nearest';
import { fail } from '../../errors';
import { exposureOf } from '../../ledger';
import type { Store } from '../../store/open';
import {
  type GroupPartitionRow,
  type GroupRow,
  groupNames,
  groupsOf,
  livePositions,
  membersOf,
  type PositionRow,
  partitionsOf,
  sessionCount,
  sessionsOf,
} from '../../store/queries';
import type { PartitionLag } from '../lag';
import type { GroupDetail } from '../schemas';
import { clipped, seconds } from '../time';
import type { AnswerContext } from './context';
import { totalsShape } from './exposure';
import { groupShape } from './groups';
import { sessionShape } from './session-shape';

const SESSIONS_SHOWN = 100;
const MEMBERS_SHOWN = 20;

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
  return {
    ...groupShape(row, positions, lags, context.now),
    partitions_detail: partitions.map(({ partition, position, lag }) =>
      partitionShape(partition, position, lag, context.now),
    ),
    sessions_detail: sessionsOf(db, row.id, SESSIONS_SHOWN).map((session) =>
      sessionShape(session, membersOf(db, session.id, MEMBERS_SHOWN)),
    ),
    sessions_total: sessionCount(db, row.id),
    lag_problem: context.lag?.problem() ?? null,
  };
}

function theGroup(db: Store, name: string, cluster: string | undefined): GroupRow {
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
    committed_offset: offsetOrNull(position?.committed),
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
    log_end_offset: lag?.logEnd ?? null,
    lag_age_seconds: lag === null ? null : seconds(Math.max(0, now - lag.at)),
  };
}

/** The store has -1 where nothing is known yet. */
function offsetOrNull(offset: number | undefined): number | null {
  return offset === undefined || offset < 0 ? null : offset;
}
