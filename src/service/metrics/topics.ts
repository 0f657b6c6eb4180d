/** What /metrics says of observed topics, and of how far their observer has come. */
import { DUPLICATE_CAUSES, reachOf, upperMs } from '../../identity';
import type { Store } from '../../store/open';
import {
  delayBuckets,
  duplicateTotalsOf,
  type ObservedTopicRow,
  observedTopics,
  observerPlaces,
} from '../../store/queries';
import { Family, type Labels } from './family';
import type { LabelSets } from './label-sets';

/** Upper bounds of the histogram, in seconds: where windows of de-duplication are set. */
const BOUNDS = [0.1, 1, 10, 60, 300, 900, 3_600, 6 * 3_600, 86_400, 7 * 86_400];

/** Of duplicates; a series that begins with its first count shows no increase, so each is there from the start. */
const COPY_CAUSES = DUPLICATE_CAUSES.filter((cause) => cause !== 'retry_topic');

const DELAYS = 'dupescope_time_to_duplicate_seconds';

export function topicMetrics(db: Store, topics: LabelSets, now: number): Family[] {
  const observed = new Family({
    name: 'dupescope_observed_records_total',
    type: 'counter',
    unit: 'records',
    help: 'Records read by the topic observer',
  });
  const behind = new Family({
    name: 'dupescope_observer_partitions_behind',
    type: 'gauge',
    unit: 'partitions',
    help: 'Partitions in which the topic observer has not reached the end yet',
  });
  const lag = new Family({
    name: 'dupescope_observer_lag_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'Age of the newest record that the topic observer has read, of the partition farthest behind; 0 at the end',
    together: 'max',
  });
  const reach = new Family({
    name: 'dupescope_identity_window_seconds',
    type: 'gauge',
    unit: 'seconds',
    help: 'How far back identities are remembered now',
    together: 'max',
  });
  const short = new Family({
    name: 'dupescope_identity_window_short',
    type: 'gauge',
    unit: 'topics',
    help: '1: identities are remembered less far back than configured; 0: not',
    together: 'max',
  });
  const delays = new Family({
    name: DELAYS,
    type: 'histogram',
    unit: 'seconds',
    help: 'From the first copy of a message to a later one, to within 1%',
  });
  const duplicates = new Family({
    name: 'dupescope_duplicates_total',
    type: 'counter',
    unit: 'duplicates',
    help: 'Records whose identity stands at another place, by cause, counted once the cause is settled (up to a minute late)',
  });
  const anomalies = new Family({
    name: 'dupescope_sequence_anomalies_total',
    type: 'counter',
    unit: 'batches',
    help: 'Record batches whose sequences their producer had used before in the same epoch',
  });
  // A topic made anew under its name goes on counting where the old one stopped.
  for (const row of observedTopics(db, { order: 'first-observed', limit: 100_000 })) {
    const labels = topics.labels({ cluster: row.cluster, topic: row.topic });
    observed.add(labels, row.records);
    anomalies.add(labels, row.sequenceAnomalies);
    const window = reachOf(row);
    if (window !== null) {
      reach.add(labels, window.reachMs / 1000);
      short.add(labels, window.shorter ? 1 : 0);
    }
    const late = observerPlaces(db, row.id).filter(({ state }) => state !== 'live');
    behind.add(labels, late.length);
    lag.add(labels, Math.max(0, ...late.map(({ newestAt }) => (newestAt > 0 ? now - newestAt : 0))) / 1000);
    addDelays(db, delays, labels, row);
    for (const cause of COPY_CAUSES) duplicates.add({ ...labels, kind: 'duplicate', cause }, 0);
  }
  for (const { cluster, topic, kind, cause, records } of duplicateTotalsOf(db)) {
    duplicates.add({ ...topics.labels({ cluster, topic }), kind, cause }, records);
  }
  return [observed, behind, lag, reach, short, duplicates, anomalies, delays];
}

/** The buckets are counted already; Prometheus wants each to hold those below it. */
function addDelays(db: Store, delays: Family, labels: Labels, { id }: ObservedTopicRow): void {
  const buckets = delayBuckets(db, id).map(({ bucket, records }) => ({
    at: upperMs(bucket) / 1000,
    records,
  }));
  const upTo = (bound: number) =>
    buckets.reduce((sum, { at, records }) => (at <= bound ? sum + records : sum), 0);
  for (const bound of [...BOUNDS, Number.POSITIVE_INFINITY]) {
    const le = Number.isFinite(bound) ? String(bound) : '+Inf';
    delays.add({ ...labels, le }, upTo(bound), { suffix: '_bucket' });
  }
  delays.add(
    labels,
    buckets.reduce((sum, { at, records }) => sum + at * records, 0),
    { suffix: '_sum' },
  );
  delays.add(labels, upTo(Number.POSITIVE_INFINITY), { suffix: '_count' });
}
