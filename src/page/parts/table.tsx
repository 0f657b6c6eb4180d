/** Tables: a row an item, numbers right, what matters less left out where the screen is narrow, and told in the open row. */
import { type ComponentChildren, Fragment } from 'preact';
import { useId, useState } from 'preact/hooks';
import { Facts } from './facts';

export interface Column<Item> {
  title: string;
  cell: (item: Item) => ComponentChildren;
  /** Numbers and durations stand right, digits below digits. */
  number?: boolean;
  /** From which width on it is shown; default: always. */
  from?: 'medium' | 'wide';
}

type Key = string | number;

function classOf<Item>({ number, from }: Column<Item>): string {
  return [number === true ? 'num' : '', from === undefined ? '' : `from-${from}`].join(' ').trim();
}

/** @param more what an open row tells besides the columns that may be left out; missing: rows cannot be opened */
export function Table<Item>({
  label,
  columns,
  items,
  keyOf,
  more,
}: {
  label: string;
  columns: readonly Column<Item>[];
  items: readonly Item[];
  keyOf: (item: Item) => Key;
  more?: (item: Item) => ComponentChildren;
}) {
  const [opened, setOpened] = useState<ReadonlySet<Key>>(new Set());
  const id = useId();
  const turn = (key: Key) => {
    setOpened((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {more === undefined ? null : (
              <th scope="col" class="open">
                <span class="unseen">Details</span>
              </th>
            )}
            {columns.map((column) => (
              <th key={column.title} scope="col" class={classOf(column)}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {items.map((item, i) => {
            const key = keyOf(item);
            const isOpen = more !== undefined && opened.has(key);
            return (
              <Fragment key={key}>
                <tr>
                  {more === undefined ? null : (
                    <td class="open">
                      <Opener isOpen={isOpen} controls={`${id}-${i}`} onTurn={() => turn(key)} />
                    </td>
                  )}
                  {columns.map((column) => (
                    <td key={column.title} class={classOf(column)}>
                      {column.cell(item)}
                    </td>
                  ))}
                </tr>
                {isOpen ? (
                  <tr id={`${id}-${i}`} class="opened">
                    <td colSpan={columns.length + 1}>
                      <Facts facts={hideable(columns, item)} />
                      {more(item)}
                    </td>
                  </tr>
                ) : null}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}

function hideable<Item>(columns: readonly Column<Item>[], item: Item) {
  return columns
    .filter(({ from }) => from !== undefined)
    .map(({ title, cell }) => ({ name: title, value: cell(item) }));
}

function Opener({ isOpen, controls, onTurn }: { isOpen: boolean; controls: string; onTurn: () => void }) {
  return (
    <button
      type="button"
      class="opener"
      aria-expanded={isOpen}
      {...(isOpen ? { 'aria-controls': controls } : {})}
      aria-label="Details"
      onClick={onTurn}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={isOpen ? 'M4 6l4 4 4-4' : 'M6 4l4 4-4 4'} />
      </svg>
    </button>
  );
}
