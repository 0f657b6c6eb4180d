/** Every parameter of a path or query, as data: how it is read, and how /openapi.json describes it. */
import { z } from 'zod';
import { suggestion } from '../config/nearest';
import { fail } from '../errors';
import { DUPLICATE_CAUSES, DUPLICATE_KINDS } from '../identity';
import { CAUSES, CERTAINTIES, INCIDENT_KINDS, REWIND_CAUSES } from '../ledger';
import { NAME_BYTES_MAX } from './schemas/words';
import { clipped } from './time';

/** JSON Schema of one parameter; the few words that are used here. */
export interface ParameterSchema {
  type: 'string' | 'integer' | 'boolean';
  enum?: readonly string[];
  minimum?: number;
  maximum?: number;
  default?: string | number;
  examples?: readonly string[];
}

interface Parameter<T> {
  description: string;
  json: ParameterSchema;
  /** Reads the text; undefined where it was not given. */
  schema: z.ZodType<T, string | undefined>;
}

const OFFSET_MAX = Number.MAX_SAFE_INTEGER;

function integer(minimum: number, maximum: number) {
  return z
    .string()
    .regex(/^\d{1,16}$/)
    .transform(Number)
    .pipe(z.number().int().min(minimum).max(maximum));
}

function name(description: string): Parameter<string | undefined> {
  const schema = z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= NAME_BYTES_MAX);
  return { description, json: { type: 'string' }, schema: schema.optional() };
}

function whole(description: string, minimum: number, maximum: number): Parameter<number | undefined> {
  return {
    description,
    json: { type: 'integer', minimum, maximum },
    schema: integer(minimum, maximum).optional(),
  };
}

/** One of the values, or not given. */
function anyOf<const V extends string>(description: string, values: readonly V[]): Parameter<V | undefined> {
  return { description, json: { type: 'string', enum: [...values] }, schema: z.enum(values).optional() };
}

function oneOf<const V extends string>(description: string, values: readonly [V, ...V[]]): Parameter<V> {
  const first = values[0];
  return {
    description,
    json: { type: 'string', enum: values, default: first },
    schema: z
      .enum(values)
      .optional()
      .transform((value) => value ?? first),
  };
}

/** Of the query. */
export const PARAMETERS = {
  cluster: name('Id of the Kafka cluster'),
  group: name('Consumer group'),
  topic: name('Topic'),
  partition: whole('Partition; needs topic', 0, 2 ** 31 - 1),
  since: {
    description: 'From this time on: RFC 3339, or how long ago (30m, 1h, 7d)',
    json: { type: 'string', examples: ['1h', '2026-01-31T12:00:00Z'] },
    schema: z.string().min(1).optional(),
  } as Parameter<string | undefined>,
  until: {
    description: 'Before this time: RFC 3339, or how long ago',
    json: { type: 'string', examples: ['30m', '2026-01-31T13:00:00Z'] },
    schema: z.string().min(1).optional(),
  } as Parameter<string | undefined>,
  certain: {
    description: 'true: certain ones alone; false: doubtful ones alone',
    json: { type: 'boolean' },
    schema: z
      .enum(['true', 'false'])
      .transform((text) => text === 'true')
      .optional(),
  } as Parameter<boolean | undefined>,
  cause: anyOf('Of this cause; each list has its own', [
    ...new Set([...CAUSES, ...REWIND_CAUSES, ...DUPLICATE_CAUSES]),
  ]),
  certainty: anyOf('Whose cause is that sure', CERTAINTIES),
  kind: anyOf('Of this kind; each list has its own', [...new Set([...INCIDENT_KINDS, ...DUPLICATE_KINDS])]),
  state: anyOf('open: not closed yet', ['open', 'closed']),
  order: oneOf('name, or worst: by open incidents, then records at risk, redeliveries, deliveries', [
    'name',
    'worst',
  ]),
  incident: whole('That stand in this incident', 1, OFFSET_MAX),
  first_offset: whole('That touch this offset or a later one; needs topic and partition', 0, OFFSET_MAX),
  last_offset: whole('That touch this offset or an earlier one; needs topic and partition', 0, OFFSET_MAX),
  limit: {
    description: 'Items a page',
    json: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
    schema: integer(1, 1_000)
      .optional()
      .transform((value) => value ?? 100),
  } as Parameter<number>,
  cursor: name('next_cursor of the page before'),
  format: oneOf('Of the answer; ndjson and csv carry the next page in the Link header', [
    'json',
    'ndjson',
    'csv',
  ]),
  step: {
    description: 'Length of a step, whole minutes or more',
    json: { type: 'string', default: '1m', examples: ['5m', '1h', '1d'] },
    schema: z
      .string()
      .min(1)
      .optional()
      .transform((value) => value ?? '1m'),
  } as Parameter<string>,
  by: oneOf('What gets a series of its own', ['all', 'group', 'topic']),
  after: whole('Begin behind this change; the header Last-Event-ID comes first', 0, OFFSET_MAX),
} as const;

export type ParameterName = keyof typeof PARAMETERS;

/** The read values of those parameters. */
export type Query<N extends ParameterName> = {
  [K in N]: (typeof PARAMETERS)[K] extends Parameter<infer T> ? T : never;
};

/** The query of a request's URL, which may be anything that a client sends. */
export function searchOf(url: string): URLSearchParams {
  const mark = url.indexOf('?');
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
}

/** Throws 'bad-parameter': unknown, given twice, or of another form than allowed. */
export function readQuery<N extends ParameterName>(names: readonly N[], given: URLSearchParams): Query<N> {
  for (const key of new Set(given.keys())) {
    if (!(names as readonly string[]).includes(key)) {
      const meant = suggestion(key, names) || ` Known: ${names.join(', ') || 'none'}.`;
      fail('bad-parameter', `There is no parameter "${clipped(key)}" here.${meant}`);
    }
    if (given.getAll(key).length > 1) fail('bad-parameter', `${key} is given more than once. Give it once.`);
  }
  const values = names.map(
    (key) => [key, readOne(key, PARAMETERS[key], given.get(key) ?? undefined)] as const,
  );
  return Object.fromEntries(values) as Query<N>;
}

function readOne(key: string, parameter: Parameter<unknown>, text: string | undefined): unknown {
  const result = parameter.schema.safeParse(text);
  if (result.success) return result.data;
  return fail(
    'bad-parameter',
    `${key} must be ${allowedIn(parameter.json)}; it is "${clipped(text ?? '')}".`,
  );
}

/** Narrows a parameter that several lists share to the values of one. Throws 'bad-parameter'. */
export function ofList<V extends string>(
  key: string,
  value: string | undefined,
  values: readonly V[],
): V | undefined {
  if (value === undefined || (values as readonly string[]).includes(value)) return value as V | undefined;
  return fail('bad-parameter', `${key} must be one of ${values.join(', ')} here; it is "${clipped(value)}".`);
}

/** A whole number of the path. */
export function readPathNumber(key: string, text: string, maximum = OFFSET_MAX): number {
  const result = integer(0, maximum).safeParse(text);
  if (result.success) return result.data;
  return fail(
    'bad-parameter',
    `The ${key} in the path must be a whole number from 0 to ${maximum}; it is "${clipped(text)}".`,
  );
}

function allowedIn(json: ParameterSchema): string {
  if (json.enum !== undefined) return `one of ${json.enum.join(', ')}`;
  if (json.type === 'boolean') return 'true or false';
  if (json.type === 'integer') return `a whole number from ${json.minimum} to ${json.maximum}`;
  return `a text of 1 to ${NAME_BYTES_MAX} bytes`;
}
