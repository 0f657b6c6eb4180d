/** Links over a chart, where its incidents begin: what is drawn on a canvas leads nowhere and says nothing. */
import { counted } from '../logic/format';
import type { Spot } from '../logic/series';
import { visible } from '../logic/visible';
import { Lead } from './lead';

/** As wide as a finger needs it. */
export const SPOT_PX = 24;
const WORDS_SHOWN = 5;

export function IncidentSpots({ spots }: { spots: readonly Spot[] }) {
  if (spots.length === 0) return null;
  return (
    <ul class="spots" aria-label="Incidents in the chart">
      {spots.map(({ left, marks }) => (
        <li key={marks[0]?.id} style={{ left: `${left - SPOT_PX / 2}px` }}>
          <SpotLead marks={marks} />
        </li>
      ))}
    </ul>
  );
}

function SpotLead({ marks }: { marks: Spot['marks'] }) {
  const [first] = marks;
  if (first === undefined) return null;
  const words = marks.slice(0, WORDS_SHOWN).map((mark) => `#${mark.id} ${visible(mark.words, 200)}`);
  if (marks.length === 1) {
    return (
      <Lead to={{ name: 'incident', id: first.id }} title={words[0] ?? ''}>
        <span class="unseen">{words[0]}</span>
      </Lead>
    );
  }
  // The list has incidents by their last finding.
  const ends = marks.map(({ to }) => to * 1000);
  const since = new Date(Math.floor(Math.min(...ends) / 1000) * 1000).toISOString();
  const until = new Date(Math.floor(Math.max(...ends) / 1000) * 1000 + 1000).toISOString();
  const all = `${counted(marks.length, 'incident')}:\n${words.join('\n')}`;
  return (
    <Lead to={{ name: 'incidents' }} query={{ since, until }} title={all}>
      <span class="unseen">{all}</span>
    </Lead>
  );
}
