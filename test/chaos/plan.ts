/**
 * The plan of a lane: its faults in rounds, each once a round in an order of the seed's, and a seed of its own for each
 * episode's details. It does not depend on what happens, so the same seed gives the same plan.
 */
import { Random } from '../../src/demo/random';
import type { Fault } from './faults';
import type { LaneSpec } from './lane';

export interface Episode {
  fault: Fault;
  seed: number;
}

export function* planOf(seed: number, spec: LaneSpec): Generator<Episode> {
  const random = laneRandom(seed, spec.name);
  for (;;) {
    for (const fault of random.shuffled(spec.faults)) yield { fault, seed: random.between(1, 2 ** 31) };
  }
}

/** A source of its own for each lane, so that one more lane changes no other's plan. */
export function laneRandom(seed: number, name: string): Random {
  let mixed = seed >>> 0;
  for (const character of name) mixed = (Math.imul(mixed, 31) + character.charCodeAt(0)) >>> 0;
  return new Random(mixed);
}

/** So many episodes of each lane as text. */
export function planText(
  seed: number,
  lanes: readonly LaneSpec[],
  episodes: (spec: LaneSpec) => number,
): string[] {
  return lanes.map((spec) => {
    const names: string[] = [];
    for (const { fault } of planOf(seed, spec)) {
      if (names.length === episodes(spec)) break;
      names.push(fault.name);
    }
    return `${spec.name}: ${names.join(' | ')}`;
  });
}
