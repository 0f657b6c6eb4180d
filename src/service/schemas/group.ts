/** A consumer group, in a list and with all that stands below it. */
import { z } from 'zod';
import { Check } from './hit';
import { account, count, exposure, lag, offset, seconds, time, totals, verdict } from './words';

export const Group = z
  .strictObject({
    cluster: z.string(),
    group: z.string(),
    topics: count,
    partitions: count,
    sessions: count.meta({ description: 'Instrumented consumers that live now' }),
    state: z.enum(['unknown', 'empty', 'live']).nullable().meta({
      description: 'As seen from outside; unknown: no record of the group itself was seen; null: not watched',
    }),
    rebalances: count.nullable().meta({ description: 'Seen from outside; null: not watched' }),
    commits_per_minute: z.number().min(0).nullable().meta({
      description:
        'Offset commits seen from outside, one a partition, of the last 10 whole minutes; null: none was ever seen',
    }),
    rewinds: count.meta({
      description: 'Times that a committed offset went down, counted once the cause is settled',
    }),
    ...totals,
    ...account,
    ...verdict,
    incidents_open: count,
    ...exposure,
    ...lag,
    last_delivery_at: time.nullable(),
  })
  .meta({ description: 'One consumer group' });

const Owner = z.strictObject({
  host: z.string(),
  pid: z.int(),
  client_id: z.string().nullable(),
  member_id: z.string().nullable(),
  generation: z.int().nullable(),
});

export const GroupPartition = z.strictObject({
  topic: z.string(),
  topic_id: z.string().nullable(),
  partition: count,
  ...totals,
  ...account,
  ...exposure,
  next_offset: offset.nullable(),
  handled_offset: offset.nullable(),
  committed_offset: offset.nullable().meta({
    description: "As the owner's session committed it; where none is instrumented, as read from outside",
  }),
  owner: Owner.nullable().meta({ description: 'The living session that read it last' }),
  ...lag,
  log_end_offset: offset.nullable(),
  lag_age_seconds: seconds.nullable(),
});

export const Member = z.strictObject({
  member_id: z.string(),
  generation: z.int().nullable(),
  leader: z.boolean(),
  joined_at: time,
  left_at: time.nullable(),
  assignment: z.array(z.strictObject({ topic: z.string(), partitions: z.array(count) })),
});

const Settings = z.strictObject({
  session_timeout_ms: z.number().nullable(),
  rebalance_timeout_ms: z.number().nullable(),
  heartbeat_interval_ms: z.number().nullable(),
  read_uncommitted: z.boolean().nullable(),
  handler: z.string().nullable(),
  auto_commit: z.boolean().nullable(),
  auto_commit_interval_ms: z.number().nullable(),
  auto_commit_threshold: z.number().nullable(),
  each_batch_auto_resolve: z.boolean().nullable(),
  partitions_consumed_concurrently: z.number().nullable(),
});

export const Session = z
  .strictObject({
    session: z.string(),
    host: z.string(),
    pid: z.int(),
    client_id: z.string().nullable(),
    version: z.string(),
    started_at: time,
    last_seen_at: time,
    ended_at: time.nullable(),
    ended_how: z.string().nullable(),
    ended_error: z.string().nullable(),
    settings: Settings,
    members: z.array(Member).meta({ description: 'The latest 20, the newest first' }),
  })
  .meta({ description: 'One consumer object in one process' });

const Quantiles = z.strictObject({ p50: z.number(), p99: z.number(), max: z.number() });

const ExposureHistory = z
  .strictObject({
    hours: count.meta({ description: 'Of so many hours back, and of the hour now' }),
    records: Quantiles,
    seconds: Quantiles,
  })
  .meta({
    description:
      'Exposure of a partition over time: p50 and p99 by time, to within 9%; max as found at commits and ends',
  });

const WatchedMember = z.strictObject({
  member_id: z.string(),
  instance_id: z.string().nullable(),
  client_id: z.string(),
  host: z.string(),
  session_timeout_ms: z.number().nullable(),
  assignment: z.array(z.strictObject({ topic: z.string(), partitions: z.array(count) })).nullable(),
});

const Watched = z
  .strictObject({
    protocol: z.enum(['classic', 'consumer']).nullable(),
    generation: z.int().nullable(),
    since: time,
    gone_at: time.nullable().meta({ description: 'When the group was deleted' }),
    members: z.array(WatchedMember),
    rebalances_last_hour: count,
    generations: z
      .array(
        z.strictObject({
          at: time,
          generation: z.int(),
          members: count,
          members_detail: z.array(WatchedMember).meta({ description: 'At most 100' }),
        }),
      )
      .meta({
        description:
          'The latest 20, the newest first, each with who had what; no members: the last one had left',
      }),
  })
  .meta({ description: 'The group as seen from outside' });

export const GroupDetail = Group.extend({
  watched: Watched.nullable(),
  check: Check.nullable().meta({ description: 'null: no copy and no hit yet' }),
  advice: z.array(z.string()).meta({ description: 'What the open incidents say to change' }),
  exposure_history: ExposureHistory,
  partitions_detail: z.array(GroupPartition),
  sessions_detail: z
    .array(Session)
    .meta({ description: 'The latest 100, the newest first; /v1/groups/{group}/sessions has them all' }),
  sessions_total: count,
  lag_problem: z.string().nullable().meta({ description: 'Why lag is not known now' }),
}).meta({ description: 'One consumer group with its partitions, sessions and members' });

export type Group = z.output<typeof Group>;
export type GroupPartition = z.output<typeof GroupPartition>;
export type Session = z.output<typeof Session>;
export type GroupDetail = z.output<typeof GroupDetail>;
