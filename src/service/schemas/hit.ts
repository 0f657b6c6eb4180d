/** Idempotency hits, and the producers of instrumented processes. */
import { z } from 'zod';
import { DUPLICATE_CAUSES } from '../../identity';
import { CAUSES } from '../../ledger';
import { count, offset, seconds, time } from './words';

export const Hit = z
  .strictObject({
    at: time,
    cluster: z.string(),
    group: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    partition: count,
    first_offset: offset,
    last_offset: offset,
    records: count,
    caught: z.enum(['redelivery', 'duplicate']).meta({
      description:
        'duplicate: the group was given the record once, so its message stands elsewhere in the log too',
    }),
    cause: z
      .union([z.enum(CAUSES), z.enum(DUPLICATE_CAUSES)])
      .nullable()
      .meta({
        description: 'Of what it caught: of the redelivery, or of the duplicate where that was observed',
      }),
    redelivery: z.int().nullable().meta({ description: 'Its id, of /v1/redeliveries' }),
    duplicate: z.int().nullable().meta({
      description:
        'Id of the duplicate that one of these records is or was written again as, of /v1/duplicates',
    }),
    first_copy: z
      .strictObject({ partition: count, offset, at: time.meta({ description: "The record's time" }) })
      .nullable()
      .meta({ description: 'Where the message of that duplicate was written first' }),
    age_seconds: seconds
      .nullable()
      .meta({ description: 'From the first copy to this one, as the check tells or as delivered' }),
    window_seconds: seconds.nullable().meta({ description: 'How long the check remembers' }),
    session: z.string(),
    host: z.string(),
    pid: z.int(),
    client_id: z.string().nullable(),
  })
  .meta({ description: "Deliveries that the consumer's own check recognised and did not apply again" });

export const Check = z
  .strictObject({
    catch_ratio: z.number().min(0).max(1).nullable().meta({
      description: 'hits / (hits + applied_again); null: nothing was to be caught',
    }),
    window_seconds: seconds.nullable(),
    copies_within_window: z.number().min(0).max(1).nullable().meta({
      description:
        'Share of the redelivered records and delivered duplicates of 30 days that came within the window',
    }),
    longest_seconds: seconds.meta({ description: 'The longest time between two copies of 30 days' }),
    words: z.string(),
  })
  .meta({ description: "How the group's idempotency check does" });

export const Producer = z
  .strictObject({
    producer: z.string(),
    cluster: z.string().nullable(),
    host: z.string(),
    pid: z.int(),
    version: z.string(),
    started_at: time,
    last_seen_at: time,
    idempotent: z.boolean(),
    transactional: z.boolean(),
    retries: z.number(),
    max_in_flight_requests: z.number().nullable(),
    acks: z.array(z.int()).meta({ description: 'As used so far' }),
    sends: count,
    messages: count,
    stamped: count.meta({ description: 'Messages that were given an id' }),
    failed_attempts: count.meta({ description: 'Attempts that failed, tried again or given up' }),
    unanswered: count.meta({ description: 'Attempts that may have been written all the same' }),
    failed_sends: count,
    advice: z.array(z.strictObject({ risk: z.enum(['duplicates', 'loss', 'order']), text: z.string() })),
  })
  .meta({ description: 'A producer of an instrumented process' });

export type Hit = z.output<typeof Hit>;
export type Check = z.output<typeof Check>;
export type Producer = z.output<typeof Producer>;
