/** Links within the page. */
import type { ComponentChildren } from 'preact';
import { offsets } from '../logic/format';
import type { Screen } from '../logic/place';
import { useLead } from '../state';
import { Copy, Name } from './text';

export function Lead({
  to,
  query,
  current = false,
  children,
  ...rest
}: {
  to: Screen;
  /** It leads to what is shown now. */
  current?: boolean;
  query?: Record<string, string | null>;
  children: ComponentChildren;
  class?: string;
  title?: string;
}) {
  const lead = useLead();
  return (
    <a href={lead(to, query)} {...(current ? { 'aria-current': 'page' } : {})} {...rest}>
      {children}
    </a>
  );
}

export function GroupLead({ group, cluster }: { group: string; cluster: string }) {
  return (
    <Lead to={{ name: 'group', group }} query={{ cluster }}>
      <Name text={group} max={60} />
    </Lead>
  );
}

interface Stretch {
  topic: string;
  partition: number;
  first: number;
  last?: number;
}

/** topic/partition and offsets; leads to the life of the first record, and can be copied. */
export function Offsets({ topic, partition, first, last = first }: Stretch) {
  const words = `${topic}/${partition}/${first === last ? first : `${first}-${last}`}`;
  return (
    <span class="place">
      <Lead to={{ name: 'record', topic, partition, offset: Math.max(0, first) }}>
        <Name text={topic} max={40} />
        <span class="num">
          /{partition}/{offsets(first, last)}
        </span>
      </Lead>
      <Copy text={words} what={`the place ${offsets(first, last)}`} />
    </span>
  );
}
