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

const counts = {
  deliveries: count,
  redeliveries: count,
  failed: count,
  hits: count,
};

export const Totals = z
  .strictObject({
    since: time.meta({ description: 'Start of the first step' }),
    until: time.meta({ description: 'End of the last step; it may lie ahead' }),
    ...counts,
    duplicates: count,
    id_reuses: count,
    groups_reading: count.meta({ description: 'That were delivered anything' }),
    groups_again: count.meta({ description: 'That were delivered anything again' }),
    worst: z
      .array(z.strictObject({ cluster: z.string(), group: z.string(), ...counts }))
      .meta({ description: 'At most 10 groups, the most redeliveries first' }),
  })
  .meta({
    description:
      'Counts of a time, in the whole steps of /v1/timeseries with the same parameters: its points add up to these',
  });

export type Totals = z.output<typeof Totals>;
export type Summary = z.output<typeof Summary>;
export type SeriesPoint = z.output<typeof SeriesPoint>;
