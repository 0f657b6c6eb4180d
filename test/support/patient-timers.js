/**
 * kafkajs 2.2.4 looks at each connection's queue of requests by timers that lie in the past (its issues 1556 and 1704):
 * every millisecond, with nothing to do, 2% of a core for each client. Where dozens of clients share a machine that is
 * most of its work. Here such a timer waits for a moment; what is due, or waits in the queue, has its own timer.
 */
const LATER_MS = 20;
const original = globalThis.setTimeout;

globalThis.setTimeout = Object.defineProperties(
  (work, ms, ...rest) => original(work, ms < 0 ? LATER_MS : ms, ...rest),
  Object.getOwnPropertyDescriptors(original),
);
