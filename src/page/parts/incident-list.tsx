/** Incidents as sentences, the latest first. */
import type { Incident } from '../../service/schemas';
import { counted, duration } from '../logic/format';
import { visible } from '../logic/visible';
import { Cause, Kind } from './cause';
import { isOfSeveral } from './finding-rows';
import { Lead } from './lead';
import { Name, Time } from './text';

const STATES = { growing: 'growing', open: 'open', closed: 'closed' } as const;

export function IncidentState({ state }: { state: Incident['state'] }) {
  return <span class={`tag state-${state}`}>{STATES[state]}</span>;
}

export function IncidentList({ incidents }: { incidents: readonly Incident[] }) {
  if (incidents.length === 0) return null;
  const isMixed = isOfSeveral(incidents);
  return (
    <ol class="incidents">
      {incidents.map((incident) => (
        <li key={incident.id} class={`state-${incident.state}`}>
          <p class="head">
            <IncidentState state={incident.state} />
            <Kind kind={incident.kind} />
            <Time at={incident.last_at} />
            <span class="note">#{incident.id}</span>
            {isMixed ? (
              <span class="note">
                on <Name text={incident.cluster} max={40} />
              </span>
            ) : null}
          </p>
          <p class="words">
            <Lead to={{ name: 'incident', id: incident.id }}>
              <bdi>{visible(incident.words, 400)}</bdi>
            </Lead>
          </p>
          <p class="foot">
            <Cause cause={incident.cause} certainty={incident.certainty} />
            <span class="note">
              {counted(incident.findings, 'finding')}, over{' '}
              {duration((Date.parse(incident.last_at) - Date.parse(incident.opened_at)) / 1000)}
            </span>
          </p>
        </li>
      ))}
    </ol>
  );
}
