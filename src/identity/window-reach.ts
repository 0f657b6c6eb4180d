/** How far back the identities of a topic are remembered, beside how far they should be. */
import { spanText } from './delay';

export type EndedBy = 'age' | 'records' | 'memory';

export interface WindowReach {
  /** Copies this far apart are found now, in ms. No more than is configured: older ones are not looked for. */
  reachMs: number;
  configuredMs: number;
  endedBy: EndedBy | null;
  /** Identities were given up that are younger than configured. */
  shorter: boolean;
}

/** Null where no record with an identity was read. Times unix ms. */
export function reachOf(window: {
  oldestAt: number | null;
  horizonAt: number | null;
  ageMs: number | null;
  endedBy: EndedBy | null;
}): WindowReach | null {
  const { oldestAt, horizonAt, ageMs, endedBy } = window;
  if (oldestAt === null || horizonAt === null || ageMs === null) return null;
  const reachMs = Math.min(ageMs, Math.max(0, horizonAt - oldestAt));
  const shorter = (endedBy === 'records' || endedBy === 'memory') && reachMs < ageMs;
  return { reachMs, configuredMs: ageMs, endedBy, shorter };
}

/** What is missed by it, and what to change. */
export function shortWindowWords(topic: string, { reachMs, configuredMs, endedBy }: WindowReach): string {
  const raise =
    endedBy === 'memory'
      ? 'all topics together have more identities than identitiesMax: raise it, or observe fewer topics'
      : 'the topic has more identities than its window holds: raise windowRecords (and identitiesMax)';
  return `${topic}: copies are found ${spanText(reachMs)} back, not the configured ${spanText(configuredMs)}: ${raise}`;
}
