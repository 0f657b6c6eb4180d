import type { Admin, ITopicConfig } from 'kafkajs';
import { until } from './patience';

/**
 * Makes a topic and waits until each of its partitions is served. kafkajs's own wait gives up when the broker does not
 * know the topic yet that it has just made, and a leader that the metadata names may not serve yet: a producer that is
 * not idempotent then sends the whole request again, and writes twice what other partitions had taken.
 *
 * @throws DupescopeError 'internal' when it is not served after a minute
 */
export async function makeTopic(
  admin: Admin,
  topic: ITopicConfig & { numPartitions: number },
): Promise<void> {
  await admin.createTopics({ topics: [topic], waitForLeaders: false });
  // Asked of the leaders themselves.
  const isServed = async () => (await admin.fetchTopicOffsets(topic.topic)).length === topic.numPartitions;
  const { signal } = new AbortController();
  await until(`topic "${topic.topic}" is served`, () => isServed().catch(() => false), { signal });
}
