/** What `serve` watches from outside, cluster by cluster: topics, groups, and the lag of groups. */
import type { Logger } from 'pino';
import type { ClusterConfig, Config } from '../config';
import { errorLine } from '../errors';
import { kafkaClient } from '../kafka/client';
import { LagPoller } from '../kafka/lag';
import type { TopicObserver } from '../kafka/topics/topic-observer';
import { RecordTimes } from '../kafka/watch/record-times';
import type { LagSource, Watching } from '../service';
import { openReader } from '../store/open';
import { knownTopics } from '../store/queries';
import type { WriterClient } from '../store/writer-client';
import { topicObserver } from './observe-topics';
import { ShortWindows } from './short-windows';
import { groupWatcher, lagOfBoth } from './watch-groups';

interface Part {
  start(): void;
  stop(): Promise<void>;
}

export interface ClusterWatch {
  /** Of all clusters; null where there is none. */
  lag: LagSource | null;
  /** What the service waits for before it calls itself ready. */
  observers: Watching[];
  parts: Part[];
}

/** Nothing is asked of a broker before its parts are started. Throws 'bad-configuration'. */
export function watchClusters(
  config: Config,
  logger: Logger,
  writer: () => WriterClient | null,
): ClusterWatch {
  const sources: LagSource[] = [];
  const observers: Watching[] = [];
  const parts: Part[] = [];
  for (const cluster of config.clusters) {
    const settings = { ...config, ...cluster };
    // "Topics are observed again": of which cluster, the line says.
    const own = config.clusters.length > 1 ? logger.child({ brokers: cluster.brokers }) : logger;
    const poller = lagPoller(settings, own);
    const times = new RecordTimes();
    const watcher = groupWatcher(settings, own, writer, times);
    const observer = topicObserver(config, cluster, own, writer, times);
    sources.push(lagOfBoth(watcher, poller));
    parts.push(poller, watcher);
    if (observer !== null) {
      observers.push(watchingOf(observer, cluster));
      parts.push(observer);
    }
  }
  if (observers.length > 0) parts.push(new ShortWindows(config.store, logger));
  return { lag: sources.length === 0 ? null : lagOfAll(sources), observers, parts };
}

function watchingOf(observer: TopicObserver, { brokers, topics }: ClusterConfig): Watching {
  return {
    ready: () => observer.ready(),
    problem: () =>
      observer.problem() ??
      (observer.ready()
        ? null
        : `The topics ${topics.join(', ')} of ${brokers.join(', ')} are still being read up to their ends.`),
  };
}

function lagOfAll(sources: readonly LagSource[]): LagSource {
  return {
    all: () => sources.flatMap((source) => source.all()),
    of: (...place) => {
      for (const source of sources) {
        const value = source.of(...place);
        if (value !== null) return value;
      }
      return null;
    },
    ready: () => sources.every((source) => source.ready()),
    problem: (cluster) => {
      const asked = cluster === undefined ? sources : ofCluster(sources, cluster);
      const waiting = asked.filter((source) => !source.ready());
      const problems = (waiting.length > 0 ? waiting : asked).map((source) => source.problem());
      return [...new Set(problems.filter((problem) => problem !== null))].join(' ') || null;
    },
  };
}

/** Its own source, told by what it has answered; else those that have answered nothing: it may be one of them. */
function ofCluster(sources: readonly LagSource[], cluster: string): LagSource[] {
  const own = sources.filter((source) => source.all().some((value) => value.cluster === cluster));
  return own.length > 0 ? own : sources.filter((source) => source.all().length === 0);
}

function lagPoller(config: Config, logger: Logger): LagPoller {
  return new LagPoller({
    kafka: kafkaClient(config, logger),
    settings: config,
    intervalMs: config.lagIntervalMs,
    targets: (cluster) => {
      try {
        const db = openReader(config.store);
        try {
          return knownTopics(db, cluster);
        } finally {
          db.close();
        }
      } catch (error) {
        logger.warn(`consumer lag waits for the store: ${errorLine(error)}`);
        return [];
      }
    },
    onProblem: (problem) => {
      if (problem === null) logger.info('consumer lag can be read again');
      else logger.warn({ code: problem.code }, errorLine(problem));
    },
  });
}
