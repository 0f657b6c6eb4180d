/** The overview's sentence: what it asks besides what the screen shows, and its words with their links. */
import { useMemo } from 'preact/hooks';
import type { Group, Incident, Summary, Totals } from '../../service/schemas';
import { addressOf, type Page } from '../logic/api';
import { type Range, rangeQuery } from '../logic/range';
import {
  lossesOf,
  overviewSentence,
  type Part,
  type Told as Sentence,
  unknownSentence,
} from '../logic/sentence';
import { visible } from '../logic/visible';
import { type Answer, useAnswer } from '../state';
import { Lead } from './lead';
import { Trouble } from './told';

/** Of each kind: enough to say how many, where they are not very many. */
const LOSSES_ASKED = 50;
const CAUSES_ASKED = 200;

export interface Asked {
  range: Range;
  summary: Answer<Summary>;
  groups: Answer<Page<Group>>;
  totals: Answer<Totals>;
  incidents: Answer<Page<Incident>>;
}

export function Headline({ range, summary, groups, totals, incidents }: Asked) {
  const query = rangeQuery(range);
  const ofKind = (kind: string) => addressOf('/v1/incidents', { ...query, kind, limit: LOSSES_ASKED });
  const premature = useAnswer<Page<Incident>>(ofKind('premature_commit'));
  const skips = useAnswer<Page<Incident>>(ofKind('skip'));
  const worst = totals.value?.worst[0];
  const causes = useAnswer<Page<Incident>>(
    worst === undefined || worst.redeliveries === 0
      ? null
      : addressOf('/v1/incidents', {
          ...query,
          group: worst.group,
          cluster: worst.cluster,
          kind: 'redelivery',
          limit: CAUSES_ASKED,
        }),
  );
  // Without one of these nothing can be said; a group's verdict and causes make it fuller.
  const needed: readonly Answer<unknown>[] = [summary, totals, incidents, premature, skips];
  const failed = needed.find(({ error }) => error !== null);
  const reason = failed?.error?.message ?? null;

  const sentence = useMemo((): Sentence | null => {
    const parts = [summary.value, totals.value, incidents.value, premature.value, skips.value] as const;
    const [all, sums, found, early, skipped] = parts;
    if (all === null || sums === null || found === null || early === null || skipped === null) {
      return reason === null ? null : unknownSentence(reason);
    }
    return overviewSentence({
      summary: all,
      groups: groups.value?.items ?? [],
      totals: sums,
      incidents: found.items,
      causes: (causes.value ?? found).items,
      losses: lossesOf([early, skipped]),
      range,
    });
  }, [
    summary.value,
    groups.value,
    totals.value,
    incidents.value,
    premature.value,
    skips.value,
    causes.value,
    reason,
    range,
  ]);

  if (sentence === null) return <p class="sentence wait">Asking…</p>;
  return (
    <>
      {failed === undefined || failed.value === null ? null : <Trouble answer={failed} />}
      <p class={`sentence sentence-${sentence.tone}`} aria-live="polite">
        {sentence.parts.map((part, i) => (
          <PartOfIt key={`${i} ${part.text}`} part={part} />
        ))}
      </p>
    </>
  );
}

function PartOfIt({ part }: { part: Part }) {
  const text = visible(part.text, 300);
  if (part.incident !== undefined) return <Lead to={{ name: 'incident', id: part.incident }}>{text}</Lead>;
  if (part.group === undefined) return <>{text}</>;
  return (
    <Lead to={{ name: 'group', group: part.group }} query={{ cluster: part.cluster ?? null }}>
      <bdi>{text}</bdi>
    </Lead>
  );
}
