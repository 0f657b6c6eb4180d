/** What panels of several rows share: the levels of the ratio of caught copies, and the ratio itself. */
import type { Steps } from '../panels';

export const CAUGHT: Steps = [
  [null, 'red'],
  [0.9, 'yellow'],
  [1, 'green'],
];

export const ratio = (part: string, whole: string) => `${part} / ${whole}`;

/** Hits of all copies whose end is known (perhaps and failed are in neither); the sums of each are given. */
export function caught(sum: (name: string) => string): string {
  const hits = sum('idempotency_hits_total');
  return ratio(hits, `(${hits} + ${sum('applied_again_total')})`);
}
