/** The group watcher as `serve` runs it: its findings go to the writer, its lag to the service. */
import type { Logger } from 'pino';
import type { Config } from '../config';
import { DupescopeError, errorLine } from '../errors';
import { kafkaClient } from '../kafka/client';
import { GroupWatcher } from '../kafka/watch/group-watcher';
import { nameFilter } from '../kafka/watch/name-filter';
import type { RecordTimes } from '../kafka/watch/record-times';
import type { LagSource } from '../service';
import type { WriterClient } from '../store/writer-client';

export function groupWatcher(
  config: Config,
  logger: Logger,
  writer: () => WriterClient | null,
  recordTimes: RecordTimes,
): GroupWatcher {
  const present = () => {
    const found = writer();
    if (found === null) throw new DupescopeError('store-busy', 'The service is starting or ending.');
    return found;
  };
  return new GroupWatcher({
    kafka: kafkaClient(config, logger),
    settings: config,
    sink: {
      state: async (cluster) => present().state(cluster),
      store: async (batch) => present().store(batch),
    },
    watches: nameFilter(config.groups, config.excludeGroups),
    lagIntervalMs: config.lagIntervalMs,
    recordTimes,
    onProblem: (problem) => {
      if (problem === null) logger.info('groups are watched again');
      else logger.warn({ code: problem.code }, `group watcher: ${errorLine(problem)}`);
    },
  });
}

/** The watcher's values, and the poller's for groups that it does not see. */
export function lagOfBoth(watcher: GroupWatcher, poller: LagSource): LagSource {
  return {
    all: () => {
      const watched = watcher.all();
      const known = new Set(watched.map(placeOf));
      return [...watched, ...poller.all().filter((value) => !known.has(placeOf(value)))];
    },
    of: (cluster, group, topic, partition) =>
      watcher.of(cluster, group, topic, partition) ?? poller.of(cluster, group, topic, partition),
    ready: () => poller.ready() && watcher.ready(),
    problem: () => poller.problem() ?? watcher.problem(),
  };
}

function placeOf(value: { cluster: string; group: string; topic: string; partition: number }): string {
  return JSON.stringify([value.cluster, value.group, value.topic, value.partition]);
}
