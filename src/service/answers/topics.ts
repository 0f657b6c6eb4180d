/** Topics that are observed: what was found in them, and how far back they are remembered. */
import { delaySteps, reachOf, timeToDuplicate } from '../../identity';
import type { Store } from '../../store/open';
import {
  delayBuckets,
  duplicateTotals,
  identitySources,
  type ObservedTopicRow,
  observedTopics,
  observerPlaces,
  type SequenceAnomalyRow,
  sequenceAnomalies,
  sequenceAnomalyPage,
} from '../../store/queries';
import type { Query } from '../parameters';
import type { ObservedTopic, Page, SequenceAnomaly } from '../schemas';
import { rfc3339, seconds } from '../time';
import type { AnswerContext } from './context';
import { findingPages } from './pages';

const TOPICS_MAX = 10_000;
const ANOMALIES_SHOWN = 20;

/** All in one page: there are as many as somebody configured. */
export function topicsAnswer(db: Store, query: Query<'cluster' | 'topic'>): Page<ObservedTopic> {
  const rows = observedTopics(db, { ...query, limit: TOPICS_MAX });
  return { items: rows.map((row) => topicShape(db, row)), next_cursor: null };
}

function topicShape(db: Store, row: ObservedTopicRow): ObservedTopic {
  const sources = identitySources(db, row.id);
  const total = sources.reduce((sum, { records }) => sum + records, 0);
  const without = sources.find(({ source }) => source === '')?.records ?? 0;
  const window = windowOf(row);
  return {
    cluster: row.cluster,
    topic: row.topic,
    topic_id: row.topicId,
    records: row.records,
    duplicates: row.duplicates,
    id_reuses: row.idReuses,
    intentional: row.intentional,
    sequence_anomalies: anomaliesOf(db, row),
    identity_ratio: ratio(total - without, total),
    identity_sources: sources.map(({ source, records }) => ({
      source: source === '' ? null : source,
      records,
      ratio: ratio(records, total),
    })),
    causes: duplicateTotals(db, row.id),
    time_to_duplicate: delaysOf(db, row, window),
    window,
    partitions: observerPlaces(db, row.id).map(({ partition, nextOffset, state, newestAt, observedAt }) => ({
      partition,
      next_offset: nextOffset,
      state,
      newest_at: newestAt > 0 ? rfc3339(newestAt) : null,
      observed_at: rfc3339(observedAt),
    })),
  };
}

function windowOf({
  entries,
  oldestAt,
  horizonAt,
  ageMs,
  endedBy,
}: ObservedTopicRow): ObservedTopic['window'] {
  const reach = reachOf({ oldestAt, horizonAt, ageMs, endedBy });
  if (entries === null || reach === null) return null;
  return {
    identities: entries,
    reach_seconds: seconds(reach.reachMs),
    configured_seconds: seconds(reach.configuredMs),
    ended_by: endedBy,
    shorter: reach.shorter,
  };
}

function delaysOf(
  db: Store,
  row: ObservedTopicRow,
  window: ObservedTopic['window'],
): ObservedTopic['time_to_duplicate'] {
  // While nothing was given up all that was read is remembered, and the window reaches as far as is configured.
  const reachMs = window === null ? null : row.endedBy === null ? row.ageMs : window.reach_seconds * 1000;
  const buckets = delayBuckets(db, row.id);
  const found = timeToDuplicate(buckets, row.longestDelayMs, reachMs);
  return found === null
    ? null
    : {
        records: found.records,
        p50_seconds: seconds(found.p50Ms),
        p90_seconds: seconds(found.p90Ms),
        p99_seconds: seconds(found.p99Ms),
        max_seconds: seconds(found.maxMs),
        window_seconds: {
          p99: seconds(found.windowMs.p99),
          p999: seconds(found.windowMs.p999),
          all: seconds(found.windowMs.all),
        },
        steps: delaySteps(buckets).map(({ fromMs, toMs, records }) => ({
          above_seconds: seconds(fromMs),
          up_to_seconds: seconds(toMs),
          records,
        })),
        advice: found.advice,
      };
}

/** The latest found first. */
export function sequenceAnomaliesAnswer(
  db: Store,
  query: Query<'cluster' | 'topic' | 'partition' | 'since' | 'until' | 'limit' | 'cursor'>,
  context: AnswerContext,
): Page<SequenceAnomaly> {
  const { cluster, topic, partition } = query;
  return findingPages(
    'sequence-anomalies',
    query,
    context,
    (page) => sequenceAnomalyPage(db, { ...page, cluster, topic, partition }),
    (row) => row.foundAt,
    (row) => ({
      id: row.id,
      found_at: rfc3339(row.foundAt),
      cluster: row.cluster,
      topic: row.topic,
      topic_id: row.topicId,
      ...anomalyShape(row),
    }),
  );
}

function anomaliesOf(
  db: Store,
  { id, sequenceAnomalies: batches }: ObservedTopicRow,
): ObservedTopic['sequence_anomalies'] {
  const latest = batches === 0 ? [] : sequenceAnomalies(db, id, ANOMALIES_SHOWN);
  return { batches, latest: latest.map(anomalyShape) };
}

function anomalyShape(row: SequenceAnomalyRow): ObservedTopic['sequence_anomalies']['latest'][number] {
  const { partition, offset, records, at, producer, epoch, sequence, lastOffset, lastSequence } = row;
  return {
    partition,
    offset,
    records,
    at: rfc3339(at),
    producer: { id: producer, epoch, sequence },
    previous: { offset: lastOffset, sequence: lastSequence },
  };
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : Number((part / whole).toPrecision(6));
}
