/**
 * The connection to /v1/events. Its states:
 *
 *     connecting -> live (the service said `ready`) -> lost (ended, silent, or refused) -> connecting, after a pause
 *
 * What an event says is not shown: it tells that the answers on the screen are old. So a screen is right whatever was
 * missed, and there is one way in which facts reach it.
 */
import { addressOf, headersOf } from './logic/api';
import { EventStreamReader } from './logic/event-stream';

export type Connection = 'connecting' | 'live' | 'lost';

/** The service says every 15 s that it lives. */
const SILENT_MS = 40_000;
const PAUSES_MS = [500, 1_000, 2_000, 5_000];

export interface LiveOptions {
  token: string | null;
  onState(state: Connection): void;
  /** Something is new; also after the connection came back. */
  onNews(): void;
}

/** Follows until the returned function is called. */
export function follow({ token, onState, onNews }: LiveOptions): () => void {
  const ended = new AbortController();
  void run();
  return () => ended.abort();

  async function run(): Promise<void> {
    const reader = new EventStreamReader();
    let failures = 0;
    while (!ended.signal.aborted) {
      if (failures === 0) onState('connecting');
      const wasLive = await once(reader).catch(() => false);
      if (ended.signal.aborted) return;
      failures = wasLive ? 1 : failures + 1;
      onState('lost');
      const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1] ?? 1_000;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  /** Whether it was live at all. */
  async function once(reader: EventStreamReader): Promise<boolean> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENT_MS);
    let isLive = false;
    try {
      const response = await fetch(addressOf('/v1/events', { after: reader.lastId }), {
        headers: headersOf(token),
        signal: AbortSignal.any([ended.signal, silent.signal]),
      });
      if (!response.ok || response.body === null) return false;
      const body = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await body.read();
        if (done) return isLive;
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENT_MS);
        for (const { event } of reader.read(value)) {
          if (event === 'ready' && !isLive) {
            isLive = true;
            onState('live');
          }
          onNews();
        }
      }
    } catch {
      return isLive;
    } finally {
      clearTimeout(timer);
    }
  }
}
