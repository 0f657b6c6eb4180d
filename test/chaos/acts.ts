/**
 * What was done, as those who did it wrote it down: the applications (each into its own file, before they do it) and
 * the harness. Together with the ground truth it decides why each redelivery took place; nothing of it comes from
 * Dupescope.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cause } from '../../src/ledger';
import { monotonic } from './child';

interface Base {
  /** Monotonic ms. */
  at: number;
}

/** `offset` is the record in hand; of `sought` it is the target, and `over` what was fetched and is jumped over. */
interface WorkersAct extends Base {
  worker: string;
  /** Joins of that process so far. */
  epoch: number;
}

export type Act =
  | (WorkersAct & { act: 'joined'; partitions: number[] })
  | (WorkersAct & {
      act: 'threw' | 'passed-on' | 'sought' | 'returned' | 'slow';
      partition: number;
      offset: number;
      over?: [first: number, last: number];
    })
  | (WorkersAct & {
      act: 'commit' | 'short-commit' | 'commit-refused';
      partition: number;
      offset: number;
    })
  /** `rebalancing`: the group announced a rebalance. `commit-failed`: as the broker told, of whichever partition. */
  | (WorkersAct & { act: 'thrown-out' | 'rebalancing' | 'commit-failed' })
  | (WorkersAct & { act: 'crashed'; error: string; restart: boolean })
  /** `ended`: by itself, without disconnecting, as an application does that finds its consumer dead. */
  | (Base & { act: 'killed' | 'ended'; worker: string })
  /** While the group was empty somebody changed what it starts from: every record of before comes again for that. */
  | (Base & { act: 'operator'; right: Cause })
  /** From `at` to `until` the group's connections were disturbed. */
  | (Base & { act: 'network'; until: number });

export class ActsFile {
  constructor(private readonly file: string) {}

  write(act: DistributiveOmit<Act, 'at'> & { at?: number }): void {
    appendFileSync(this.file, `${JSON.stringify({ at: monotonic(), ...act })}\n`);
  }
}

type DistributiveOmit<T, K extends keyof Act> = T extends unknown ? Omit<T, K> : never;

/** All acts of a folder, in the order of time. A line that a kill cut off is left out. */
export function readActs(folder: string): Act[] {
  const acts: Act[] = [];
  for (const file of readdirSync(folder)) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    // What follows the last line break is no line, or half of one.
    for (const line of lines.slice(0, -1)) acts.push(JSON.parse(line) as Act);
  }
  return acts.sort((a, b) => a.at - b.at);
}
