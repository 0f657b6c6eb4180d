/** On top of every screen: where to go, what to search, which time, and whether what is shown is live. */
import { clock } from '../logic/format';
import type { Screen } from '../logic/place';
import { useApp, useChange, useZone } from '../state';
import type { Theme } from '../theme';
import { Lead } from './lead';
import { RangePicker } from './range-picker';
import { Search } from './search';

const SCREENS: readonly { to: Screen; title: string; covers: readonly Screen['name'][] }[] = [
  { to: { name: 'overview' }, title: 'Overview', covers: ['overview'] },
  { to: { name: 'groups' }, title: 'Groups', covers: ['groups', 'group'] },
  { to: { name: 'incidents' }, title: 'Incidents', covers: ['incidents', 'incident'] },
  { to: { name: 'redeliveries' }, title: 'Redeliveries', covers: ['redeliveries', 'record', 'findings'] },
  { to: { name: 'topics' }, title: 'Topics', covers: ['topics', 'identity'] },
  { to: { name: 'health' }, title: 'Health', covers: ['health'] },
];

export function Header({ theme, onTheme }: { theme: Theme; onTheme: (theme: Theme) => void }) {
  const { place } = useApp();
  const zone = useZone();
  const change = useChange();
  return (
    <header class="top">
      <div class="bar">
        <Lead to={{ name: 'overview' }} class="brand">
          <Logo />
          Dupescope
        </Lead>
        <nav aria-label="Screens">
          {SCREENS.map(({ to, title, covers }) => {
            const isHere = covers.includes(place.screen.name);
            return (
              <Lead key={title} to={to} {...(isHere ? { class: 'here', current: true } : {})}>
                {title}
              </Lead>
            );
          })}
        </nav>
        <Live />
      </div>
      <div class="bar tools">
        <Search />
        <RangePicker />
        <label class="choice">
          <span class="unseen">Times in</span>
          <select
            value={zone}
            onChange={(event) => change({ tz: event.currentTarget.value === 'utc' ? 'utc' : null })}
          >
            <option value="local">Local time</option>
            <option value="utc">UTC</option>
          </select>
        </label>
        <label class="choice">
          <span class="unseen">Colours</span>
          <select value={theme} onChange={(event) => onTheme(event.currentTarget.value as Theme)}>
            <option value="auto">Auto</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
      </div>
    </header>
  );
}

function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect class="logo-back" x="3" y="9" width="17" height="17" rx="3" />
      <rect class="logo-front" x="11" y="4" width="17" height="17" rx="3" />
    </svg>
  );
}

const WORDS = {
  connecting: 'connecting…',
  live: 'live',
  lost: 'not connected, trying again',
  full: 'not live: every stream of the service is taken, asked again every 10 s',
} as const;

function Live() {
  const { connection, status, answered } = useApp();
  const zone = useZone();
  const isStarting = connection === 'live' && status !== null && status.problems.length > 0;
  return (
    <p class={`live live-${isStarting ? 'starting' : connection}`} role="status">
      <span class="dot" aria-hidden="true" />
      {isStarting ? <Lead to={{ name: 'health' }}>live, not ready</Lead> : WORDS[connection]}
      {connection === 'lost' && answered.at > 0 ? ` (last answer ${clock(answered.at, zone)})` : null}
    </p>
  );
}
