/** The whole store, and its counts over time. */
import { z } from 'zod';
import { VERDICTS } from '../../ledger';
import { account, count, exposure, lag, time, totals } from './words';

export const Summary = z
  .strictObject({
    time,
    version: z.string().meta({ description: 'Version of Dupescope' }),
    change: count.meta({ description: "Number of the store's last change" }),
    clusters: count,
    groups: count,
    topics: count,
    partitions: count.meta({ description: 'Partitions times the groups that read them' }),
    sessions: count.meta({ description: 'Consumers that live now' }),
    ...totals,
    ...account,
    verdicts: z.record(z.enum(VERDICTS), count).meta({ description: 'How many groups have which verdict' }),
    incidents_open: count,
    observed_records: count.meta({ description: 'Of topics observed from outside' }),
    duplicates: count,
    id_reuses: count,
    ...exposure,
    ...lag,
    last_delivery_at: time.nullable(),
    dropped_deliveries: count.meta({ description: 'Deliveries whose detail could not be kept' }),
    dropped_events: count,
    store_bytes: count,
  })
  .meta({ description: 'The whole store' });

export const SeriesPoint = z
  .strictObject({
    time: time.meta({ description: 'Start of the step' }),
    cluster: z.string().nullable(),
    group: z.string().nullable(),
    topic: z.string().nullable(),
    deliveries: count,
    redeliveries: count,
    failed: count,
    hits: count,
    duplicates: count.meta({ description: 'Of a topic, whoever reads it: in rows without a group' }),
    id_reuses: count,
  })
  .meta({ description: 'Counts of one step; steps without any are left out' });

export type Summary = z.output<typeof Summary>;
export type SeriesPoint = z.output<typeof SeriesPoint>;
