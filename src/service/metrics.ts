/**
 * /metrics: read from the store at each scrape, so a restart of the service changes nothing. Counters are the
 * store's own totals, which only grow; the one that retention could shrink (`dropped_detail` rows grow old) is held
 * at its highest. No label ever carries a record's key, an id or a host; partition stands on gauges alone.
 */
import { Counter, Gauge, type OpenMetricsContentType, Registry } from 'prom-client';
import { exposureOf } from '../ledger';
import type { Store } from '../store/open';
import {
  causeTotalsOf,
  droppedOf,
  livePositions,
  liveSessions,
  openIncidents,
  rewindTotalsOf,
  totalsOf,
  watchedGroups,
} from '../store/queries';
import type { AnswerContext } from './answers';
import { seconds } from './time';
import { topicMetrics } from './topic-metrics';

const BY_TOPIC = ['cluster', 'group', 'topic'] as const;
const BY_PARTITION = ['cluster', 'group', 'topic', 'partition'] as const;
const OPEN_METRICS = /application\/openmetrics-text/i;

type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

export interface MetricsText {
  type: string;
  body(): Promise<string>;
}

export class Metrics {
  private droppedHighest = 0;

  /** @param accept the Accept header */
  scrape(db: Store, accept: string, { lag, now }: AnswerContext): MetricsText {
    const registry = registryFor(accept);
    const registers = [registry];
    this.counters(db, registers);
    gauges(db, registers, now);
    topicMetrics(db, registers);
    if (lag !== null) {
      const gauge = new Gauge({
        name: 'dupescope_consumer_lag_records',
        help: 'Log end minus committed offset',
        labelNames: BY_PARTITION,
        registers,
      });
      const age = new Gauge({
        name: 'dupescope_consumer_lag_seconds',
        help: 'Age of the oldest record that is not committed, where it is known',
        labelNames: BY_PARTITION,
        registers,
      });
      for (const { cluster, group, topic, partition, records, seconds: old } of lag.all()) {
        const labels = { cluster, group, topic, partition };
        if (records !== null) gauge.set(labels, records);
        if (typeof old === 'number') age.set(labels, old);
      }
    }
    return { type: registry.contentType, body: () => registry.metrics() };
  }

  private counters(db: Store, registers: AnyRegistry[]): void {
    const make = (name: string, help: string) => new Counter({ name, help, labelNames: BY_TOPIC, registers });
    const deliveries = make('dupescope_deliveries_total', 'Records handed to handlers');
    const redeliveries = make('dupescope_redeliveries_total', 'Records handed to the same group again');
    const uncertain = make('dupescope_uncertain_records_total', 'Records that a kill left uncertain');
    const premature = make(
      'dupescope_premature_commits_total',
      'Records committed before they were handled, and then not handled',
    );
    const skipped = make(
      'dupescope_skipped_records_total',
      'Records below the committed offset, known to exist, never delivered to the group',
    );
    for (const { cluster, group, topic, ...totals } of totalsOf(db)) {
      const labels = { cluster, group, topic };
      deliveries.inc(labels, totals.deliveries);
      redeliveries.inc(labels, totals.redeliveries);
      uncertain.inc(labels, totals.uncertain);
      premature.inc(labels, totals.premature);
      skipped.inc(labels, totals.skipped);
    }
    const causes = new Counter({
      name: 'dupescope_redelivery_causes_total',
      help: 'Redelivered records by cause, counted once the cause is settled (up to a minute late)',
      labelNames: [...BY_TOPIC, 'cause'],
      registers,
    });
    for (const { records, ...labels } of causeTotalsOf(db)) causes.inc({ ...labels }, records);
    const rewinds = new Counter({
      name: 'dupescope_rewinds_total',
      help: 'Committed offsets that went down, by cause, counted once the cause is settled (up to a minute late)',
      labelNames: [...BY_TOPIC, 'cause'],
      registers,
    });
    for (const { rewinds: count, ...labels } of rewindTotalsOf(db)) rewinds.inc({ ...labels }, count);
    const rebalances = new Counter({
      name: 'dupescope_rebalances_total',
      help: 'Generations that began with members, of groups watched from outside',
      labelNames: ['cluster', 'group'],
      registers,
    });
    for (const row of watchedGroups(db)) {
      rebalances.inc({ cluster: row.cluster, group: row.group }, row.rebalances);
    }
    this.droppedHighest = Math.max(this.droppedHighest, droppedOf(db).deliveries);
    const dropped = new Counter({
      name: 'dupescope_dropped_detail_total',
      help: 'Deliveries whose detail could not be kept',
      registers,
    });
    dropped.inc(this.droppedHighest);
  }
}

function registryFor(accept: string): AnyRegistry {
  if (!OPEN_METRICS.test(accept)) return new Registry();
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

function gauges(db: Store, registers: AnyRegistry[], now: number): void {
  const records = new Gauge({
    name: 'dupescope_exposure_records',
    help: 'Handled and not committed: what a crash now delivers again',
    labelNames: BY_PARTITION,
    registers,
  });
  const age = new Gauge({
    name: 'dupescope_exposure_seconds',
    help: 'Age of the oldest record handled and not committed',
    labelNames: BY_PARTITION,
    registers,
  });
  for (const position of livePositions(db)) {
    const { cluster, group, topic, partition } = position;
    const exposure = exposureOf(position, now);
    records.set({ cluster, group, topic, partition }, exposure.records);
    age.set({ cluster, group, topic, partition }, seconds(exposure.ageMs));
  }
  const incidents = new Gauge({
    name: 'dupescope_incidents_open',
    help: 'Incidents with a finding within the last five minutes',
    labelNames: ['cluster', 'group', 'kind'],
    registers,
  });
  for (const { cluster, group, kind, incidents: open } of openIncidents(db, now)) {
    incidents.set({ cluster, group: group ?? '', kind }, open);
  }
  const sessions = new Gauge({
    name: 'dupescope_sessions',
    help: 'Consumers that live now',
    labelNames: ['cluster', 'group'],
    registers,
  });
  for (const row of liveSessions(db)) sessions.set({ cluster: row.cluster, group: row.group }, row.sessions);
}
