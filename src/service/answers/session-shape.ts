/** A session with its members and settings, as people see it. */
import { z } from 'zod';
import type { MemberRow, SessionRow } from '../../store/queries';
import type { Session } from '../schemas';
import { rfc3339, rfc3339OrNull } from '../time';

export function sessionShape(row: SessionRow, members: readonly MemberRow[]): Session {
  return {
    session: row.key,
    host: row.host,
    pid: row.pid,
    client_id: row.clientId,
    version: row.version,
    started_at: rfc3339(row.startedAt),
    last_seen_at: rfc3339(row.lastSeenAt),
    ended_at: rfc3339OrNull(row.endedAt),
    ended_how: row.endedHow,
    ended_error: row.endedError,
    settings: settingsShape(row.settings),
    members: members.map((member) => ({
      member_id: member.memberId,
      generation: member.generation,
      leader: member.leader === 1,
      joined_at: rfc3339(member.joinedAt),
      left_at: rfc3339OrNull(member.leftAt),
      assignment: assignmentShape(member.assignment),
    })),
  };
}

const number = z.number().nullish().catch(null);
const flag = z.boolean().nullish().catch(null);
/** The store's JSON; what an older or newer version wrote otherwise is shown as unknown. */
const StoredSettings = z
  .object({
    sessionTimeoutMs: number,
    rebalanceTimeoutMs: number,
    heartbeatIntervalMs: number,
    readUncommitted: flag,
    handler: z.string().nullish().catch(null),
    autoCommit: flag,
    autoCommitIntervalMs: number,
    autoCommitThreshold: number,
    eachBatchAutoResolve: flag,
    partitionsConsumedConcurrently: number,
  })
  .catch({});
const StoredAssignment = z.record(z.string(), z.array(z.int())).catch({});

function settingsShape(json: string): Session['settings'] {
  const stored = StoredSettings.parse(parsed(json));
  return {
    session_timeout_ms: stored.sessionTimeoutMs ?? null,
    rebalance_timeout_ms: stored.rebalanceTimeoutMs ?? null,
    heartbeat_interval_ms: stored.heartbeatIntervalMs ?? null,
    read_uncommitted: stored.readUncommitted ?? null,
    handler: stored.handler ?? null,
    auto_commit: stored.autoCommit ?? null,
    auto_commit_interval_ms: stored.autoCommitIntervalMs ?? null,
    auto_commit_threshold: stored.autoCommitThreshold ?? null,
    each_batch_auto_resolve: stored.eachBatchAutoResolve ?? null,
    partitions_consumed_concurrently: stored.partitionsConsumedConcurrently ?? null,
  };
}

function assignmentShape(json: string): { topic: string; partitions: number[] }[] {
  return Object.entries(StoredAssignment.parse(parsed(json))).map(([topic, partitions]) => ({
    topic,
    partitions,
  }));
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return null;
  }
}
