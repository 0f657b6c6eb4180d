/** Figures with their names, and small lists of facts. */
import type { ComponentChildren } from 'preact';
import { visible } from '../logic/visible';

export interface Fact {
  name: string;
  value: ComponentChildren;
  /** What it means, or its part of a whole. */
  note?: ComponentChildren;
  tone?: 'bad' | 'busy' | undefined;
}

/** Large figures in a row. */
export function Figures({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="figures">
      {facts.map(({ name, value, note, tone }) => (
        <div key={name} class={tone === undefined ? 'figure' : `figure figure-${tone}`}>
          <dt>{name}</dt>
          <dd>
            <span class="value">{value}</span>
            {note === undefined ? null : <span class="note">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Names and values below one another. */
export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value, note }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {note === undefined ? null : <span class="note"> {note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** A titled part of a screen. */
export function Panel({
  title,
  more,
  children,
}: {
  title: string;
  more?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
        {more === undefined ? null : <div class="more">{more}</div>}
      </header>
      {children}
    </section>
  );
}

/** Texts that others wrote: what was seen, what to change. */
export function Lines({ lines }: { lines: readonly string[] }) {
  return (
    <ul class="lines">
      {lines.map((line) => (
        <li key={line}>{visible(line, 2_000)}</li>
      ))}
    </ul>
  );
}
