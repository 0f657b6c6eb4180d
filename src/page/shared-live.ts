/**
 * One event stream for all pages of this service in one browser. Over HTTP/1.1 a browser holds six connections to a
 * host: with a stream a page, the sixth page would have all of them, and no page an answer any more.
 *
 *     hidden -> waiting (asked for the lock) -> leading (has it, follows, tells the others) -> hidden
 *
 * A page that is hidden neither leads nor waits; the lock of one that is closed or crashes goes to the next by itself.
 * Where the browser gives no locks (plain HTTP beyond loopback), each page that is in sight has a stream of its own.
 */
import { type Connection, follow, type LiveOptions } from './live';

const NAME = 'dupescope-events';

type Told = { kind: 'state'; state: Connection } | { kind: 'news' } | { kind: 'asked' };

/** Follows while the page is in sight, until the returned function is called. */
export function followShared(options: LiveOptions): () => void {
  let seen: AbortController | null = null;
  let wasHidden = false;
  const turn = () => {
    if (document.hidden) {
      seen?.abort();
      seen = null;
      wasHidden = true;
    } else if (seen === null) {
      seen = new AbortController();
      whileSeen(options, seen.signal);
      // What happened meanwhile was not told.
      if (wasHidden) options.onNews();
    }
  };
  document.addEventListener('visibilitychange', turn);
  turn();
  return () => {
    document.removeEventListener('visibilitychange', turn);
    seen?.abort();
  };
}

function whileSeen(options: LiveOptions, ended: AbortSignal): void {
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) {
    void follow(options, ended);
    return;
  }
  const channel = new BroadcastChannel(NAME);
  ended.addEventListener('abort', () => channel.close());
  const tell = (told: Told) => {
    if (!ended.aborted) channel.postMessage(told);
  };
  let led: Connection | null = null;
  channel.onmessage = ({ data }: MessageEvent<Told>) => {
    if (data.kind === 'asked') {
      if (led !== null) tell({ kind: 'state', state: led });
    } else if (led !== null) return;
    else if (data.kind === 'state') options.onState(data.state);
    else options.onNews();
  };
  options.onState('connecting');
  tell({ kind: 'asked' });
  const lead = async () => {
    led = 'connecting';
    await follow(
      {
        token: options.token,
        onState: (state) => {
          led = state;
          options.onState(state);
          tell({ kind: 'state', state });
        },
        onNews: () => {
          options.onNews();
          tell({ kind: 'news' });
        },
      },
      ended,
    );
  };
  // Rejects when it is not wanted any more; and where a person's browser lets nothing be shared: then on its own.
  locks.request(NAME, { signal: ended }, lead).catch(() => {
    if (!ended.aborted) void follow(options, ended);
  });
}
