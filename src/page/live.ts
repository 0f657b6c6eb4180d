/**
 * The connection to /v1/events. Its states:
 *
 *     connecting -> live (the service said `ready`) -> lost (ended, silent, or refused) -> connecting, after a pause
 *                \-> full (the service has no stream left) -> connecting, after a pause
 *
 * What an event says is not shown: it tells that the answers on the screen are old. So a screen is right whatever was
 * missed, and there is one way in which facts reach it. On coming back nothing that was missed is asked for either:
 * `ready` has every answer asked again.
 */
import { addressOf, errorOf, headersOf } from './logic/api';
import { EventStreamReader } from './logic/event-stream';

export type Connection = 'connecting' | 'live' | 'lost' | 'full';

/** The service says every 15 s that it lives. */
const SILENT_MS = 40_000;
const PAUSES_MS = [500, 1_000, 2_000, 5_000];
/** A stream is free when somebody else closes a page: no reason to hurry. */
const FULL_PAUSE_MS = 10_000;

export interface LiveOptions {
  token: string | null;
  onState(state: Connection): void;
  /** Something is new; also after the connection came back. */
  onNews(): void;
}

/** Follows until `ended`. */
export async function follow({ token, onState, onNews }: LiveOptions, ended: AbortSignal): Promise<void> {
  let failures = 0;
  while (!ended.aborted) {
    if (failures === 0) onState('connecting');
    const how = await once().catch(() => 'failed' as const);
    if (ended.aborted) return;
    failures = how === 'was live' ? 1 : failures + 1;
    onState(how === 'full' ? 'full' : 'lost');
    const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1] ?? 1_000;
    await passed(how === 'full' ? FULL_PAUSE_MS : pause, ended);
  }

  async function once(): Promise<'was live' | 'failed' | 'full'> {
    const silent = new AbortController();
    let timer = setTimeout(() => silent.abort(), SILENT_MS);
    let isLive = false;
    try {
      const response = await fetch(addressOf('/v1/events'), {
        headers: headersOf(token),
        signal: AbortSignal.any([ended, silent.signal]),
      });
      if (!response.ok || response.body === null) {
        const { code } = await errorOf(response);
        return code === 'too-many-streams' ? 'full' : 'failed';
      }
      const reader = new EventStreamReader();
      const body = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await body.read();
        if (done) break;
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
      // Ended, silent, or cut: which one does not matter.
    } finally {
      clearTimeout(timer);
    }
    return isLive ? 'was live' : 'failed';
  }
}

function passed(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    ended.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
