/** Plain text in columns: the first ones as wide as they need, numbers to the right. */
export interface Column<Row> {
  title: string;
  text: (row: Row) => string;
  right?: boolean;
}

export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  const cells = [
    columns.map(({ title }) => title),
    ...rows.map((row) => columns.map(({ text }) => text(row))),
  ];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => (line[i] ?? '').length)));
  const lines = cells.map((line) =>
    line
      .map((cell, i) =>
        columns[i]?.right === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '-'.repeat(width)).join('  '));
  return lines;
}

/** `7`, or `5..7` where it is not sure. */
export function range([least, most]: readonly [number, number]): string {
  return least === most ? String(least) : `${least}..${most}`;
}
