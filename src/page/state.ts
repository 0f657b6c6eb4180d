/** What every part of the page may ask: where the person stands, the time that is looked at, and answers of the API. */
import { createContext } from 'preact';
import { useCallback, useContext, useEffect, useRef, useState } from 'preact/hooks';
import type { Status } from '../service/schemas';
import { noteServiceTime } from './clock';
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
  /** When the service answered last, unix ms; 0: never. It does not draw anything anew. */
  answered: { at: number };
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
  /** When the service said so last, unix ms: kept up to date where the next answer failed, else not older than that. */
  at: number;
}

const NOTHING = { value: null, error: null, at: 0 };
/** A question that hangs would keep all later ones of its address back. */
const ANSWER_MS = 30_000;

/**
 * The answer at that address, asked again at each news; null asks nothing. The last answer stays while the next one is
 * under way, and when it fails; one that does not come within ANSWER_MS has failed.
 */
export function useAnswer<T>(address: string | null): Answer<T> {
  const { token, news, answered, onUnauthorized } = useApp();
  const [state, setState] = useState<Answer<T> & { of: string | null }>({ ...NOTHING, of: null });
  const text = useRef<{ of: string | null; text: string; at: number }>({ of: null, text: '', at: 0 });
  const asked = useRef<{ of: string; again: boolean; ended: AbortController } | null>(null);

  useEffect(() => {
    if (asked.current !== null && asked.current.of !== address) asked.current.ended.abort();
    if (address === null) {
      asked.current = null;
      return;
    }
    if (asked.current?.of === address) {
      asked.current.again = true;
      return;
    }
    const call = { of: address, again: false, ended: new AbortController() };
    asked.current = call;
    const isCurrent = () => asked.current === call;
    void (async () => {
      do {
        call.again = false;
        const late = AbortSignal.timeout(ANSWER_MS);
        try {
          const response = await ask(address, token, AbortSignal.any([call.ended.signal, late]));
          const body = await response.text();
          if (!isCurrent()) return;
          noteServiceTime(response.headers.get('date'));
          answered.at = Date.now();
          const isSame = text.current.of === address && text.current.text === body;
          const value = isSame ? null : (JSON.parse(body) as T);
          text.current = { of: address, text: body, at: answered.at };
          if (value !== null) setState({ value, error: null, at: answered.at, of: address });
          else setState((known) => (known.error === null ? known : { ...known, error: null }));
        } catch (error) {
          if (!isCurrent()) return;
          // What was shown of another address is gone: its answer is new when it is asked for again.
          if (text.current.of !== address) text.current = { of: null, text: '', at: 0 };
          const known = errorOf(error, late.aborted);
          if (known.code === 'unauthorized') onUnauthorized();
          const { at } = text.current;
          setState((old) => ({ ...(old.of === address ? old : NOTHING), error: known, at, of: address }));
        }
      } while (call.again);
      if (isCurrent()) asked.current = null;
    })();
  }, [address, token, news]);
  // Nobody looks at it any more: its connection is free for others.
  useEffect(
    () => () => {
      asked.current?.ended.abort();
      asked.current = null;
    },
    [],
  );

  return state.of === address ? state : NOTHING;
}

function errorOf(error: unknown, isLate: boolean): ApiError {
  if (error instanceof ApiError) return error;
  if (isLate) {
    return new ApiError(
      'late',
      0,
      `The service did not answer within ${ANSWER_MS / 1000} s. This page tries again by itself.`,
    );
  }
  return new ApiError('unknown', 0, 'The answer cannot be read.');
}

/** A function of which the identity never changes. */
export function useStable<A extends unknown[]>(use: (...args: A) => void): (...args: A) => void {
  const latest = useRef(use);
  latest.current = use;
  return useCallback((...args: A) => latest.current(...args), []);
}
