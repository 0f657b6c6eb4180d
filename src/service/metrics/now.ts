/** The gauges of groups: exposure, consumer lag, stalled commits, incidents and sessions, as they are now. */
import { exposureOf } from '../../ledger';
import type { Store } from '../../store/open';
import { livePositions, liveSessions, openIncidents, stalledNow } from '../../store/queries';
import type { LagSource } from '../lag';
import { seconds } from '../time';
import { Family, type FamilyFacts } from './family';
import type { GroupBounds } from './groups';
import { LabelSets } from './label-sets';

/** So many partitions are told by themselves, of each gauge. */
const PARTITIONS_MAX = 5_000;

const gauge = (name: string, unit: string, help: string, together: Pick<FamilyFacts, 'together'> = {}) =>
  new Family({ name, type: 'gauge', unit, help, ...together });

export interface NowMetrics {
  families: Family[];
  /** The bounds that held for them. */
  limits: LabelSets[];
}

export function nowMetrics(
  db: Store,
  { now, lag }: { now: number; lag: LagSource | null },
  { delivering, groups }: GroupBounds,
): NowMetrics {
  const exposed = exposure(db, now);
  const lagging = lag === null ? { families: [], limits: [] } : consumerLag(lag);
  const incidents = gauge(
    'dupescope_incidents_open',
    'incidents',
    'Incidents with a finding within the last five minutes',
  );
  for (const { cluster, group, kind, incidents: open } of openIncidents(db, now)) {
    const of = { cluster, group: group ?? '' };
    incidents.add({ ...(delivering.group(of) ?? groups.labels(of)), kind }, open);
  }
  const sessions = gauge('dupescope_sessions', 'sessions', 'Consumers that live now');
  for (const { cluster, group, sessions: living } of liveSessions(db)) {
    const labels = delivering.group({ cluster, group });
    if (labels !== null) sessions.add(labels, living);
  }
  const stalled = gauge(
    'dupescope_stalled_commits',
    'partitions',
    'Partitions in which records are handled, or wait, and none was committed for long',
  );
  for (const { cluster, group, partitions } of stalledNow(db)) {
    const of = { cluster, group };
    stalled.add(delivering.group(of) ?? groups.labels(of), partitions);
  }
  return {
    families: [...exposed.families, ...lagging.families, incidents, sessions, stalled],
    limits: [...exposed.limits, ...lagging.limits],
  };
}

function exposure(db: Store, now: number): NowMetrics {
  const bound = new LabelSets('exposure', PARTITIONS_MAX);
  const records = gauge(
    'dupescope_exposure_records',
    'records',
    'Handled and not committed: what a crash now delivers again',
  );
  const age = gauge(
    'dupescope_exposure_seconds',
    'seconds',
    'Age of the oldest record handled and not committed',
    { together: 'max' },
  );
  for (const position of livePositions(db)) {
    const { cluster, group, topic, partition } = position;
    const labels = bound.labels({ cluster, group, topic, partition: String(partition) });
    const { records: count, ageMs } = exposureOf(position, now);
    records.add(labels, count);
    age.add(labels, seconds(ageMs));
  }
  return { families: [records, age], limits: [bound] };
}

function consumerLag(lag: LagSource): NowMetrics {
  const bound = new LabelSets('consumer_lag', PARTITIONS_MAX);
  const records = gauge('dupescope_consumer_lag_records', 'records', 'Log end minus committed offset');
  const age = gauge(
    'dupescope_consumer_lag_seconds',
    'seconds',
    'Age of the oldest record that is not committed, where it is known',
    { together: 'max' },
  );
  for (const { cluster, group, topic, partition, records: count, seconds: old } of lag.all()) {
    const labels = bound.labels({ cluster, group, topic, partition: String(partition) });
    if (count !== null) records.add(labels, count);
    if (typeof old === 'number') age.add(labels, old);
  }
  return { families: [records, age], limits: [bound] };
}
