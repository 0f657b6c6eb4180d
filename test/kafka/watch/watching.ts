/** A group watcher with a real writer and store. */

import pino from 'pino';
import { kafkaClient } from '../../../src/kafka/client';
import { GroupWatcher } from '../../../src/kafka/watch/group-watcher';
import { nameFilter } from '../../../src/kafka/watch/name-filter';
import { openReader } from '../../../src/store/open';
import { placesOf, type RewindRow, rewindPage } from '../../../src/store/queries';
import { startWriter } from '../../../src/store/writer-client';
import { testBrokers, until } from '../../support/broker';

export interface Watching {
  watcher: GroupWatcher;
  problems: string[];
  /** Rewinds of that group in the order of time. */
  rewinds(group: string): RewindRow[];
  stop(): Promise<void>;
}

export async function watching(
  store: string,
  groups: string[],
  settings: {
    brokers?: string[];
    stalledMs?: number;
    logAgainMs?: number;
    sasl?: { mechanism: 'plain'; username: string; password: string } | null;
  } = {},
): Promise<Watching> {
  const problems: string[] = [];
  const onProblem = (problem: Error | null) => problems.push(problem?.message ?? 'over');
  const writer = await startWriter({ storePath: store, onProblem });
  const used = {
    brokers: settings.brokers ?? testBrokers(),
    clientId: 'watcher',
    ssl: false,
    sasl: settings.sasl ?? null,
  };
  const watcher = new GroupWatcher({
    kafka: kafkaClient(used, pino({ level: 'silent' })),
    settings: used,
    sink: writer,
    watches: nameFilter(groups, []),
    lagIntervalMs: 500,
    ...(settings.logAgainMs === undefined ? {} : { logAgainMs: settings.logAgainMs }),
    ...(settings.stalledMs === undefined ? {} : { stalledMs: settings.stalledMs }),
    onProblem,
  });
  watcher.start();
  await until('the watcher has caught up', () => watcher.ready());
  return {
    watcher,
    problems,
    rewinds: (group) => rewindsOf(store, group),
    async stop() {
      await watcher.stop();
      await writer.close();
    },
  };
}

export function rewindsOf(store: string, group: string): RewindRow[] {
  const db = openReader(store);
  try {
    const places = placesOf(db, { group }).map(({ gp }) => gp);
    return rewindPage(db, { places, limit: 1_000 }).reverse();
  } finally {
    db.close();
  }
}
