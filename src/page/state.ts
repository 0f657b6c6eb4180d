/** What every part of the page may ask: where the person stands, the time that is looked at, and answers of the API. */
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { Status } from '../service/schemas';
import type { Connection } from './live';
import { ApiError, ask } from './logic/api';
import type { Zone } from './logic/format';
import { changed, leadTo, type Place, type Screen } from './logic/place';
import { type Range, readRange } from './logic/range';

export interface AppState {
  place: Place;
  token: string | null;
  /** Grows with each news; answers are asked for again. */
  news: number;
  connection: Connection;
  /** Null: not answered yet. */
  status: Status | null;
  /** The colours changed: what draws by itself draws again. */
  theme: string;
  /** The service wants a token, or another one. */
  onUnauthorized(): void;
}

export const App = createContext<AppState | null>(null);

export function useApp(): AppState {
  const state = useContext(App);
  if (state === null) throw new Error('There is no app around this part.');
  return state;
}

export function useZone(): Zone {
  return useApp().place.query.tz === 'utc' ? 'utc' : 'local';
}

export function useRange(): Range {
  return readRange(useApp().place.query);
}

/** Changes the state of this screen in the address. `replace`: without a step in the history. */
export function useChange(): (query: Record<string, string | null>, replace?: boolean) => void {
  const { place } = useApp();
  return useCallback(
    (query, replace = false) => {
      const hash = changed(place, query);
      if (replace) window.location.replace(hash);
      else window.location.hash = hash;
    },
    [place],
  );
}

/** The address of another screen. */
export function useLead(): (screen: Screen, query?: Record<string, string | null>) => string {
  const { place } = useApp();
  return (screen, query) => leadTo(place, screen, query);
}

export interface Answer<T> {
  value: T | null;
  error: ApiError | null;
  /** When it was answered, unix ms. */
  at: number;
}

const NOTHING = { value: null, error: null, at: 0 };

/**
 * The answer at that address, asked again at each news; null asks nothing. The last answer stays while the next one is
 * under way, and when it fails.
 */
export function useAnswer<T>(address: string | null): Answer<T> {
  const { token, news, onUnauthorized } = useApp();
  const [state, setState] = useState<Answer<T> & { of: string | null }>({ ...NOTHING, of: null });
  const text = useRef<{ of: string | null; text: string }>({ of: null, text: '' });
  const asked = useRef<{ of: string; again: boolean } | null>(null);

  useEffect(() => {
    if (address === null) return;
    if (asked.current?.of === address) {
      asked.current.again = true;
      return;
    }
    const call = { of: address, again: false };
    asked.current = call;
    const isCurrent = () => asked.current === call;
    void (async () => {
      do {
        call.again = false;
        try {
          const body = await (await ask(address, token)).text();
          if (!isCurrent()) return;
          const isSame = text.current.of === address && text.current.text === body;
          text.current = { of: address, text: body };
          if (!isSame) setState({ value: JSON.parse(body) as T, error: null, at: Date.now(), of: address });
          else setState((known) => (known.error === null ? known : { ...known, error: null }));
        } catch (error) {
          if (!isCurrent()) return;
          // What was shown of another address is gone: its answer is new when it is asked for again.
          if (text.current.of !== address) text.current = { of: null, text: '' };
          const known =
            error instanceof ApiError ? error : new ApiError('unknown', 0, 'The answer cannot be read.');
          if (known.code === 'unauthorized') onUnauthorized();
          setState((old) => ({ ...(old.of === address ? old : NOTHING), error: known, of: address }));
        }
      } while (call.again);
      if (isCurrent()) asked.current = null;
    })();
  }, [address, token, news]);

  return state.of === address ? state : NOTHING;
}

/** A function of which the identity never changes. */
export function useStable<A extends unknown[]>(use: (...args: A) => void): (...args: A) => void {
  const latest = useRef(use);
  latest.current = use;
  return useCallback((...args: A) => latest.current(...args), []);
}
