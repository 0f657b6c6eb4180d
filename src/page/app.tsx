/** The frame around every screen, and what keeps it live. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Status } from '../service/schemas';
import type { Connection } from './live';
import { Pace } from './logic/pace';
import { type Place, readPlace, type Screen } from './logic/place';
import { Boundary } from './parts/boundary';
import { Header } from './parts/header';
import { TokenForm } from './parts/token-form';
import { Upgraded } from './parts/upgraded';
import { FindingsScreen } from './screens/findings';
import { GroupScreen } from './screens/group';
import { GroupsScreen } from './screens/groups';
import { HealthScreen } from './screens/health';
import { IdentityScreen } from './screens/identity';
import { IncidentScreen } from './screens/incident';
import { IncidentsScreen } from './screens/incidents';
import { OverviewScreen } from './screens/overview';
import { RecordScreen } from './screens/record';
import { RedeliveriesScreen } from './screens/redeliveries';
import { TopicsScreen } from './screens/topics';
import { UnknownScreen } from './screens/unknown';
import { followShared } from './shared-live';
import { App, type AppState, useAnswer, useStable } from './state';
import { readTheme, type Theme, writeTheme } from './theme';

/** Answers are asked for again at most so often, however much happens. */
const NEWS_MS = 500;
/** A page has just asked for all of it: the stream's `ready`, moments later, has nothing asked twice while it is drawn. */
const QUIET_MS = 1_000;
/** What no event tells of, as lag and duplicates, is asked for again so often. */
const REFRESH_MS = 10_000;
const TOKEN_KEY = 'dupescope-token';

export function AppShell() {
  const place = usePlace();
  const [token, setToken] = useState(() => sessionStorage.getItem(TOKEN_KEY));
  const [wanted, setWanted] = useState(false);
  const [news, setNews] = useState(0);
  const [connection, setConnection] = useState<Connection>('connecting');
  const [theme, setTheme] = useState<Theme>(readTheme);
  const system = useSystemTheme();
  const [answered] = useState({ at: 0 });
  const onUnauthorized = useStable(() => setWanted(true));

  useEffect(() => writeTheme(theme), [theme]);
  useEffect(() => {
    if (wanted) return;
    const pace = new Pace(NEWS_MS, () => setNews((number) => number + 1), undefined, QUIET_MS);
    const onNews = () => {
      if (!document.hidden) pace.call();
    };
    const end = followShared({ token, onState: setConnection, onNews });
    const timer = setInterval(onNews, REFRESH_MS);
    return () => {
      end();
      pace.stop();
      clearInterval(timer);
    };
  }, [token, wanted]);

  const give = (text: string) => {
    sessionStorage.setItem(TOKEN_KEY, text);
    setToken(text);
    setWanted(false);
  };
  const colours = theme === 'auto' ? system : theme;
  const state = useMemo(
    (): AppState => ({
      place,
      token,
      news,
      connection,
      status: null,
      answered,
      theme: colours,
      onUnauthorized,
    }),
    [place, token, news, connection, answered, colours, onUnauthorized],
  );
  if (wanted) return <TokenForm isWrong={token !== null} onToken={give} />;
  return (
    <App.Provider value={state}>
      <Boundary what="This page" of="">
        <Frame state={state} theme={theme} onTheme={setTheme} />
      </Boundary>
    </App.Provider>
  );
}

function Frame({
  state,
  theme,
  onTheme,
}: {
  state: AppState;
  theme: Theme;
  onTheme: (theme: Theme) => void;
}) {
  const { value: status } = useAnswer<Status>('/v1/status');
  const told = useMemo(() => ({ ...state, status }), [state, status]);
  const { screen } = state.place;
  useEffect(() => {
    document.title = `${titleOf(screen)} · Dupescope`;
  }, [screen]);
  return (
    <App.Provider value={told}>
      <button type="button" class="skip" onClick={toMain}>
        To the content
      </button>
      <Header theme={theme} onTheme={onTheme} />
      <main id="main" tabIndex={-1}>
        <Upgraded now={status?.version ?? null} />
        <Boundary what="This screen" of={JSON.stringify(state.place)}>
          <CurrentScreen screen={screen} />
        </Boundary>
      </main>
    </App.Provider>
  );
}

/** No link: the address holds the place. */
function toMain(): void {
  document.getElementById('main')?.focus();
}

function CurrentScreen({ screen }: { screen: Screen }) {
  switch (screen.name) {
    case 'overview':
      return <OverviewScreen />;
    case 'groups':
      return <GroupsScreen />;
    case 'group':
      return <GroupScreen key={screen.group} group={screen.group} />;
    case 'incidents':
      return <IncidentsScreen />;
    case 'incident':
      return <IncidentScreen key={screen.id} id={screen.id} />;
    case 'redeliveries':
      return <RedeliveriesScreen />;
    case 'findings':
      return <FindingsScreen key={screen.list} list={screen.list} />;
    case 'record':
      return <RecordScreen {...screen} />;
    case 'identity':
      return <IdentityScreen id={screen.id} />;
    case 'topics':
      return <TopicsScreen />;
    case 'health':
      return <HealthScreen />;
    case 'unknown':
      return <UnknownScreen path={screen.path} />;
  }
}

function titleOf(screen: Screen): string {
  switch (screen.name) {
    case 'incident':
      return `Incident ${screen.id}`;
    case 'group':
      return `Group ${screen.group.slice(0, 60)}`;
    case 'record':
      return `Record ${screen.topic.slice(0, 60)}/${screen.partition}/${screen.offset}`;
    case 'findings':
      return screen.list.charAt(0).toUpperCase() + screen.list.slice(1).replace('-', ' ');
    case 'identity':
      return 'Message';
    default:
      return screen.name.charAt(0).toUpperCase() + screen.name.slice(1);
  }
}

function usePlace(): Place {
  const [place, setPlace] = useState(() => readPlace(window.location.hash));
  useEffect(() => {
    const read = () => {
      setPlace((before) => {
        const next = readPlace(window.location.hash);
        if (JSON.stringify(next.screen) !== JSON.stringify(before.screen)) window.scrollTo(0, 0);
        return next;
      });
    };
    window.addEventListener('hashchange', read);
    return () => window.removeEventListener('hashchange', read);
  }, []);
  return place;
}

function useSystemTheme(): 'light' | 'dark' {
  const [isDark, setDark] = useState(() => window.matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = window.matchMedia('(prefers-color-scheme: dark)');
    const read = () => setDark(query.matches);
    query.addEventListener('change', read);
    return () => query.removeEventListener('change', read);
  }, []);
  return isDark ? 'dark' : 'light';
}
