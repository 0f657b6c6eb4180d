/** Committed offsets that went down. */
import { z } from 'zod';
import { CERTAINTIES, REWIND_CAUSES } from '../../ledger';
import { count, offset, seconds, time } from './words';

export const Rewind = z
  .strictObject({
    id: z.int(),
    version: count,
    at: time,
    cluster: z.string(),
    group: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    partition: count,
    from_offset: offset.meta({ description: 'What had been committed' }),
    to_offset: z
      .int()
      .meta({ description: 'What was committed instead; -1, -2: kafkajs named an end of the log' }),
    records: count.meta({ description: 'Delivered again from there, if the group goes on' }),
    redelivered: count.nullable().meta({
      description: 'Of these, what was in fact delivered again; null: the group is not instrumented',
    }),
    recovered_seconds: seconds.nullable().meta({
      description: 'How long until the group had come back to where it was; null: not yet, or not watched',
    }),
    cause: z.enum(REWIND_CAUSES),
    certainty: z.enum(CERTAINTIES),
    because: z.array(z.string()),
    advice: z.string().nullable(),
    incident: z.int().nullable(),
    seen_by: z.array(z.enum(['watcher', 'consumer'])).meta({
      description:
        'watcher: read from outside; consumer: told by the instrumented consumer that committed it',
    }),
    host: z.string().nullable(),
    pid: z.int().nullable(),
    client_id: z.string().nullable(),
  })
  .meta({ description: "A group's committed offset that went down" });

export type Rewind = z.output<typeof Rewind>;
