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
  'aria-label'?: string;
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
  /** Of that cluster, and of that topic where there was another one of its name: places begin anew in it. */
  of: { cluster: string; topic: string; topic_id: string | null; partition: number };
  first: number;
  last?: number;
}

/** topic/partition and offsets; leads to the life of the first record, and can be copied. */
export function Offsets({ of, first, last = first }: Stretch) {
  const { cluster, topic, topic_id, partition } = of;
  const words = `${topic}/${partition}/${first === last ? first : `${first}-${last}`}`;
  return (
    <span class="place">
      <Lead
        to={{ name: 'record', topic, partition, offset: Math.max(0, first) }}
        query={{ cluster, topic_id }}
      >
        <Name text={topic} max={40} />
        <span class="num">
          /{partition}/{offsets(first, last)}
        </span>
      </Lead>
      <Copy text={words} what={`the place ${offsets(first, last)}`} />
    </span>
  );
}

/** An offset that can be copied; kafkajs names the ends of the log by -1 and -2. */
export function Offset({ at }: { at: number }) {
  if (at < 0) return <span class="num">{at} (an end of the log)</span>;
  return (
    <span class="offset">
      <span class="num">{at}</span>
      <Copy text={String(at)} what={`the offset ${at}`} />
    </span>
  );
}

/** Of which cluster and topic it is. */
export function World({
  of: { cluster, topic_id: topicId },
}: {
  of: { cluster: string; topic_id: string | null };
}) {
  return (
    <span class="note">
      on <Name text={cluster} max={40} />
      {topicId === null ? null : (
        <>
          , topic id <Name text={topicId} max={40} />
        </>
      )}
    </span>
  );
}
