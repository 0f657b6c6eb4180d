/** A redelivery with both of its sides. */
import { z } from 'zod';
import { CAUSES, CERTAINTIES } from '../../ledger';
import { count, offset, outcome, time } from './words';

const Side = z.strictObject({
  session: z.string(),
  host: z.string(),
  pid: z.int(),
  client_id: z.string().nullable(),
  member_id: z.string().nullable(),
  generation: z.int().nullable(),
  outcome,
  handled_records: count.meta({ description: 'How many of the records this side handled' }),
  error: z.string().nullable(),
});

export const Redelivery = z
  .strictObject({
    id: z.int(),
    version: count.meta({ description: 'Number of the change that found or lengthened it' }),
    at: time,
    cluster: z.string(),
    group: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    partition: count,
    first_offset: offset,
    last_offset: offset,
    records: count,
    attempt: z.int().min(1),
    incident: z.int().nullable().meta({ description: 'Id of the incident that it stands in' }),
    certain: z.boolean(),
    doubt: z.enum(['none', 'in_flight', 'uncertain']).meta({
      description:
        'in_flight: one copy was started when its process died; uncertain: one was perhaps not handed over',
    }),
    cause: z.enum(CAUSES).meta({ description: 'Why it was delivered again' }),
    certainty: z.enum(CERTAINTIES).meta({ description: 'How sure the cause is' }),
    because: z.array(z.string()).meta({ description: 'What was seen, in words' }),
    advice: z.string().nullable().meta({ description: 'What to change; null: nothing' }),
    gap_seconds: z.number().meta({ description: 'From the end of the previous delivery to this one' }),
    previous_at: time,
    delivery: Side,
    previous: Side,
  })
  .meta({ description: 'A stretch of records that was delivered again, and the delivery before' });

export type Redelivery = z.output<typeof Redelivery>;
