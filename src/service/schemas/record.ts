/** The history of one record. */
import { z } from 'zod';
import { CAUSES, CERTAINTIES } from '../../ledger';
import { Duplicate, WrittenBy } from './duplicate';
import { count, OUTCOMES, offset, time } from './words';

export const RecordDelivery = z.strictObject({
  attempt: z.int().min(1),
  certain: z.boolean(),
  not_before: time,
  not_after: time,
  outcome: z.enum(OUTCOMES).meta({ description: 'Of this record' }),
  hit: z.boolean().meta({ description: "The consumer's own check recognised it and did not apply it" }),
  error: z.string().nullable(),
  session: z.string(),
  host: z.string(),
  pid: z.int(),
  client_id: z.string().nullable(),
  member_id: z.string().nullable(),
  generation: z.int().nullable(),
  run_first_offset: offset,
  run_last_offset: offset,
  redelivery: z
    .strictObject({
      id: z.int(),
      incident: z.int().nullable(),
      cause: z.enum(CAUSES),
      certainty: z.enum(CERTAINTIES),
      because: z.array(z.string()),
      advice: z.string().nullable(),
    })
    .nullable()
    .meta({
      description: 'Why it was delivered again, as the one of /v1/redeliveries; null: the first delivery',
    }),
});

const RecordEvent = z.strictObject({
  kind: z.enum(['committed', 'taken_over', 'commit_lowered', 'seek']).meta({
    description:
      'committed: the first kept commit behind the record, and the last kept one before each further delivery, made ' +
      'at this time or up to 10 s before; taken_over: a member got the partition and found this committed; ' +
      'commit_lowered: a commit that went down over it; seek: to it or before it',
  }),
  at: time,
  offset: z.int().meta({
    description: 'What was committed, found or sought; -1: nothing was committed; -2: the earliest',
  }),
  from_offset: offset.nullable().meta({ description: 'Of a lowered commit' }),
  host: z.string().nullable().meta({ description: 'null: seen from outside alone' }),
  pid: z.int().nullable(),
  client_id: z.string().nullable(),
});

const RecordInGroup = z.strictObject({
  cluster: z.string(),
  group: z.string(),
  topic_id: z.string().nullable(),
  deliveries_certain: count,
  deliveries_uncertain: count,
  deliveries: z.array(RecordDelivery).meta({ description: 'In the order of time' }),
  events: z.array(RecordEvent),
});

export const RecordHistory = z
  .strictObject({
    topic: z.string(),
    partition: count,
    offset,
    written: z
      .array(
        z.strictObject({
          cluster: z.string(),
          topic_id: z.string().nullable(),
          at: time.meta({ description: "The record's time" }),
          producer: WrittenBy,
          identity_hash: z.string().meta({
            description:
              'For /v1/identities. Its first 80 bits, the others 0: of what has no copy, no more is kept',
          }),
        }),
      )
      .meta({
        description:
          'What is remembered of the record in observed topics of that name, copied or not; none: it has no identity, or was written before the window',
      }),
    copies: z.array(Duplicate).meta({
      description: 'Copies of the same message in the log, this record one of them; of observed topics',
    }),
    history: z.array(RecordInGroup).meta({
      description: 'One entry a group and topic id; no deliveries: the ledger knows of none to this group',
    }),
  })
  .meta({ description: 'Everything that is known of one record' });

export type RecordDelivery = z.output<typeof RecordDelivery>;
export type RecordHistory = z.output<typeof RecordHistory>;
