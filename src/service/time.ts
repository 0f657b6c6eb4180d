/** Times as people and programs write them: RFC 3339, or relative to now. */
import { fail } from '../errors';

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const RELATIVE = /^(\d{1,9})(s|m|h|d|w)$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/** `1h`, `30m`, `7d`: that long before `now`; or an RFC 3339 time. Unix ms. */
export function timeOf(name: string, text: string, now: number): number {
  const relative = RELATIVE.exec(text);
  if (relative !== null) return Math.max(0, now - durationMs(relative));
  // A "+" in a query string is a blank unless it is written as %2B.
  const written = text.replace(/ (\d{2}:\d{2})$/, '+$1');
  const time = RFC3339.test(written) ? Date.parse(written.replace(' ', 'T').toUpperCase()) : Number.NaN;
  if (Number.isNaN(time)) {
    fail(
      'bad-parameter',
      `${name} must be a time as 2026-01-31T12:00:00Z, or how long ago as 30m, 1h or 7d; it is "${clipped(text)}".`,
    );
  }
  return time;
}

/** `5m` in whole minutes. */
export function minutesOf(name: string, text: string): number {
  const found = RELATIVE.exec(text);
  const minutes = found === null ? 0 : durationMs(found) / 60_000;
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 44_640) {
    fail(
      'bad-parameter',
      `${name} must be whole minutes, hours or days up to 31d, as 1m, 5m or 1h; it is "${clipped(text)}".`,
    );
  }
  return minutes;
}

function durationMs(found: RegExpExecArray): number {
  return Number(found[1]) * UNIT_MS[found[2] as keyof typeof UNIT_MS];
}

/** RFC 3339 with milliseconds, in UTC. */
export function rfc3339(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

export function rfc3339OrNull(unixMs: number | null): string | null {
  return unixMs === null ? null : rfc3339(unixMs);
}

/** Milliseconds as seconds, to the millisecond. */
export function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

/** Text of a stranger in a message of ours: short, without control characters. */
export function clipped(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
  return plain.length > 60 ? `${plain.slice(0, 60)}...` : plain;
}
