/** Tables for a terminal: aligned, at most 100 columns, nothing in them that a terminal would obey. */

export const WIDTH_MAX = 100;
const GAP = '  ';
/** A column is never made narrower than this. */
const NARROWEST = 6;

export interface Column<Row> {
  title: string;
  cell: (row: Row) => string | number;
  /** Numbers stand on the right. */
  right?: boolean;
  /** Says nothing when cut: the others give way first. */
  whole?: boolean;
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => plain(String(column.cell(row)))));
  const titles = columns.map((column) => column.title);
  const wanted = titles.map((title, i) =>
    Math.max(title.length, ...cells.map((line) => line[i]?.length ?? 0)),
  );
  const widths = fitted(wanted, (i) => columns[i]?.whole !== true);
  const line = (texts: readonly string[]) =>
    texts
      .map((text, i) => {
        const cut = shortened(text, widths[i] ?? 0);
        return columns[i]?.right === true ? cut.padStart(widths[i] ?? 0) : cut.padEnd(widths[i] ?? 0);
      })
      .join(GAP)
      .trimEnd();
  return `${[titles, ...cells].map(line).join('\n')}\n`;
}

/** Takes from the widest column that may give way until all fit; where that is not enough, from all. */
function fitted(wanted: readonly number[], gives: (column: number) => boolean): number[] {
  const widths = [...wanted];
  const room = WIDTH_MAX - GAP.length * (widths.length - 1);
  const total = () => widths.reduce((sum, width) => sum + width, 0);
  for (const mayGive of [gives, () => true]) {
    while (total() > room) {
      const most = Math.max(...widths.filter((_width, i) => mayGive(i)));
      if (most <= NARROWEST) break;
      widths[widths.findIndex((width, i) => width === most && mayGive(i))] = most - 1;
    }
  }
  return widths;
}

/** The end of a name tells more than its middle: `payments-consu…-7f9c`. */
function shortened(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 3);
  return `${text.slice(0, width - 1 - tail)}…${tail === 0 ? '' : text.slice(-tail)}`;
}

/** Other people's names may hold escape sequences. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '?');
}

/** 01-31 12:00:00, in UTC: retention is shorter than a year. */
export function shortTime(rfc3339: string | null): string {
  return rfc3339 === null ? '-' : rfc3339.slice(5, 19).replace('T', ' ');
}

export function shortSeconds(seconds: number): string {
  if (Math.abs(seconds) < 10) return `${seconds.toFixed(1)}s`;
  if (Math.abs(seconds) < 120) return `${Math.round(seconds)}s`;
  if (Math.abs(seconds) < 7_200) return `${Math.round(seconds / 60)}m`;
  return Math.abs(seconds) < 172_800 ? `${Math.round(seconds / 3_600)}h` : `${Math.round(seconds / 86_400)}d`;
}
