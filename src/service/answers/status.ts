/** How Dupescope itself does: what it keeps, what it could not keep, where it stands. */
import type { Store } from '../../store/open';
import {
  droppedOf,
  fileFacts,
  keptSince,
  livingVersions,
  sqliteVersion,
  summaryOf,
  unreadOf,
  watcherPlaces,
} from '../../store/queries';
import type { Status } from '../schemas';
import { rfc3339, rfc3339OrNull } from '../time';
import type { AnswerContext } from './context';

export function statusAnswer(db: Store, context: AnswerContext): Status {
  const problems = context.problems();
  const file = fileFacts(db);
  const kept = keptSince(db);
  const dropped = droppedOf(db);
  return {
    time: rfc3339(context.now),
    status: problems.length === 0 ? 'ok' : 'failing',
    problems,
    version: context.version,
    node: process.versions.node,
    sqlite: sqliteVersion(db),
    schema: file.schemaVersion,
    clients: livingVersions(db),
    store_bytes: file.bytes,
    retention: context.setup.retention,
    redeliveries_since: rfc3339OrNull(kept.redeliveriesSince),
    duplicates_since: rfc3339OrNull(kept.duplicatesSince),
    deliveries_since: rfc3339OrNull(kept.deliveriesSince),
    uncertain: summaryOf(db).uncertain,
    dropped_deliveries: dropped.deliveries,
    dropped_events: dropped.events,
    dropped_at: rfc3339OrNull(dropped.lastAt),
    dropped_because: dropped.lastReason,
    watches_groups: context.lag !== null,
    watchers: watcherPlaces(db).map(({ cluster, partition, next }) => ({
      cluster,
      partition,
      next_offset: next,
    })),
    unread: unreadOf(db).map(({ cluster, observer, topic, what, count, lastAt }) => ({
      cluster,
      observer,
      topic: topic === '' ? null : topic,
      what,
      count,
      last_at: rfc3339(lastAt),
    })),
    links: context.setup.links,
  };
}
