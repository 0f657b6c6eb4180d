/** Tables: a row an item, numbers right, what matters less left out where the screen is narrow. */
import type { ComponentChildren } from 'preact';

export interface Column<Item> {
  title: string;
  cell: (item: Item) => ComponentChildren;
  /** Numbers and durations stand right, digits below digits. */
  number?: boolean;
  /** From which width on it is shown; default: always. */
  from?: 'medium' | 'wide';
}

function classOf<Item>({ number, from }: Column<Item>): string {
  return [number === true ? 'num' : '', from === undefined ? '' : `from-${from}`].join(' ').trim();
}

export function Table<Item>({
  label,
  columns,
  items,
  keyOf,
}: {
  label: string;
  columns: readonly Column<Item>[];
  items: readonly Item[];
  keyOf: (item: Item) => string | number;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <tr key={keyOf(item)}>
              {columns.map((column) => (
                <td key={column.title} class={classOf(column)}>
                  {column.cell(item)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
