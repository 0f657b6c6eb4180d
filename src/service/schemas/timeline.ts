/** A group over time: who lived when, what was found, and where one partition stood. */
import { z } from 'zod';
import { CERTAINTIES } from '../../ledger';
import { Member } from './group';
import { count, OUTCOMES, offset, time } from './words';

const TimelineSession = z.strictObject({
  session: z.string(),
  host: z.string(),
  pid: z.int(),
  client_id: z.string().nullable(),
  started_at: time,
  last_seen_at: time,
  ended_at: time.nullable(),
  ended_how: z.string().nullable(),
  ended_error: z.string().nullable(),
  members: z.array(Member).meta({ description: 'The latest 20, the newest first' }),
});

const PositionFinding = z.strictObject({
  kind: z.enum(['redelivery', 'rewind']),
  id: z.int(),
  at: time,
  incident: z.int().nullable(),
  session: z.string().nullable().meta({ description: 'That got or committed it; null: not instrumented' }),
  previous_session: z.string().nullable().meta({ description: 'That got the copy before' }),
  previous_at: time.nullable().meta({ description: 'The last time of its delivery; null: no redelivery' }),
  topic: z.string(),
  partition: count,
  first_offset: z.int(),
  last_offset: z.int(),
  records: count,
  cause: z.string(),
  certainty: z.enum(CERTAINTIES),
});

const stretch = z
  .int()
  .nullable()
  .meta({ description: 'null: of a stall, which has a number of records alone' });
const TimelineFinding = PositionFinding.extend({
  kind: z.enum(['redelivery', 'rewind', 'premature_commit', 'skip', 'stalled_commits']),
  first_offset: stretch,
  last_offset: stretch,
});

/** Of a generation, as the coordinator knows it. */
const TimelineMember = z.strictObject({
  member_id: z.string(),
  client_id: z.string(),
  host: z.string(),
  assignment: z.array(z.strictObject({ topic: z.string(), partitions: z.array(count) })).nullable(),
});

export const GroupTimeline = z
  .strictObject({
    cluster: z.string(),
    group: z.string(),
    since: time,
    until: time,
    known_until: time.meta({
      description: 'until, or the time of this answer where that is earlier: of what comes nothing is known',
    }),
    sessions: z.array(TimelineSession).meta({ description: 'The latest 100, the newest first' }),
    generations: z
      .array(
        z.strictObject({
          at: time,
          generation: z.int(),
          members: count,
          members_detail: z.array(TimelineMember).meta({
            description: 'At most 100, and 2,000 of all generations together, the newest first',
          }),
        }),
      )
      .meta({
        description:
          'As seen from outside: the latest 500 and the one that held when the time began, the newest first',
      }),
    findings: z.array(TimelineFinding).meta({
      description:
        'The latest 500 of each kind, the newest first. at of stalled_commits: since when, also before the time where it goes on',
    }),
    truncated: z.boolean().meta({ description: 'There is more; take a shorter time' }),
  })
  .meta({ description: 'Sessions, generations and findings of one group within a time' });

export const PartitionPositions = z
  .strictObject({
    cluster: z.string(),
    group: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    partition: count,
    since: time,
    until: time,
    commits: z.array(z.strictObject({ at: time, offset: z.int(), lowered_from: offset.nullable() })).meta({
      description:
        'Kept commits: one in 10 s at most, and all that went down. The oldest first. Of a time with more than 2,000 the last of each 2,000th part, and the latest 2,000 that went down',
    }),
    deliveries: z
      .array(
        z.strictObject({
          from: time,
          to: time,
          first_offset: offset,
          last_offset: offset,
          outcome: z.enum(OUTCOMES),
          session: z.string(),
        }),
      )
      .meta({
        description:
          'Contiguous stretches of one session, the oldest first. Of a time with more than 2,000 the last that began in each 2,000th part: truncated then',
      }),
    redeliveries: z.array(PositionFinding),
    rewinds: z.array(PositionFinding),
    lag: z.array(z.strictObject({ at: time, committed: offset, log_end: offset })).meta({
      description:
        'As read from outside, where brokers are configured: one in 60 s at most; the oldest first. Of a time with more than 2,000 the last of each 2,000th part',
    }),
    truncated: z.boolean().meta({ description: 'There is more; take a shorter time' }),
  })
  .meta({ description: 'Committed offsets and deliveries of one partition over time' });

export type PositionFinding = z.output<typeof PositionFinding>;
export type TimelineFinding = z.output<typeof TimelineFinding>;
export type GroupTimeline = z.output<typeof GroupTimeline>;
export type PartitionPositions = z.output<typeof PartitionPositions>;
