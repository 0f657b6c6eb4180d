/** Lists as JSON, as lines of JSON, or as CSV. */
import { z } from 'zod';

export type Format = 'json' | 'ndjson' | 'csv';

export const CONTENT_TYPES: Record<Format, string> = {
  json: 'application/json; charset=utf-8',
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
};

/** Lines of JSON, one an item. */
export function toNdjson(items: readonly object[]): string {
  return items.map((item) => `${JSON.stringify(item)}\n`).join('');
}

/** RFC 4180 with a header line. The columns come from the schema, so an empty page has them too. */
export function toCsv(schema: z.ZodObject, items: readonly object[]): string {
  const columns = columnsOf(schema, []);
  const lines = [
    columns.map((path) => path.join('_')),
    ...items.map((item) => columns.map((path) => at(item, path))),
  ];
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** Nested objects become columns: `previous` with `host` is `previous_host`. */
function columnsOf(schema: z.ZodObject, above: readonly string[]): string[][] {
  return Object.entries(schema.shape).flatMap(([name, field]) => {
    const path = [...above, name];
    return field instanceof z.ZodObject ? columnsOf(field, path) : [path];
  });
}

function at(item: object, path: readonly string[]): string {
  let value: unknown = item;
  for (const name of path) value = Reflect.get(value as object, name);
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * A text that a spreadsheet would run as a formula gets a quote in front (OWASP: CSV injection); group and host
 * names are other people's text. Plain numbers stay as they are, negative ones too.
 */
export function csvCell(text: string): string {
  const isNumber = /^-?\d+(\.\d+)?$/.test(text);
  const safe = /^[=+\-@\t\r]/.test(text) && !isNumber ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
