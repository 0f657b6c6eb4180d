/** Why a finding came about: what was seen, what to change, and the incident that it stands in. */
import { visible } from '../logic/visible';
import { useApp } from '../state';
import { Cause } from './cause';
import { Lines } from './facts';
import { Lead } from './lead';

export interface Why {
  cause: string;
  certainty?: string;
  because: readonly string[];
  advice: string | null;
  incident: number | null;
}

/** Nothing where there is none, or where it is what is shown. */
export function IncidentLead({ id }: { id: number | null }) {
  const { screen } = useApp().place;
  if (id === null || (screen.name === 'incident' && screen.id === id)) return null;
  return (
    <Lead to={{ name: 'incident', id }} aria-label={`incident #${id}`}>
      #{id}
    </Lead>
  );
}

/** The cause by its shape, words and certainty; leads to the incident. */
export function CauseLead({ cause, certainty, incident }: Omit<Why, 'because' | 'advice'>) {
  return (
    <>
      <Cause cause={cause} {...(certainty === undefined ? {} : { certainty })} />{' '}
      <IncidentLead id={incident} />
    </>
  );
}

export function Because({ because, advice }: Pick<Why, 'because' | 'advice'>) {
  return (
    <>
      {because.length === 0 ? (
        <p class="note">Nothing was seen that tells why.</p>
      ) : (
        <Lines lines={because} />
      )}
      {advice === null ? null : <p class="advice">{visible(advice, 2_000)}</p>}
    </>
  );
}

export function WhyPart({ why }: { why: Why }) {
  return (
    <div class="why">
      <p>
        <CauseLead {...why} />
      </p>
      <Because {...why} />
    </div>
  );
}
