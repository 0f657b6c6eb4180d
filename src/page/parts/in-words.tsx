/** What a chart draws, as a list that keyboards, fingers and screen readers reach; made when it is opened. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

export function InWords({ title, children }: { title: string; children: () => ComponentChildren }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="in-words" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      {open ? children() : null}
    </details>
  );
}
