/** Waiting on conditions: with a limit, and ended at once by the demo's own end. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../errors';

export interface Patience {
  /** Its reason is what the waiting ends with. */
  signal: AbortSignal;
  limitMs?: number;
  everyMs?: number;
}

const LIMIT_MS = 60_000;
const EVERY_MS = 50;

/** @throws the signal's reason, or DupescopeError 'internal' that says what was waited for in vain */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { signal, limitMs = LIMIT_MS, everyMs = EVERY_MS }: Patience,
): Promise<void> {
  const since = performance.now();
  for (;;) {
    signal.throwIfAborted();
    if (await condition()) return;
    if (performance.now() - since > limitMs) {
      fail('internal', `The demo waited ${Math.round(limitMs / 1000)} s in vain until ${what}.`);
    }
    await pause(everyMs, signal);
  }
}

/** Sleeps; the signal's reason is thrown as it is. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

/** What the promise answers, or at once the signal's reason. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** The person pressed Ctrl-C. */
export class Interrupted extends Error {
  constructor() {
    super('interrupted');
    this.name = 'Interrupted';
  }
}
