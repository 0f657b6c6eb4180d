/**
 * Evidence as reports carry it. Fields that this version does not know pass through; what it knows must be right, as
 * the ledger builds on it.
 */
import { z } from 'zod';
import type { Evidence } from '../../ledger';
import { OUTCOMES as RECORD_OUTCOMES } from './words';

/** As ledger/evidence has it: the longest run, in records. */
const RUN_RECORDS_MAX = 65_536;

const ref = z.int().min(-1);
const offset = z.int().min(0);
const at = z.number();
const text = z.string().max(65_536);
const ended = z.enum(['handled', 'failed', 'unresolved']);
const outcome = z.enum(RECORD_OUTCOMES).exclude(['uncertain']);
const error = z.string().max(4_096).optional();

const isRange = ([first, last]: readonly [number, number]) => last >= first && last - first < RUN_RECORDS_MAX;

const run = z
  .looseObject({
    t: z.literal('run'),
    run: z.int().min(1),
    track: ref,
    member: ref,
    first: offset,
    last: offset,
    handled: offset,
    uncertainLast: offset,
    firstAt: at,
    lastAt: at,
    outcome,
    error,
  })
  .refine(
    (fact) =>
      isRange([fact.first, fact.uncertainLast]) &&
      fact.last >= fact.first &&
      fact.uncertainLast >= fact.last &&
      fact.handled >= fact.first &&
      fact.handled <= fact.last + 1,
    'a run must be first <= last <= uncertainLast, first <= handled <= last + 1, and not too long',
  );

export const EVIDENCE = {
  session: z.looseObject({
    t: z.literal('session'),
    session: ref,
    key: text.min(1),
    group: text,
    host: text,
    pid: z.int(),
    bootId: text,
    at,
    version: text,
    settings: z.looseObject({}),
  }),
  running: z.looseObject({ t: z.literal('running'), session: ref, at }),
  transactional: z.looseObject({
    t: z.literal('transactional'),
    session: ref,
    at,
    state: z.enum(['seen', 'mixed']),
  }),
  promise: z.looseObject({ t: z.literal('promise'), track: ref, at, from: z.int(), next: offset }),
  covered: z
    .looseObject({
      t: z.literal('covered'),
      track: ref,
      run: z.int().min(1),
      first: offset,
      last: offset,
      at,
    })
    .refine(({ first, last }) => isRange([first, last]), 'must be first <= last, and not too long'),
  cluster: z.looseObject({ t: z.literal('cluster'), session: ref, clusterId: text }),
  topic: z.looseObject({ t: z.literal('topic'), topic: ref, name: text, topicId: text.nullable() }),
  join: z.looseObject({
    t: z.literal('join'),
    member: ref,
    session: ref,
    memberId: text,
    clientId: text.nullable(),
    leader: z.boolean(),
    at,
    announced: z.boolean(),
    silentMs: z.number(),
    assignment: z.record(z.string(), z.array(z.int().min(0))),
  }),
  generation: z.looseObject({ t: z.literal('generation'), member: ref, generation: z.int() }),
  track: z.looseObject({
    t: z.literal('track'),
    track: ref,
    session: ref,
    topic: ref,
    partition: z.int().min(0),
  }),
  run,
  batch: z.looseObject({
    t: z.literal('batch'),
    run: z.int().min(1),
    track: ref,
    member: ref,
    at,
    ranges: z.array(z.tuple([offset, offset]).refine(isRange, 'a range must be [first, last]')),
  }),
  'batch-end': z.looseObject({
    t: z.literal('batch-end'),
    run: z.int().min(1),
    track: ref,
    handled: offset,
    outcome: ended,
    at,
    error,
  }),
  hit: z
    .looseObject({
      t: z.literal('hit'),
      track: ref,
      run: z.int().min(1),
      first: offset,
      last: offset,
      at,
      ageMs: z.number().min(0).nullable(),
      windowMs: z.number().min(0).nullable(),
    })
    .refine(({ first, last }) => isRange([first, last]), 'hits must be first <= last, and not too long'),
  start: z.looseObject({
    t: z.literal('start'),
    track: ref,
    at,
    committed: z.int().nullable(),
    logStart: z.int().nullable(),
    logEnd: z.int().nullable().default(null),
    compacted: z.boolean().nullable().default(null),
  }),
  premature: z.looseObject({
    t: z.literal('premature'),
    track: ref,
    at,
    first: offset,
    last: offset,
    outcome: z.enum(['failed', 'unresolved']),
  }),
  'short-commit': z.looseObject({ t: z.literal('short-commit'), track: ref, at, offset: z.int() }),
  'commit-failed': z.looseObject({ t: z.literal('commit-failed'), session: ref, at, reason: text }),
  rewind: z.looseObject({ t: z.literal('rewind'), track: ref, at, from: offset, to: z.int() }),
  seek: z.looseObject({
    t: z.literal('seek'),
    session: ref,
    topic: text,
    partition: z.int(),
    offset: text,
    at,
    over: z.tuple([offset, offset]).optional(),
  }),
  producer: z.looseObject({
    t: z.literal('producer'),
    producer: ref,
    key: text.min(1),
    clusterId: text.nullable(),
    host: text,
    pid: z.int(),
    bootId: text,
    at,
    version: text,
    settings: z.looseObject({
      idempotent: z.boolean(),
      transactional: z.boolean(),
      retries: z.number(),
      maxInFlightRequests: z.number().nullable(),
    }),
  }),
  sends: z.looseObject({
    t: z.literal('sends'),
    producer: ref,
    at,
    sends: offset,
    messages: offset,
    stamped: offset,
    failedAttempts: offset,
    unanswered: offset,
    failedSends: offset,
    acks: z.array(z.int()).max(100),
  }),
  end: z.looseObject({
    t: z.literal('end'),
    session: ref,
    at,
    how: z.enum(['stop', 'disconnect', 'crash', 'exit', 'died']),
    restart: z.boolean().optional(),
    error,
  }),
  dropped: z.looseObject({
    t: z.literal('dropped'),
    at,
    events: z.int().min(0),
    deliveries: z.int().min(0),
    reason: text,
    runs: z
      .array(z.tuple([offset, offset]))
      .max(1_000)
      .optional(),
  }),
} satisfies Record<Evidence['t'], z.ZodType>;
