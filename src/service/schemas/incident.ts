/** Incidents, and the findings that are not redeliveries. */
import { z } from 'zod';
import { CERTAINTIES, INCIDENT_KINDS, INCIDENT_STATES, SKIP_CAUSES } from '../../ledger';
import { Duplicate } from './duplicate';
import { Redelivery } from './redelivery';
import { Rewind } from './rewind';
import { count, offset, seconds, time } from './words';

export const Incident = z
  .strictObject({
    id: z.int(),
    version: count.meta({ description: 'Number of the change that made or changed it' }),
    kind: z.enum(INCIDENT_KINDS),
    cause: z.string(),
    certainty: z.enum(CERTAINTIES).meta({ description: 'Of the latest finding' }),
    state: z.enum(INCIDENT_STATES).meta({
      description: 'growing: a finding within a minute; open: within five; closed: none since',
    }),
    words: z.string().meta({ description: 'What happened, in one sentence' }),
    cluster: z.string(),
    group: z.string().nullable(),
    topics: z.array(z.string()).meta({ description: 'At most 20' }),
    partitions: count,
    records: count,
    findings: count,
    opened_at: time,
    last_at: time,
    closed_at: time.nullable(),
    gap_max_seconds: seconds.meta({ description: 'The longest time between two copies' }),
    because: z.array(z.string()).meta({ description: 'What was seen of the latest finding' }),
    advice: z.string().nullable(),
  })
  .meta({ description: 'Findings of one cause and one group or topic, close in time' });

const findingPlace = {
  id: z.int(),
  incident: z.int().nullable(),
  cluster: z.string(),
  group: z.string(),
  topic: z.string(),
  topic_id: z.string().nullable(),
  partition: count,
};

/** As a redelivery has it. */
const why = {
  certainty: z.enum(CERTAINTIES),
  because: z.array(z.string()).meta({ description: 'What was seen, in words' }),
  advice: z.string().nullable(),
};

const process = {
  session: z.string(),
  host: z.string(),
  pid: z.int(),
  client_id: z.string().nullable(),
};

export const PrematureCommit = z
  .strictObject({
    ...findingPlace,
    at: time.meta({
      description: 'When the commit was acknowledged, or, of a killed process, its last sign',
    }),
    first_offset: offset,
    last_offset: offset,
    records: count,
    outcome: z.enum(['failed', 'unresolved', 'in_flight']).meta({ description: 'What then became of them' }),
    delivered_later: z.boolean().meta({
      description: 'false: not delivered to the group since, so they are lost to it',
    }),
    cause: z.literal('committed_before_handled'),
    ...why,
    ...process,
  })
  .meta({ description: 'A commit past records that were in hand and then not handled' });

export const Skip = z
  .strictObject({
    ...findingPlace,
    at: time.meta({ description: 'Of the commit behind them' }),
    first_offset: offset,
    last_offset: offset,
    records: count,
    cause: z.enum(SKIP_CAUSES),
    ...why,
  })
  .meta({
    description: 'Records below the committed offset that exist and were never delivered to the group',
  });

export const StalledCommit = z
  .strictObject({
    ...findingPlace,
    since: time.meta({
      description:
        'When the oldest record that is not committed was handled; from outside: since when there was something to commit',
    }),
    seen_at: time.meta({ description: 'The last time that it was seen' }),
    ended_at: time.nullable().meta({ description: 'null: it goes on, or its consumer is gone' }),
    going_on: z.boolean().meta({ description: 'Not ended, and its consumer lives' }),
    records: count.meta({ description: 'Handled and not committed; seen from outside: not committed' }),
    seconds,
    cause: z.enum(['stalled_commits', 'nothing_committed']).meta({
      description: 'nothing_committed: seen from outside, where handling is not known',
    }),
    ...why,
    seen_by: z.enum(['watcher', 'consumer']).meta({
      description: "watcher: seen from outside, `host` and `client_id` are those of the group's coordinator",
    }),
    session: z.string().nullable(),
    host: z.string(),
    pid: z.int().nullable(),
    client_id: z.string().nullable(),
  })
  .meta({
    description:
      'A consumer that handles on while nothing is committed; or, seen from outside, a member with records to read and no commit',
  });

export const IncidentDetail = Incident.extend({
  places: z
    .array(
      z.strictObject({
        topic: z.string(),
        topic_id: z.string().nullable(),
        partition: count,
        records: count,
      }),
    )
    .meta({ description: 'At most 1000, the most records first' }),
  redeliveries: z.array(Redelivery).meta({
    description: 'The latest 20, as of each kind; all by the list of the kind with incident=',
  }),
  rewinds: z.array(Rewind).meta({ description: 'The latest 20' }),
  duplicates: z.array(Duplicate).meta({ description: 'The latest 20' }),
  premature_commits: z.array(PrematureCommit).meta({ description: 'The latest 20' }),
  skips: z.array(Skip).meta({ description: 'The latest 20' }),
  stalled_commits: z.array(StalledCommit).meta({ description: 'The latest 20' }),
}).meta({ description: 'One incident with its places and latest findings' });

export type Incident = z.output<typeof Incident>;
export type IncidentDetail = z.output<typeof IncidentDetail>;
export type PrematureCommit = z.output<typeof PrematureCommit>;
export type Skip = z.output<typeof Skip>;
export type StalledCommit = z.output<typeof StalledCommit>;
