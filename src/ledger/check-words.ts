/** How a group's own check does, in words. */

import { countText } from './counts';

export interface CheckFacts {
  /** Copies that the check recognised, and those that were applied again. */
  hits: number;
  appliedAgain: number;
  /** Copies that were in flight when their process died. */
  perhapsAgain: number;
  /** How long it remembers; null: it does not say. */
  windowMs: number | null;
  /** Redelivered records, how many of them came within the window, and the longest time between two copies. */
  copies: number;
  within: number;
  longestMs: number;
}

export function checkWords(facts: CheckFacts): string {
  const { perhapsAgain } = facts;
  const doubt =
    perhapsAgain === 0
      ? ''
      : ` ${countText(perhapsAgain)} more were in flight when their process died: they may have been applied twice, unless the effect and its mark are one transaction.`;
  return `${sureWords(facts)}${doubt}`;
}

function sureWords({ hits, appliedAgain, windowMs, copies, within, longestMs }: CheckFacts): string {
  if (hits === 0 && appliedAgain === 0) return 'No copy was handled: there was nothing to catch.';
  if (hits === 0) {
    return `No hits: ${countText(appliedAgain)} copies were applied again. Wrap the handler in idempotent(), or tell the hits of your own check by recordHit().`;
  }
  const caught =
    appliedAgain === 0
      ? `The check caught all of ${countText(hits)} copies.`
      : `The check caught ${countText(hits)} of ${countText(hits + appliedAgain)} copies (${percent(hits, hits + appliedAgain)}); ${countText(appliedAgain)} were applied again.`;
  if (windowMs === null || copies === 0) return caught;
  const reach =
    within === copies
      ? `Its window of ${duration(windowMs)} is long enough for all that came (the longest: ${duration(longestMs)}).`
      : `Its window of ${duration(windowMs)} reaches ${percent(within, copies)} of them; ${duration(longestMs)} would have reached all.`;
  return `${caught} ${reach}`;
}

function percent(part: number, whole: number): string {
  const share = (part / whole) * 100;
  // 99.97% is not all of them.
  return `${share === 100 ? 100 : Math.min(99.9, Math.round(share * 10) / 10)}%`;
}

/** Rounded up, so that a window of that length holds. */
function duration(ms: number): string {
  const steps: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['min', 60_000],
    ['s', 1_000],
  ];
  for (const [unit, size] of steps) if (ms >= size) return `${Math.ceil((ms / size) * 10) / 10} ${unit}`;
  return `${Math.max(1, Math.ceil(ms))} ms`;
}
