/** The time that is looked at: how long ago until now, or between two times. */

export interface Range {
  /** As the API takes it: `1h`, or RFC 3339. */
  since: string;
  /** Null: until now, and moving with it. */
  until: string | null;
}

export const RANGES = [
  ['15m', 'Last 15 minutes'],
  ['1h', 'Last hour'],
  ['6h', 'Last 6 hours'],
  ['24h', 'Last 24 hours'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
] as const;
const USUAL = '1h';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };
/** Points that a chart can show and a person can tell apart. */
const STEPS_WANTED = 240;
const STEPS_MIN = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1_440] as const;
/** Longer ones the API does not make. */
const STEP_MAX = 31 * 1_440;

/** Of an address; what cannot be read is the last hour. */
export function readRange(query: Readonly<Record<string, string>>): Range {
  const since = query.since ?? USUAL;
  const until = query.until ?? null;
  if (!isTime(since) || (until !== null && !isTime(until))) return { since: USUAL, until: null };
  // A "now" is needed to compare what is relative with what is not; which one hardly matters.
  const [from, to] = ends({ since, until }, Date.now());
  return from >= 0 && from < to ? { since, until } : { since: USUAL, until: null };
}

function isTime(text: string): boolean {
  return /^\d{1,9}[smhdw]$/.test(text) || !Number.isNaN(absolute(text));
}

function absolute(text: string): number {
  return /^\d{4}-\d{2}-\d{2}T/.test(text) ? Date.parse(text) : Number.NaN;
}

/** Unix ms, both. */
export function ends({ since, until }: Range, now: number): [number, number] {
  return [timeOf(since, now), until === null ? now : timeOf(until, now)];
}

function timeOf(text: string, now: number): number {
  const [, amount, unit] = /^(\d+)([smhdw])$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return absolute(text);
  return now - Number(amount) * (UNIT_MS[unit] ?? 0);
}

/** The step of a chart over this range, in minutes: a round one, so that charts do not jump as time goes on. */
export function stepMinutes(range: Range, now: number, steps = STEPS_WANTED): number {
  const [from, to] = ends(range, now);
  const wanted = (to - from) / 60_000 / steps;
  return STEPS_MIN.find((step) => step >= wanted) ?? Math.min(STEP_MAX, Math.ceil(wanted / 1_440) * 1_440);
}

/** "in the last hour", "between the two times". */
export function rangeWords({ since, until }: Range): string {
  const known = RANGES.find(([value]) => value === since);
  if (until === null && known !== undefined) return `in the ${known[1].toLowerCase()}`;
  const [, amount, unit] = /^(\d+)([smhdw])$/.exec(since) ?? [];
  const units: Record<string, string> = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days', w: 'weeks' };
  if (until === null && amount !== undefined) return `in the last ${amount} ${units[unit ?? ''] ?? ''}`;
  return until === null ? 'since then' : 'between those times';
}

/** It does not move with the clock. */
export function isFixed({ since, until }: Range): boolean {
  return until !== null && [since, until].every((text) => !Number.isNaN(absolute(text)));
}

/** The same time, standing still: what somebody else is to see too. */
export function fixed(range: Range, now: number): Range {
  const [since, until] = ends(range, now).map((at) => new Date(at).toISOString()) as [string, string];
  return { since, until };
}

/** The parameters of the API for this range. */
export function rangeQuery({ since, until }: Range): Record<string, string> {
  return until === null ? { since } : { since, until };
}
