/**
 * A record's content as kafkajs hands it over, and how its headers are read. Headers are the users' input: kafkajs
 * builds them as a plain object, so a header named `__proto__` or `constructor` arrives as a list whose first item is
 * what the prototype held under that name. Only own properties are read, and of lists only buffers and texts.
 */
import { isUtf8 } from 'node:buffer';

export type HeaderValue = Buffer | string | (Buffer | string)[] | undefined;
export type Headers = Record<string, HeaderValue>;

export interface Message {
  key: Buffer | null;
  /** Null: a tombstone. */
  value: Buffer | null;
  headers?: Headers | undefined;
}

/**
 * The first value of that header that is not empty, as text; null where there is none. The first, because who
 * publishes a message again appends its own. Bytes that are no UTF-8 are told as `0x` and hex.
 */
export function headerText(headers: Headers | undefined, name: string): string | null {
  if (headers === undefined || !Object.hasOwn(headers, name)) return null;
  const value: unknown = headers[name];
  if (!Array.isArray(value)) return textOf(value);
  for (const item of value) {
    const text = textOf(item);
    if (text !== null) return text;
  }
  return null;
}

/** Every value of that header, in order. */
export function headerBytes(headers: Headers | undefined, name: string): Buffer[] {
  if (headers === undefined || !Object.hasOwn(headers, name)) return [];
  const value: unknown = headers[name];
  const items = Array.isArray(value) ? value : [value];
  return items.flatMap((item) =>
    Buffer.isBuffer(item) ? [item] : typeof item === 'string' ? [Buffer.from(item)] : [],
  );
}

/** Bytes as text; null for what is empty, or is neither bytes nor text. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value === '' ? null : value;
  if (!Buffer.isBuffer(value) || value.length === 0) return null;
  return isUtf8(value) ? value.toString('utf8') : `0x${value.toString('hex')}`;
}
