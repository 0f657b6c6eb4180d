/**
 * The faults of a round. Each is done to one group while it consumes; it has happened when its function returns,
 * and what it did is said in words. Its effect is waited for by the round.
 */
import type { Group } from './group';
import { type Patience, until } from './patience';
import type { Random } from './random';
import { DEPTH, MEMBERS, MEMBERS_MAX, SLOW_MS } from './workload';

export interface Fault {
  name: string;
  inject(group: Group, random: Random, patience: Patience): Promise<string>;
}

const BACK = [3, 8] as const;

const killInMidBatch: Fault = {
  name: 'SIGKILL in mid-batch',
  async inject(group, random, patience) {
    const victim = random.pick(group.workers);
    victim.order({ order: 'linger', depth: random.between(...DEPTH) });
    const place = await victim.news('began', patience);
    await group.kill(victim);
    const replacement = group.add();
    return `${victim.name} (pid ${victim.pid}) killed at ${place}, ${replacement.name} in its place`;
  },
};

const joiningMember: Fault = {
  name: 'rebalance by a joining member',
  async inject(group, random, patience) {
    if (group.workers.length >= MEMBERS_MAX) {
      await group.stop(random.pick(group.workers));
      await group.settle(patience);
    }
    const busy = random.pick(group.workers);
    busy.order({ order: 'toil', depth: random.between(...DEPTH) });
    const place = await busy.news('began', patience);
    const joining = group.add();
    await busy.news('done', patience);
    return `${joining.name} joined while ${busy.name} worked on ${place}`;
  },
};

const throwingHandler: Fault = {
  name: 'handler throws once',
  async inject(group, random, patience) {
    const victim = random.pick(group.workers);
    victim.order({ order: 'throw', depth: random.between(...DEPTH) });
    return `${victim.name} threw at ${await victim.news('done', patience)}`;
  },
};

const slowHandler: Fault = {
  name: 'handler slower than the session',
  async inject(group, random, patience) {
    const victim = random.pick(group.workers);
    victim.order({ order: 'sleep', depth: random.between(...DEPTH), ms: SLOW_MS });
    const place = await victim.news('began', patience);
    await victim.news('done', patience);
    return `${victim.name} held ${place} for ${SLOW_MS / 1000} s`;
  },
};

const seekBack: Fault = {
  name: 'seek back',
  async inject(group, random, patience) {
    const victim = random.pick(group.workers);
    const back = random.between(...BACK);
    victim.order({ order: 'seek', depth: random.between(...DEPTH), back });
    return `${victim.name} sought back by ${back} at ${await victim.news('done', patience)}`;
  },
};

const operatorsReset: Fault = {
  name: "operator's reset while empty",
  async inject(group, random, patience) {
    const { admin, topic } = group.place;
    await group.stopAll();
    const committed = await group.committed();
    const target = new Map<number, number>();
    for (const [partition, offset] of committed) {
      if (offset > 0) target.set(partition, Math.max(0, offset - random.between(...BACK)));
    }
    const partitions = [...target].map(([partition, offset]) => ({ partition, offset: String(offset) }));
    await admin.setOffsets({ groupId: group.id, topic, partitions });
    await until(
      `the reset of ${group.id} stands`,
      async () => {
        const now = await group.committed();
        return [...target].every(([partition, offset]) => now.get(partition) === offset);
      },
      patience,
    );
    // One after the other: two that join beside each other rebalance in the middle of what waited for them.
    for (let i = 0; i < MEMBERS; i++) {
      group.add();
      await group.settle(patience);
    }
    const records = [...target].reduce(
      (sum, [partition, to]) => sum + (committed.get(partition) ?? to) - to,
      0,
    );
    return `set back by ${records} records on ${target.size} partitions`;
  },
};

export const FAULTS: readonly Fault[] = [
  killInMidBatch,
  joiningMember,
  throwingHandler,
  slowHandler,
  seekBack,
  operatorsReset,
];
