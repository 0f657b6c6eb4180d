/** What instrumented processes of other hosts send and get: reports, and the question for a partition's past. */
import { z } from 'zod';
import { EVIDENCE } from './evidence';
import { count, NAME_BYTES_MAX, offset, outcome } from './words';

const time = z.number();
const next = z.int().min(-1);

const slot = z.looseObject({
  seq: z.int().min(1),
  run: z.int(),
  member: z.int(),
  first: next,
  last: next,
  reserved: next,
  handled: next,
  firstAt: time,
  lastAt: time,
  open: z.boolean(),
  busy: z.boolean(),
  committed: z.int(),
  commitSeen: z.boolean(),
  exposedSince: time,
  peakRecords: z.number().min(0).default(0),
  peakMs: z.number().min(0).default(0),
  peakHour: z.int().min(0).default(0),
  // A reporter of an earlier version tells none.
  hits: z.looseObject({ first: offset, last: offset, ageMs: time }).nullable().default(null),
  withheld: z.boolean().default(false),
  promised: next.default(-1),
});

const line = z.strictObject({
  seq: z.int().min(1),
  /** Checked by its kind, in `reports`: kinds of a newer version are counted and left out. */
  evidence: z.looseObject({ t: z.string().max(100) }),
});

export const ReportBody = z
  .looseObject({
    version: z.literal(1),
    journal: z.string().regex(/^[\w.-]{1,200}$/),
    owner: z.looseObject({
      host: z.string().max(1_000),
      bootId: z.string().max(1_000),
      pidNamespace: z.string().max(1_000),
      pid: z.int(),
      pidStart: z.string().max(1_000),
    }),
    begins: z.boolean(),
    from: z.int().min(1),
    to: z.int().min(0),
    lines: z.array(line),
    slots: z.array(z.looseObject({ track: z.int().min(0), state: slot })),
    died: z.boolean(),
  })
  .refine(
    ({ from, to, lines }) =>
      to >= from - 1 &&
      lines.every((one, i) => {
        const before = i === 0 ? from - 1 : (lines[i - 1]?.seq ?? 0);
        return one.seq > before && one.seq <= to;
      }),
    'lines must be numbered upwards within from..to',
  )
  .meta({
    description: 'Lines and slots of the journal of an instrumented process; see docs/several-hosts.md',
  });

/** Each kind's schema, or what stands in the place of a kind that is not known. */
export function evidenceOf(fact: z.output<typeof line>['evidence']): unknown {
  return Object.hasOwn(EVIDENCE, fact.t) ? EVIDENCE[fact.t as keyof typeof EVIDENCE].parse(fact) : null;
}

export const ReportTaken = z
  .strictObject({
    applied: count.meta({ description: 'Every line up to here stands in the store' }),
    next: count.meta({ description: 'The line that is read next' }),
  })
  .meta({ description: 'A report was taken in' });

export const PastBody = z
  .looseObject({
    journal: z.string().max(200),
    clusterId: z.string().max(1_000),
    group: z.string().max(NAME_BYTES_MAX),
    topic: z.string().max(1_000),
    topicId: z.string().max(100).nullable(),
    partition: z.int().min(0),
    from: offset,
  })
  .meta({ description: 'Which partition, as which group reads it, from which offset on' });

export const PartitionPast = z
  .strictObject({
    stretches: z.array(
      z.strictObject({
        first: offset,
        last: offset,
        deliveries: count,
        previous: z.strictObject({
          session: z.string(),
          host: z.string(),
          pid: z.int(),
          clientId: z.string().nullable(),
          memberId: z.string().nullable(),
          generation: z.int().nullable(),
          at: time.meta({ description: 'Unix milliseconds' }),
          outcome,
        }),
      }),
    ),
    cut: z.boolean().meta({ description: 'More is known than is told' }),
    others: count.meta({ description: 'Consumers of the group in other processes' }),
    silent: count.meta({ description: 'Those of them that were not heard of for 3 s' }),
  })
  .meta({ description: 'What was delivered before of a partition to a group' });
