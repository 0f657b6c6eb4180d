/**
 * A lane's rest: every partition has one member, and everything is committed.
 *
 *     members -> whole -> committing -> at rest
 *                            | no commit for STUCK_MS
 *                            v
 *                         the owners of what is behind are killed and replaced -> whole ...
 *
 * The second way is what an orchestrator's liveness probe does. kafkajs 2.2.4 needs it: after answers that never came
 * a consumer may hold its partitions, send heartbeats and do nothing else. Seen with Dupescope and without.
 */
import { until } from '../support/broker';
import { monotonic } from './child';
import type { Lane } from './lane';

const LIMIT_MS = 180_000;
const STUCK_MS = 40_000;
/** A look is three requests: not at each turn of `until`. */
const LOOK_EVERY_MS = 500;

/** @param enough ends the wait before the lane is at rest */
export async function untilAtRest(lane: Lane, enough = () => false): Promise<void> {
  const deadline = monotonic() + LIMIT_MS;
  const commits = new CommitWatch(lane);
  const wait = (what: string, condition: () => boolean | Promise<boolean>) =>
    until(what, condition, Math.max(1, deadline - monotonic())).catch((error: Error) => {
      const members = lane.workers.map((worker) => worker.state()).join(', ') || 'no member';
      throw new Error(`${error.message} (${members}; ${commits.words})`);
    });
  await wait(`every partition of ${lane.group} has one member`, () => enough() || lane.isWhole());
  await wait(`${lane.group} has committed everything`, async () => {
    if (enough()) return true;
    if (!(await commits.look())) return false;
    for (const partition of commits.stuck()) await lane.replaceOwner(partition);
    return commits.behind.length === 0 && lane.isWhole();
  });
}

/** What of a lane is not committed, and since when nothing moves. */
class CommitWatch {
  behind: number[] = [];
  words = 'no commits seen';
  #looked = 0;
  #moved = monotonic();

  constructor(private readonly lane: Lane) {}

  /** False: it is too early for the next look, or the broker did not answer. */
  async look(): Promise<boolean> {
    if (monotonic() - this.#looked < LOOK_EVERY_MS) return false;
    this.#looked = monotonic();
    const answers = await Promise.all([this.lane.ends(), this.lane.committed()]).catch(() => null);
    if (answers === null) return false;
    const [ends, committed] = answers;
    const words = [...ends].map(([partition, end]) => `${partition}: ${committed.get(partition)} of ${end}`);
    if (words.join(', ') !== this.words) this.#moved = monotonic();
    this.words = words.join(', ');
    this.behind = [...ends].flatMap(([p, end]) => (end === 0 || (committed.get(p) ?? -1) >= end ? [] : [p]));
    return true;
  }

  /** Partitions that are behind and where nothing moved for too long; told once a time. */
  stuck(): number[] {
    if (monotonic() - this.#moved < STUCK_MS) return [];
    this.#moved = monotonic();
    return this.behind;
  }
}
