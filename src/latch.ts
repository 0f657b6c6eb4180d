/**
 * Keeps a thread from being ended in the middle of work that Node cannot leave half done.
 *
 * Node ends worker threads wherever they are when the process exits. A zlib stream that is made and not yet opened
 * at that moment aborts the whole process ("close before init", node_zlib.cc; seen on Node 20.20 in an observed
 * application that exited while its reporter compressed). So the thread does such work through `whole`, and whoever
 * ends it shuts the latch before: it waits for work that goes on, and none begins afterwards.
 *
 *     open --whole--> working --its end--> open
 *     open, working --shut--> shut           (waits for the end, with a limit)
 */
import { workerData } from 'node:worker_threads';

const WORKING = 1;
const SHUT = 2;

export type Latch = Int32Array<SharedArrayBuffer>;

export function makeLatch(): Latch {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** In the thread: work that is never cut in two, or null once the latch is shut. Without a latch (main thread): the work. */
export function whole<T>(work: () => T, latch: Latch | undefined = workerData?.latch): T | null {
  if (latch === undefined) return work();
  try {
    return (Atomics.or(latch, 0, WORKING) & SHUT) === 0 ? work() : null;
  } finally {
    Atomics.and(latch, 0, ~WORKING);
    Atomics.notify(latch, 0);
  }
}

/** Outside: no work begins from now on, and what goes on has ended, or `limitMs` are over. */
export function shut(latch: Latch, limitMs: number): void {
  const until = performance.now() + limitMs;
  Atomics.or(latch, 0, SHUT);
  for (;;) {
    const state = Atomics.load(latch, 0);
    const left = until - performance.now();
    if ((state & WORKING) === 0 || left <= 0) return;
    Atomics.wait(latch, 0, state, left);
  }
}
