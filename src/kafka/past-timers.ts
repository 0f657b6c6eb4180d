/**
 * kafkajs 2.2.4 looks at each connection's queue of requests by timers that lie in the past (its issues 1556 and 1704).
 * Node runs such a timer after a millisecond, and it sets the next: a thousand times a second with nothing to do, 2% of a
 * core for a client that waits. What is due, or waits in that queue, has timers of its own.
 */
const LATER_MS = 20;

type SetTimeout = typeof setTimeout;

let known: SetTimeout | null = null;

/**
 * From now on timers of this process that lie in the past wait for 20 ms. For processes of our own alone: an
 * application's timers are its own. Doing it again changes nothing.
 */
export function slowPastTimers(): void {
  if (globalThis.setTimeout === known) return;
  const original = globalThis.setTimeout;
  const later = (work: (...args: unknown[]) => void, ms?: number, ...rest: unknown[]) =>
    original(work, ms !== undefined && ms < 0 ? LATER_MS : ms, ...rest);
  // What else hangs on it, as the form that `promisify` gives.
  known = Object.defineProperties(later, Object.getOwnPropertyDescriptors(original)) as unknown as SetTimeout;
  globalThis.setTimeout = known;
}
