/** What /metrics says of observed topics. */
import { Counter, Gauge, type OpenMetricsContentType, type Registry } from 'prom-client';
import { upperMs } from '../identity';
import type { Store } from '../store/open';
import {
  delayBuckets,
  duplicateTotalsOf,
  type ObservedTopicRow,
  observedTopics,
  observerPlaces,
} from '../store/queries';

type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

/** Upper bounds of the histogram, in seconds: where windows of de-duplication are set. */
const BOUNDS = [0.1, 1, 10, 60, 300, 900, 3_600, 6 * 3_600, 86_400, 7 * 86_400];
/** So many topics are told by themselves; more share the name `(others)`. */
const TOPICS_MAX = 1_000;
const OTHERS = '(others)';

interface TopicSum {
  cluster: string;
  topic: string;
  records: number;
  reachSeconds: number | null;
  behind: number;
  /** Cumulative, by bound; the last is +Inf. */
  delays: number[];
  delaySum: number;
}

export function topicMetrics(db: Store, registers: AnyRegistry[]): void {
  const names = ['cluster', 'topic'];
  const sums = topicSums(db);
  const observed = new Counter({
    name: 'dupescope_observed_records_total',
    help: 'Records read by the topic observer',
    labelNames: names,
    registers,
  });
  const behind = new Gauge({
    name: 'dupescope_observer_partitions_behind',
    help: 'Partitions in which the topic observer has not reached the end yet',
    labelNames: names,
    registers,
  });
  const reach = new Gauge({
    name: 'dupescope_identity_window_seconds',
    help: 'How far back identities are remembered now',
    labelNames: names,
    registers,
  });
  for (const sum of sums.values()) {
    const labels = { cluster: sum.cluster, topic: sum.topic };
    observed.inc(labels, sum.records);
    behind.set(labels, sum.behind);
    if (sum.reachSeconds !== null) reach.set(labels, sum.reachSeconds);
  }
  const duplicates = new Counter({
    name: 'dupescope_duplicates_total',
    help: 'Records whose identity stands at another place, by cause, counted once the cause is settled (up to a minute late)',
    labelNames: [...names, 'kind', 'cause'],
    registers,
  });
  for (const { cluster, topic, kind, cause, records } of duplicateTotalsOf(db)) {
    const known = sums.has(keyOf(cluster, topic));
    duplicates.inc({ cluster, topic: known ? topic : OTHERS, kind, cause }, records);
  }
  for (const registry of registers) {
    // A histogram whose buckets are counted already: prom-client's own takes single observations alone.
    registry.registerMetric(delayHistogram([...sums.values()]) as unknown as Counter);
  }
}

function topicSums(db: Store): Map<string, TopicSum> {
  const sums = new Map<string, TopicSum>();
  for (const row of observedTopics(db, { limit: 100_000 })) {
    const topic = sums.size < TOPICS_MAX || sums.has(keyOf(row.cluster, row.topic)) ? row.topic : OTHERS;
    const key = keyOf(row.cluster, topic);
    const sum = sums.get(key) ?? emptySum(row.cluster, topic);
    sums.set(key, sum);
    addTopic(db, sum, row);
  }
  return sums;
}

function keyOf(cluster: string, topic: string): string {
  return JSON.stringify([cluster, topic]);
}

function emptySum(cluster: string, topic: string): TopicSum {
  const delays = new Array<number>(BOUNDS.length + 1).fill(0);
  return { cluster, topic, records: 0, reachSeconds: null, behind: 0, delays, delaySum: 0 };
}

/** A topic made anew under its name goes on counting where the old one stopped. */
function addTopic(db: Store, sum: TopicSum, row: ObservedTopicRow): void {
  sum.records += row.records;
  if (row.oldestAt !== null && row.horizonAt !== null) {
    sum.reachSeconds = Math.max(0, row.horizonAt - row.oldestAt) / 1000;
  }
  sum.behind += observerPlaces(db, row.id).filter(({ state }) => state !== 'live').length;
  for (const { bucket, records } of delayBuckets(db, row.id)) {
    const seconds = upperMs(bucket) / 1000;
    BOUNDS.forEach((bound, i) => {
      if (seconds <= bound) sum.delays[i] = (sum.delays[i] as number) + records;
    });
    sum.delays[BOUNDS.length] = (sum.delays[BOUNDS.length] as number) + records;
    sum.delaySum += seconds * records;
  }
}

function delayHistogram(sums: readonly TopicSum[]): object {
  const name = 'dupescope_time_to_duplicate_seconds';
  const values = sums
    .filter(({ delays }) => (delays.at(-1) as number) > 0)
    .flatMap(({ cluster, topic, delays, delaySum }) => [
      ...delays.map((value, i) => ({
        metricName: `${name}_bucket`,
        labels: { cluster, topic, le: i < BOUNDS.length ? String(BOUNDS[i]) : '+Inf' },
        value,
      })),
      { metricName: `${name}_sum`, labels: { cluster, topic }, value: delaySum },
      { metricName: `${name}_count`, labels: { cluster, topic }, value: delays.at(-1) as number },
    ]);
  return {
    name,
    get: async () => ({
      name,
      help: 'From the first copy of a message to a later one, to within 1%',
      type: 'histogram',
      aggregator: 'sum',
      values,
    }),
  };
}
