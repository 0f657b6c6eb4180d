/**
 * The faults. Each is done to one lane while it consumes, and returns when it has happened and what is needed for the
 * group to recover is done; the lane then waits for its rest. What was done is said in words; whatever decides about
 * causes is written down as an act, by who did it.
 */
import type { Random } from '../../src/demo/random';
import { until } from '../support/broker';
import type { Lane } from './lane';
import type { Stage } from './stage';
import type { Misconduct, Worker } from './worker';

export interface Fault {
  name: string;
  inject(lane: Lane, random: Random, stage: Stage): Promise<string>;
}

const FEED = 60;
const DEPTH = [1, 4] as const;

/** Feeds, and waits until one member is in the middle of it, or the records have all gone elsewhere. */
async function busy(lane: Lane, random: Random): Promise<Worker> {
  const victim = random.pick(lane.owners());
  const inTheMiddle = victim.progress(random.between(1, FEED - 20));
  await lane.feed(FEED);
  await lane.settle(inTheMiddle);
  return victim;
}

/** So often a misconduct is ordered anew when no record came that it fits. */
const TRIES = 5;

/**
 * Orders a misconduct, feeds, and waits for that news of it. On a busy machine the records may all go to another member
 * (its session ends, the group rebalances): when the lane is at rest without it, somebody else gets the order.
 */
async function provoke(
  lane: Lane,
  random: Random,
  order: Misconduct,
  news: 'began' | 'done',
): Promise<Worker> {
  for (let tries = 0; tries < TRIES; tries++) {
    const victim = random.pick(lane.owners());
    await victim.order(order);
    await lane.feed(FEED);
    await lane.settle(() => victim.hasTold(news));
    if (victim.hasTold(news)) return victim;
    await victim.order({ order: 'none' });
  }
  throw new Error(`no record came ${TRIES} times for the order to ${order.order}`);
}

function misconduct(lane: Lane, random: Random, order: Misconduct): Promise<Worker> {
  return provoke(lane, random, order, 'done');
}

export const sigkill: Fault = {
  name: 'SIGKILL',
  async inject(lane, random) {
    const victim = await busy(lane, random);
    await lane.kill(victim);
    const next = lane.start();
    return `${victim.name} (pid ${victim.child.pid}) killed, ${next.name} in its place`;
  },
};

export const sigkillAll: Fault = {
  name: 'SIGKILL of all',
  async inject(lane, random) {
    await busy(lane, random);
    const victims = [...lane.workers];
    await Promise.all(victims.map((victim) => lane.kill(victim)));
    for (const _ of victims) lane.start();
    return `${victims.map(({ name }) => name).join(', ')} killed`;
  },
};

export const freeze: Fault = {
  name: 'SIGSTOP',
  async inject(lane, random) {
    const victim = await busy(lane, random);
    const { epoch } = victim;
    const others = lane.workers.filter((worker) => worker !== victim);
    const ms = lane.sessionMs + random.between(1_500, 3_000);
    await victim.child.freeze(ms);
    // Either it was thrown out and joins again, or (woken before the coordinator looked) it goes on.
    await until(
      `${victim.name} is back`,
      () => victim.epoch > epoch || others.every((other) => (other.assigned ?? []).length < lane.partitions),
    );
    return `${victim.name} stopped for ${ms} ms`;
  },
};

export const slow: Fault = {
  name: 'handler slower than the session',
  async inject(lane, random) {
    const ms = lane.sessionMs + random.between(800, 1_500);
    const depth = random.between(...DEPTH);
    const victim = await misconduct(lane, random, { order: 'sleep', ms, depth });
    return `${victim.name} held a record for ${ms} ms without a heartbeat`;
  },
};

export const slowBeating: Fault = {
  name: 'slow handler with heartbeats',
  async inject(lane, random) {
    const ms = lane.sessionMs + random.between(500, 1_000);
    const depth = random.between(...DEPTH);
    const victim = await misconduct(lane, random, { order: 'toil', ms, depth });
    return `${victim.name} held a record for ${ms} ms with heartbeats`;
  },
};

export const join: Fault = {
  name: 'member joins',
  async inject(lane, random) {
    if (lane.workers.length > lane.spec.members) {
      await lane.stop(random.pick(lane.owners()));
      await lane.settle();
    }
    const order = { order: 'toil', ms: 15_000, depth: random.between(...DEPTH) } as const;
    const victim = await provoke(lane, random, order, 'began');
    const joining = lane.start();
    await victim.news('done');
    await lane.settle();
    return `${joining.name} joined while ${victim.name} worked`;
  },
};

export const leave: Fault = {
  name: 'member leaves',
  async inject(lane, random) {
    if (lane.workers.length < 2) lane.start();
    await lane.settle();
    const leaving = await busy(lane, random);
    await lane.stop(leaving);
    await lane.settle();
    await lane.fill();
    return `${leaving.name} left while it worked`;
  },
};

export const throwOnce: Fault = {
  name: 'handler throws',
  async inject(lane, random) {
    const times = random.between(1, 2);
    const depth = random.between(...DEPTH);
    const victim = await misconduct(lane, random, { order: 'throw', times, fatal: false, depth });
    return `${victim.name} threw ${times} times`;
  },
};

/** More often than kafkajs tries: the consumer crashes and is started anew by kafkajs. */
export const throwOn: Fault = {
  name: 'handler throws until retries are spent',
  async inject(lane, random) {
    const order = { order: 'throw', times: 20, fatal: false, depth: random.between(...DEPTH) } as const;
    // From before: it may have thrown, crashed and joined again by the time that it is looked at.
    const epochs = new Map(lane.workers.map((worker) => [worker, worker.epoch]));
    const victim = await provoke(lane, random, order, 'began');
    const epoch = epochs.get(victim) ?? 0;
    await until(`${victim.name} has joined again`, () => victim.epoch > epoch, 60_000);
    await victim.order({ order: 'none' });
    return `${victim.name} threw until its consumer crashed`;
  },
};

export const throwFatal: Fault = {
  name: 'handler throws a TypeError',
  async inject(lane, random) {
    const order = { order: 'throw', times: 1, fatal: true, depth: random.between(...DEPTH) } as const;
    const victim = await provoke(lane, random, order, 'began');
    // The lane puts another in the place of one whose consumer is dead.
    await victim.child.ended;
    return `${victim.name} ended by it`;
  },
};

export const throwSometimes: Fault = {
  name: 'handler throws sometimes',
  async inject(lane, random) {
    const share = random.between(2, 6) / 100;
    await Promise.all(lane.workers.map((worker) => worker.order({ order: 'flaky', share, left: FEED })));
    await lane.feed(FEED);
    return `every handler threw at ${share * 100}% of its records`;
  },
};

export const seek: Fault = {
  name: 'seek',
  async inject(lane, random) {
    const back = random.between(2, 30);
    const depth = random.between(...DEPTH);
    const victim = await misconduct(lane, random, { order: 'seek', back, depth });
    return `${victim.name} sought back by ${back}`;
  },
};

/** Only where one record is in hand at a time: what an eachBatch handler was given is delivered, sought over or not. */
export const seekForward: Fault = {
  name: 'seek forward',
  async inject(lane, random) {
    const over = random.between(1, 12);
    const depth = random.between(...DEPTH);
    const victim = await misconduct(lane, random, { order: 'skip', over, depth });
    return `${victim.name} sought over ${over} at most`;
  },
};

export const returnEarly: Fault = {
  name: 'eachBatch returns early',
  async inject(lane, random) {
    const keep = random.between(1, 3);
    const victim = await misconduct(lane, random, { order: 'return', keep });
    return `${victim.name} returned after ${keep} records`;
  },
};

/** Stops one member that commits in that way, and puts another in its place. */
function wrongCommits(name: string, how: 'short' | 'refused' | 'none', end: 'stop' | 'kill'): Fault {
  return {
    name,
    async inject(lane, random) {
      await Promise.all(lane.workers.map((worker) => worker.order({ order: 'commits', how })));
      await lane.feed(random.between(8, 20));
      await lane.delivered();
      const gone = [...lane.workers];
      await Promise.all(gone.map((worker) => (end === 'stop' ? lane.stop(worker) : lane.kill(worker))));
      await lane.fill();
      return `${gone.map((worker) => worker.name).join(', ')} ended (${end})`;
    },
  };
}

export const shortCommits = wrongCommits('offset committed instead of offset + 1', 'short', 'stop');
export const refusedCommits = wrongCommits('commits refused by the broker', 'refused', 'stop');
export const noCommits = wrongCommits('autoCommit off, nothing committed', 'none', 'stop');
export const noCommitsKilled = wrongCommits('autoCommit off, killed', 'none', 'kill');
