/** The service's own state, and its errors. */
import { z } from 'zod';
import { count, offset, time } from './words';

export const Health = z
  .strictObject({ status: z.enum(['ok', 'starting', 'failing']), problems: z.array(z.string()) })
  .meta({ description: 'Alive, or ready' });

export const Status = z
  .strictObject({
    time,
    status: z.enum(['ok', 'failing']).meta({ description: 'As /readyz tells it' }),
    problems: z.array(z.string()),
    version: z.string().meta({ description: 'Version of Dupescope' }),
    node: z.string(),
    sqlite: z.string(),
    schema: count.meta({ description: "Version of the store's schema" }),
    clients: z
      .array(z.strictObject({ version: z.string(), sessions: count }))
      .meta({ description: 'Versions of the library in the consumers that live now' }),
    store_bytes: count,
    retention: z
      .strictObject({ days: z.number(), bytes: count })
      .nullable()
      .meta({ description: 'What is kept; null: another process decides' }),
    redeliveries_since: time.nullable().meta({ description: 'Time of the oldest that is kept' }),
    duplicates_since: time.nullable(),
    deliveries_since: time.nullable(),
    uncertain: count.meta({ description: 'Records that kills left uncertain' }),
    dropped_deliveries: count.meta({ description: 'Deliveries whose detail could not be kept' }),
    dropped_events: count,
    dropped_at: time.nullable().meta({ description: 'The last time' }),
    dropped_because: z.string().nullable(),
    watches_groups: z.boolean().meta({ description: 'Brokers are configured' }),
    watchers: z
      .array(z.strictObject({ cluster: z.string(), partition: count, next_offset: offset }))
      .meta({ description: 'Where the group watcher stands in __consumer_offsets' }),
    unread: z
      .array(
        z.strictObject({
          cluster: z.string(),
          observer: z.enum(['groups', 'topics']),
          topic: z.string().nullable(),
          what: z.enum(['unknown', 'unreadable', 'old', 'missed']),
          count,
          last_at: time,
        }),
      )
      .meta({
        description:
          'What observers passed over, at most 1000. Of __consumer_offsets, records: unknown (kinds and versions that are not looked at, share groups among them), unreadable. Of topics, batches: old (from before Kafka 0.11), unreadable (damaged, or of a codec that is not known); records: missed (gone before they were read)',
      }),
    links: z
      .strictObject({ grafana: z.string().nullable(), traces: z.string().nullable() })
      .meta({ description: 'Templates of addresses, as configured' }),
  })
  .meta({ description: 'How Dupescope itself does' });

export const Problem = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    instance: z.string(),
  })
  .meta({ description: 'RFC 9457 problem' });

export type Health = z.output<typeof Health>;
export type Status = z.output<typeof Status>;
export type Problem = z.output<typeof Problem>;
