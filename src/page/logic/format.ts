/** Numbers, sizes and times as a person reads them; each with its unit. */

export type Zone = 'utc' | 'local';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 1,204 */
export function count(value: number): string {
  return whole.format(value);
}

/** 12.3 k, 4.5 M: for the axis of a chart. */
export function brief(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e9) return `${trimmed(value / 1e9)} G`;
  if (size >= 1e6) return `${trimmed(value / 1e6)} M`;
  if (size >= 1e4) return `${trimmed(value / 1e3)} k`;
  return count(value);
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** "1 record", "1,204 records" */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** "30 records, 4 s": so many wait, and for how long the oldest of them; null: not known how long. */
export function backlog(records: number, seconds: number | null): string {
  const size = counted(records, 'record');
  return records === 0 || seconds === null ? size : `${size}, ${duration(seconds)}`;
}

/** 0.98 as 98%; what is not all is never shown as 100%. */
export function percent(part: number): string {
  const rounded = Number((part * 100).toPrecision(3));
  if (rounded === 100 && part < 1) return '99.9%';
  return `${rounded}%`;
}

/** 340 ms, 4.2 s, 3 min 10 s, 2 h 5 min, 6 d 3 h */
export function duration(seconds: number): string {
  if (seconds < 0.0005) return '0 s';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${Number(seconds.toFixed(1))} s`;
  const total = Math.round(seconds);
  if (total < 3_600) return pair(Math.floor(total / 60), 'min', total % 60, 's');
  if (total < 86_400) return pair(Math.floor(total / 3_600), 'h', Math.floor((total % 3_600) / 60), 'min');
  return pair(Math.floor(total / 86_400), 'd', Math.floor((total % 86_400) / 3_600), 'h');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** 512 B, 1.5 KiB, 3.2 GiB */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 ? size : trimmed(size)} ${units[unit]}`;
}

/** 2026-11-24 02:34:01.250 UTC; in local time with the zone's distance: +01:00. */
export function time(at: string | number, zone: Zone, precision: 'ms' | 's' | 'min' = 's'): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const offset = zone === 'utc' ? 0 : -date.getTimezoneOffset();
  const text = new Date(date.getTime() + offset * 60_000).toISOString();
  const length = { ms: 23, s: 19, min: 16 }[precision];
  return `${text.slice(0, length).replace('T', ' ')} ${zoneName(offset, zone)}`;
}

/** 2026-11-24 02:34:01: where the zone stands elsewhere on the screen. */
export function shortTime(at: string | number, zone: Zone): string {
  return time(at, zone).slice(0, 19);
}

/** 02:34:01 */
export function clock(at: string | number, zone: Zone): string {
  return time(at, zone).slice(11, 19);
}

function zoneName(offset: number, zone: Zone): string {
  if (zone === 'utc') return 'UTC';
  const size = Math.abs(offset);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

/** "just now", "40 s ago", "3 min ago"; ahead of the clock: "just now". */
export function ago(at: string | number, now: number): string {
  const seconds = (now - new Date(at).getTime()) / 1000;
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** 3–9, or the one. */
export function offsets(first: number, last: number): string {
  return first === last ? String(first) : `${first}\u2013${last}`;
}
