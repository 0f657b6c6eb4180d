/** Shares of a whole: a bar, its words and its figure. */
import type { ComponentChildren } from 'preact';
import { count } from '../logic/format';

export interface Bar {
  key: string;
  words: ComponentChildren;
  value: number;
  /** Instead of the number. */
  told?: string;
}

export function Bars({ bars }: { bars: readonly Bar[] }) {
  const most = bars.reduce((high, { value }) => Math.max(high, value), 0);
  return (
    <ul class="bars">
      {bars.map(({ key, words, value, told }) => (
        <li key={key}>
          <span>{words}</span>
          <svg aria-hidden="true">
            <rect class="bar-ground" width="100%" height="10" rx="2" />
            <rect class="bar-part" width={most === 0 ? '0' : `${(value / most) * 100}%`} height="10" rx="2" />
          </svg>
          <span class="num">{told ?? count(value)}</span>
        </li>
      ))}
    </ul>
  );
}
