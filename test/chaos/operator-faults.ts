/** What operators do to a group or its topic. While the group is empty, unless the name says otherwise. */

import type { Random } from '../../src/demo/random';
import type { Cause } from '../../src/ledger';
import { until } from '../support/broker';
import type { Fault } from './faults';
import { type Lane, PARTITIONS_MAX } from './lane';

/** What a round feeds, so that there is something to go back over. */
const FEED = 40;

/** Feeds, lets it be consumed, empties the group, does it, and fills the group again. */
function whileEmpty(
  name: string,
  right: Cause | null,
  change: (lane: Lane, random: Random) => Promise<string>,
): Fault {
  return {
    name,
    async inject(lane, random) {
      await lane.feed(FEED);
      await lane.settle();
      await lane.stopAll();
      const words = await change(lane, random);
      if (right !== null) lane.acts.write({ act: 'operator', right });
      await lane.fill();
      return words;
    },
  };
}

async function setOffsets(lane: Lane, offsets: Map<number, number>): Promise<string> {
  const { admin, group, topic } = lane;
  const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) }));
  await admin.setOffsets({ groupId: group, topic, partitions });
  await until(`the reset of ${group} stands`, async () => {
    const now = await lane.committed();
    return [...offsets].every(([partition, offset]) => now.get(partition) === offset);
  });
  return `set to ${partitions.map(({ partition, offset }) => `${partition}/${offset}`).join(', ')}`;
}

export const resetEarlier = whileEmpty('reset to an earlier offset', 'reset', async (lane, random) => {
  const ends = await lane.ends();
  const targets = [...ends].map(([p, end]) => [p, Math.max(0, end - random.between(3, FEED))] as const);
  return setOffsets(lane, new Map(targets));
});

export const resetEarliest = whileEmpty('reset to the earliest', 'reset', async (lane) => {
  // All that there was would be more and more: the log begins anew where the last episodes ended.
  const ends = await lane.ends();
  const starts = [...ends].map(([p, end]) => [p, Math.max(0, end - 2 * FEED)] as const);
  await deleteRecords(lane, new Map(starts));
  const { admin, group, topic } = lane;
  await admin.resetOffsets({ groupId: group, topic, earliest: true });
  const words = await setOffsets(lane, new Map(starts));
  return `earliest: ${words}`;
});

export const resetByTime = whileEmpty('reset by time', 'reset', async (lane) => {
  const since = Date.now() - 20_000;
  const found = await lane.admin.fetchTopicOffsetsByTimestamp(lane.topic, since);
  return setOffsets(lane, new Map(found.map(({ partition, offset }) => [partition, Number(offset)])));
});

export const groupDeleted = whileEmpty('group deleted', 'offsets_expired', async (lane) => {
  const ends = await lane.ends();
  await deleteRecords(lane, new Map([...ends].map(([p, end]) => [p, Math.max(0, end - 2 * FEED)])));
  await lane.admin.deleteGroups([lane.group]);
  return `${lane.group} deleted`;
});

export const topicRecreated = whileEmpty('topic deleted and made anew', null, async (lane) => {
  await lane.admin.deleteTopics({ topics: [lane.topic] });
  await until('the topic is gone', async () => !(await lane.admin.listTopics()).includes(lane.topic));
  lane.partitions = lane.spec.partitions;
  await lane.createTopic();
  return `${lane.topic} is another topic now`;
});

/** A living group finds them by itself. */
export const partitionsAdded: Fault = {
  name: 'partitions added to a living group',
  async inject(lane, random, stage) {
    if (lane.partitions >= PARTITIONS_MAX) return topicRecreated.inject(lane, random, stage);
    lane.partitions++;
    await lane.admin.createPartitions({
      topicPartitions: [{ topic: lane.topic, count: lane.partitions }],
    });
    await until('the new partition has a leader', () =>
      lane.ends().then(
        (ends) => ends.size === lane.partitions,
        () => false,
      ),
    );
    await lane.feed(FEED);
    return `${lane.partitions} partitions now`;
  },
};

/** For lanes that commit by hand: nothing was committed of what comes last, and a part of it is deleted. */
export const recordsDeleted: Fault = {
  name: 'records deleted under the group',
  async inject(lane, random) {
    // Without any committed offset there is none that could be out of range.
    await lane.feed(3);
    await lane.settle();
    await Promise.all(lane.workers.map((worker) => worker.order({ order: 'commits', how: 'none' })));
    const before = await lane.ends();
    await lane.feed(20);
    await lane.delivered();
    await lane.stopAll();
    const to = new Map([...before].map(([partition, end]) => [partition, end + random.between(3, 15)]));
    await deleteRecords(lane, to);
    lane.acts.write({ act: 'operator', right: 'out_of_range' });
    await lane.fill();
    return `deleted up to ${[...to].map(([partition, offset]) => `${partition}/${offset}`).join(', ')}`;
  },
};

async function deleteRecords(lane: Lane, to: Map<number, number>): Promise<void> {
  const partitions = [...to]
    .filter(([, offset]) => offset > 0)
    .map(([partition, offset]) => ({ partition, offset: String(offset) }));
  // kafkajs deletes only where it knows the leaders.
  await lane.admin.fetchTopicOffsets(lane.topic);
  if (partitions.length > 0) await lane.admin.deleteTopicRecords({ topic: lane.topic, partitions });
}
