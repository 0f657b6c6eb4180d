/** The doctor's look at topics to observe: which they are, whether they may be read, where identities were found. */
import type { Admin, Kafka } from 'kafkajs';
import type { ClusterConfig, Config } from '../config';
import { errorLine } from '../errors';
import { kafkaError } from '../kafka/client';
import { FETCH_ERRORS } from '../kafka/offsets/fetch';
import { TopicSource } from '../kafka/topics/topic-source';
import { mayNotRead } from '../kafka/watch/permission';
import { openReader } from '../store/open';
import { identitySources, observedTopics } from '../store/queries';
import type { Line } from './doctor-store';
import { topicGrants } from './grants';
import { topicChoice } from './observe-topics';

const TOPICS_SHOWN = 20;
/** Below this share most records of a topic cannot be told apart. */
const GOOD_SHARE = 0.9;

/** Nothing where no topic is configured. Throws 'bad-configuration' on rules that cannot be followed. */
export async function observedChecks(
  config: Config,
  cluster: ClusterConfig,
  kafka: Kafka,
  admin: Admin,
): Promise<Line[]> {
  if (cluster.topics.length === 0) return [];
  const choice = topicChoice(config, cluster);
  const what = 'topics';
  let source: TopicSource | null = null;
  try {
    source = await TopicSource.open(kafka);
    const { cluster: id, topics } = await source.list();
    const wanted = topics.filter(
      ({ name, internal }) => choice.wants(name) && (!internal || choice.named.has(name)),
    );
    const hidden = await hiddenTopics(admin, cluster, topics);
    if (wanted.length === 0 && hidden.length === 0) {
      const text = `none of the cluster's ${topics.length} topics that may be described has one of the names ${cluster.topics.join(', ')}: check them, and grant DESCRIBE`;
      return [{ level: 'fail', what, text }];
    }
    const refused: string[] = [];
    for (const topic of wanted) {
      const first = topic.partitions.find(({ leader }) => leader >= 0);
      if (first === undefined) continue;
      const limits = { maxWaitMs: 0, maxBytes: 1, maxPartitionBytes: 1, uncommitted: false };
      const offset = (await source.edge(first.leader, topic.name, first.partition, -1)) ?? 0;
      const [part] = await source.fetch(first.leader, limits, [
        { topic, partition: first.partition, offset },
      ]);
      if (part?.error === FETCH_ERRORS.TOPIC_AUTHORIZATION_FAILED) refused.push(topic.name);
    }
    return [
      readable(cluster, wanted.length + hidden.length, [...hidden, ...refused]),
      ...identityLines(config, id),
    ];
  } catch (error) {
    return [{ level: 'fail', what, text: errorLine(kafkaError(error, cluster)) }];
  } finally {
    await source?.close();
  }
}

/** Topics named letter by letter that are there, or may be, and are not described to who asks. */
async function hiddenTopics(
  admin: Admin,
  cluster: ClusterConfig,
  seen: readonly { name: string }[],
): Promise<string[]> {
  const hidden: string[] = [];
  for (const name of cluster.topics) {
    if (!/^[A-Za-z0-9._-]+$/.test(name) || cluster.excludeTopics.includes(name)) continue;
    if (seen.some((topic) => topic.name === name)) continue;
    // Kafka does not say of a topic without DESCRIBE whether it exists, but of one that is missing it does.
    await admin.fetchTopicMetadata({ topics: [name] }).catch((error) => {
      if (mayNotRead(error, cluster) !== null) hidden.push(name);
    });
  }
  return hidden;
}

function readable(cluster: ClusterConfig, count: number, refused: readonly string[]): Line {
  const what = 'topics';
  if (refused.length === 0) return { level: 'ok', what, text: `${count} are observed, all may be read` };
  const shown = refused.slice(0, TOPICS_SHOWN);
  const more = refused.length > shown.length ? `, and ${refused.length - shown.length} more` : '';
  return {
    level: 'fail',
    what,
    text: `${refused.length} of ${count} may not be read: ${shown.join(', ')}${more}. Grant, topic by topic:`,
    grants: topicGrants(cluster, shown),
  };
}

/** As far as the store knows the cluster's topics. */
function identityLines(config: Config, cluster: string): Line[] {
  try {
    const db = openReader(config.store);
    try {
      return observedTopics(db, { cluster, limit: TOPICS_SHOWN }).map((row) =>
        identityLine(row.topic, identitySources(db, row.id)),
      );
    } finally {
      db.close();
    }
  } catch {
    return [];
  }
}

function identityLine(topic: string, sources: readonly { source: string; records: number }[]): Line {
  const total = sources.reduce((sum, { records }) => sum + records, 0);
  const found = sources.filter(({ source }) => source !== '');
  const share = found.reduce((sum, { records }) => sum + records, 0) / Math.max(1, total);
  const words = found
    .map(({ source, records }) => `${source} on ${percent(records / total)} of records`)
    .join(', ');
  const isGood = total === 0 || share >= GOOD_SHARE;
  const advice = isGood ? '' : '; name where it stands (identity, topicRules)';
  return {
    level: isGood ? 'ok' : 'warn',
    what: 'identities',
    text: `${topic}: ${words || (total === 0 ? 'no record yet' : 'none found')}${advice}`,
  };
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0.999 && share < 1 ? 2 : 1)}%`;
}
