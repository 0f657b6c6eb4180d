/** The topic observer of one cluster as `serve` runs it: what it reads goes to the writer. */
import type { Logger } from 'pino';
import type { ClusterConfig, Config } from '../config';
import { errorLine, fail } from '../errors';
import { IdentityFinder } from '../identity';
import { kafkaClient } from '../kafka/client';
import type { TopicChoice, TopicRules } from '../kafka/topics/topic-choice';
import { TopicObserver } from '../kafka/topics/topic-observer';
import { nameFilter } from '../kafka/watch/name-filter';
import type { RecordTimes } from '../kafka/watch/record-times';
import type { WriterClient } from '../store/writer-client';

const DAY_MS = 86_400_000;

/** Null where no topic is to be observed. Throws 'bad-configuration' on rules that cannot be followed. */
export function topicObserver(
  config: Config,
  cluster: ClusterConfig,
  logger: Logger,
  writer: () => WriterClient | null,
  recordTimes: RecordTimes,
): TopicObserver | null {
  if (cluster.topics.length === 0) return null;
  const present = () => writer() ?? fail('store-busy', 'The service is starting or ending.');
  return new TopicObserver({
    kafka: kafkaClient(cluster, logger),
    settings: cluster,
    sink: {
      state: async (id) => present().observerState(id),
      expect: async (topics) => present().expect(topics),
      observe: async (seed, batches) => present().observe(seed, batches),
    },
    choice: topicChoice(config, cluster),
    onTimes: (topic, partition, offset, at) => recordTimes.note(topic, partition, offset, at),
    onProblem: (problem) => {
      if (problem === null) logger.info('topics are observed again');
      else logger.warn({ code: problem.code }, `topic observer: ${errorLine(problem)}`);
    },
    onMissed: (topic, partition, from, next) =>
      logger.warn(
        { topic, partition, from, next },
        'topic observer: records were gone before they were read',
      ),
  });
}

/** Throws 'bad-configuration' on rules that cannot be followed. */
export function topicChoice(config: Config, cluster: ClusterConfig): TopicChoice {
  const rules = config.topicRules.map((rule) => ({
    applies: nameFilter(rule.topics, []),
    rules: rulesOf(config, rule),
  }));
  const others = rulesOf(config, {});
  return {
    wants: nameFilter(cluster.topics, cluster.excludeTopics),
    named: new Set(cluster.topics),
    from: config.from,
    uncommitted: config.readUncommitted,
    rulesOf: (topic) => rules.find(({ applies }) => applies(topic))?.rules ?? others,
  };
}

function rulesOf(config: Config, rule: Partial<Config['topicRules'][number]>): TopicRules {
  const identity = rule.identity ?? config.identity;
  // Now, and not at the first record.
  new IdentityFinder(identity);
  return {
    identity,
    window: {
      ageMs: (rule.windowDays ?? config.windowDays) * DAY_MS,
      records: rule.windowRecords ?? config.windowRecords ?? config.identitiesMax,
    },
    clearTexts: rule.clearTexts ?? config.clearTexts,
  };
}
