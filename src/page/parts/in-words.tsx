/** What a chart draws, as a list that keyboards, fingers and screen readers reach; made when it is opened. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { count } from '../logic/format';
import { type Column, Table } from './table';

/** A chart may draw thousands: a list of all of them would hold up the page. */
const LINES_SHOWN = 300;

/** The latest of the lines, the oldest first. */
export function LatestLines<Line extends { key: string }>({
  label,
  columns,
  lines,
}: {
  label: string;
  columns: readonly Column<Line>[];
  lines: readonly Line[];
}) {
  return (
    <>
      {lines.length > LINES_SHOWN ? (
        <p class="note">
          The latest {count(LINES_SHOWN)} of them. Take a shorter time above for those before.
        </p>
      ) : null}
      <Table label={label} columns={columns} items={lines.slice(-LINES_SHOWN)} keyOf={({ key }) => key} />
    </>
  );
}

export function InWords({ title, children }: { title: string; children: () => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="in-words" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open ? children() : null}
    </details>
  );
}
