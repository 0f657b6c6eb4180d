/** Messages that stand in the log more than once, and the topics that are observed. */
import { z } from 'zod';
import { DUPLICATE_CAUSES, DUPLICATE_KINDS } from '../../identity';
import { CERTAINTIES } from '../../ledger';
import { count, offset, seconds, time } from './words';

const Place = z.strictObject({
  partition: count,
  offset,
  at: time.meta({ description: "The record's time" }),
});

export const WrittenBy = z.strictObject({ id: z.int(), epoch: z.int(), sequence: z.int() }).nullable().meta({
  description: "The producer's own numbering; null: not an idempotent producer",
});

export const Duplicate = z
  .strictObject({
    id: z.int(),
    version: count,
    kind: z.enum(DUPLICATE_KINDS).meta({
      description:
        'duplicate: the same message at another place; id_reuse: the same identity with another payload; ' +
        'intentional: its headers say that it was published again on purpose',
    }),
    found_at: time,
    cluster: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    partition: count,
    offset,
    at: time.meta({ description: "The record's time" }),
    identity: z.string().nullable().meta({ description: 'null: kept as a hash alone' }),
    identity_hash: z.string(),
    identity_source: z
      .string()
      .meta({ description: 'Where the identity stood: a header, a JSON path, key, fingerprint' }),
    copies: z.int().min(2).meta({ description: 'How many were found by then, this one included' }),
    previous: Place,
    first: Place,
    delay_seconds: seconds.meta({ description: 'From the first copy to this one' }),
    producer: WrittenBy,
    previous_producer: WrittenBy,
    cause: z.enum(DUPLICATE_CAUSES),
    certainty: z.enum(CERTAINTIES),
    because: z.array(z.string()),
    advice: z.string().nullable(),
    incident: z.int().nullable(),
  })
  .meta({ description: 'A record whose identity stands at another place of the same topic' });

/** A record batch whose sequences had been used before. */
const USED_TWICE = {
  partition: count,
  offset: offset.meta({ description: 'Of the first record of the batch' }),
  records: count,
  at: time.meta({ description: 'Record time of the first record' }),
  producer: z.strictObject({ id: z.int(), epoch: z.int(), sequence: z.int() }),
  previous: z
    .strictObject({ offset, sequence: z.int() })
    .meta({ description: 'Where the producer stood before: its last record' }),
};

export const ObservedTopic = z
  .strictObject({
    cluster: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    records: count.meta({ description: 'Observed so far' }),
    duplicates: count,
    id_reuses: count,
    intentional: count,
    sequence_anomalies: z
      .strictObject({
        batches: count,
        latest: z.array(z.strictObject(USED_TWICE)),
      })
      .meta({
        description:
          'Record batches whose sequences their producer had used before in the same epoch, whatever they hold: a ' +
          'broker refuses them unless it has lost what it knew of the producer. latest: at most 20',
      }),
    identity_ratio: z
      .number()
      .min(0)
      .max(1)
      .meta({ description: 'Share of the records in which an identity was found' }),
    identity_sources: z
      .array(z.strictObject({ source: z.string().nullable(), records: count, ratio: z.number() }))
      .meta({ description: 'Where the identities stood; null: records without one' }),
    causes: z
      .array(z.strictObject({ kind: z.enum(DUPLICATE_KINDS), cause: z.string(), records: count }))
      .meta({
        description: 'Once settled, up to a minute late',
      }),
    time_to_duplicate: z
      .strictObject({
        records: count,
        p50_seconds: seconds,
        p90_seconds: seconds,
        p99_seconds: seconds,
        max_seconds: seconds,
        window_seconds: z.strictObject({ p99: seconds, p999: seconds, all: seconds }).meta({
          description: 'How long a consumer must remember to catch 99%, 99.9% and all of what was seen',
        }),
        steps: z
          .array(z.strictObject({ above_seconds: seconds, up_to_seconds: seconds, records: count }))
          .meta({
            description:
              'How many came how long after the first copy: steps that follow on each other, from the shortest delay to the longest; at a border within 1%',
          }),
        advice: z.string(),
      })
      .nullable()
      .meta({ description: 'null: no duplicate was seen' }),
    window: z
      .strictObject({
        identities: count,
        reach_seconds: seconds.meta({ description: 'Copies this far apart are found now' }),
        configured_seconds: seconds,
        ended_by: z.enum(['age', 'records', 'memory']).nullable(),
        shorter: z.boolean().meta({ description: 'It reaches less far back than configured' }),
      })
      .nullable()
      .meta({ description: 'null: no record with an identity was read' }),
    partitions: z.array(
      z.strictObject({
        partition: count,
        next_offset: offset,
        state: z.enum(['catching_up', 'live']),
        newest_at: time.nullable(),
        observed_at: time,
      }),
    ),
  })
  .meta({ description: 'A topic that is observed from outside' });

export const SequenceAnomaly = z
  .strictObject({
    id: z.int(),
    found_at: time,
    cluster: z.string(),
    topic: z.string(),
    topic_id: z.string().nullable(),
    ...USED_TWICE,
  })
  .meta({
    description:
      'A record batch whose sequences its producer had used before in the same epoch, whatever it holds: a broker refuses it unless it has lost what it knew of the producer',
  });

const IdentityPlace = z.strictObject({
  cluster: z.string(),
  topic: z.string(),
  topic_id: z.string().nullable(),
  partition: count,
  offset,
  at: time,
  producer: WrittenBy,
  producer_known: z.boolean().meta({
    description: 'false: neither its copies nor what is remembered tells who wrote it; producer is null then',
  }),
  deliveries: z
    .array(z.strictObject({ group: z.string(), deliveries: count }))
    .meta({ description: 'To which groups, as far as they are instrumented' }),
});

export const Identity = z
  .strictObject({
    identity: z.string(),
    places: z.array(IdentityPlace).meta({ description: 'Where it stands in the log, at most 1000' }),
    copies: z
      .array(Duplicate)
      .meta({ description: 'None: it was written once, as far as is remembered (or asked for, with since)' }),
    complete: z.boolean().meta({
      description: 'false: not all identities could be looked through in time; places may be missing',
    }),
    remembered: z
      .array(
        z.strictObject({
          cluster: z.string(),
          topic: z.string(),
          topic_id: z.string().nullable(),
          since: time.nullable(),
          ended_by: z.enum(['age', 'records', 'memory']).nullable(),
        }),
      )
      .meta({
        description:
          'How far back the topics in which it stands are remembered: places before that are known of copies alone. null: all that was read is remembered',
      }),
  })
  .meta({ description: 'Every place of one message in the observed topics' });

export type Duplicate = z.output<typeof Duplicate>;
export type ObservedTopic = z.output<typeof ObservedTopic>;
export type SequenceAnomaly = z.output<typeof SequenceAnomaly>;
export type Identity = z.output<typeof Identity>;
