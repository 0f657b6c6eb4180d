/** The time around something that may still grow. */

/** Lengths in shares of a power of two: each is 1.33 or 1.5 times the one before. */
const SIZES = [1, 1.5] as const;
/** Of the length, on the side where it does not grow. */
const BEFORE = 0.2;

/**
 * RFC 3339, both ends. The length is a round one, so that the range moves when the thing has grown by a third and not
 * with every second: a question that changes with each answer has none to show. From `leastMs` outside of it on both
 * sides; the end may lie ahead of now.
 */
export function rangeAround(from: number, to: number, leastMs: number): { since: string; until: string } {
  const wanted = Math.max(to - from + 2 * leastMs, (to - from) / (1 - 2 * BEFORE));
  let length = 2 * leastMs;
  for (let i = 1; length < wanted; i++) {
    length = 2 * leastMs * 2 ** Math.floor(i / 2) * (SIZES[i % 2] ?? 1);
  }
  const since = from - Math.max(leastMs, length * BEFORE);
  return { since: new Date(since).toISOString(), until: new Date(since + length).toISOString() };
}
