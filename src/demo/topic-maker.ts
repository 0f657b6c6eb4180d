import type { Admin, ITopicConfig } from 'kafkajs';
import { until } from './patience';

/**
 * Makes a topic and waits until each of its partitions has a leader. kafkajs's own wait gives up when the broker does
 * not know the topic yet that it has just made, which a busy one may not for a moment.
 *
 * @throws DupescopeError 'internal' when the leaders are not there after a minute
 */
export async function makeTopic(admin: Admin, topic: ITopicConfig): Promise<void> {
  await admin.createTopics({ topics: [topic], waitForLeaders: false });
  const hasLeaders = async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic.topic] });
    const partitions = topics.flatMap((of) => of.partitions);
    return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);
  };
  const { signal } = new AbortController();
  await until(`topic "${topic.topic}" has leaders`, () => hasLeaders().catch(() => false), { signal });
}
