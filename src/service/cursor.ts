/**
 * Cursors: opaque to a client, base64url of JSON, checked like any other input. A cursor belongs to one list and one
 * set of filters (`f`, a short hash), so that a page of another question is refused and not answered wrongly. Times
 * that were given relative to now stand in it as they were at the first page.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { fail } from '../errors';

const Place = {
  redeliveries: z.strictObject({
    v: z.literal(1),
    k: z.literal('redeliveries'),
    f: z.string(),
    at: z.number(),
    id: z.int().min(1),
    since: z.number().nullable(),
    until: z.number().nullable(),
  }),
  findings: z.strictObject({
    v: z.literal(1),
    k: z.literal('findings'),
    f: z.string(),
    at: z.number(),
    id: z.int().min(1),
    since: z.number().nullable(),
    until: z.number().nullable(),
  }),
  hits: z.strictObject({
    v: z.literal(1),
    k: z.literal('hits'),
    f: z.string(),
    at: z.number(),
    session: z.int(),
    run: z.int(),
    first: z.int(),
    since: z.number().nullable(),
    until: z.number().nullable(),
  }),
  groups: z.strictObject({
    v: z.literal(1),
    k: z.literal('groups'),
    f: z.string(),
    id: z.int().min(1),
    /** In the order of the worst: what it weighed then, as incidents open, records at risk, redeliveries, deliveries. */
    worst: z.tuple([z.number(), z.number(), z.number(), z.number()]).optional(),
  }),
};

type Kind = keyof typeof Place;
type PlaceOf<K extends Kind> = z.output<(typeof Place)[K]>;

const CURSOR_MAX = 1_024;

export function encodeCursor<K extends Kind>(
  kind: K,
  filters: string,
  place: Omit<PlaceOf<K>, 'v' | 'k' | 'f'>,
): string {
  const cursor = { v: 1, k: kind, f: hashOf(filters), ...place };
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** Throws 'bad-cursor'. */
export function decodeCursor<K extends Kind>(kind: K, filters: string, text: string): PlaceOf<K> {
  const result = Place[kind].safeParse(jsonOf(text));
  if (!result.success) {
    fail(
      'bad-cursor',
      'cursor must be the next_cursor of an earlier page of this list, unchanged. Leave it out to begin anew.',
    );
  }
  const place = result.data as PlaceOf<K>;
  if (place.f !== hashOf(filters)) {
    fail(
      'bad-cursor',
      'cursor belongs to other filters. Keep the filters of the first page, or leave the cursor out.',
    );
  }
  return place;
}

function jsonOf(text: string): unknown {
  if (text.length > CURSOR_MAX || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

function hashOf(filters: string): string {
  return createHash('sha256').update(filters).digest('base64url').slice(0, 8);
}
