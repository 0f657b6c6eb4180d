import { VERDICTS, type Verdict, verdictOf } from '../../ledger';
import type { Store } from '../../store/open';
import {
  changeVersion,
  droppedOf,
  duplicateSum,
  fileFacts,
  livePositions,
  openIncidents,
  summaryOf,
  verdictFacts,
} from '../../store/queries';
import type { Summary } from '../schemas';
import { rfc3339, rfc3339OrNull } from '../time';
import type { AnswerContext } from './context';
import { exposureTotal, lagTotal, totalsShape } from './exposure';

export function summaryAnswer(db: Store, context: AnswerContext): Summary {
  const row = summaryOf(db);
  const dropped = droppedOf(db);
  const written = duplicateSum(db);
  return {
    time: rfc3339(context.now),
    version: context.version,
    change: changeVersion(db),
    clusters: row.clusters,
    groups: row.groups,
    topics: row.topics,
    partitions: row.partitions,
    sessions: row.sessions,
    ...totalsShape(row),
    verdicts: verdictsOf(db),
    observed_records: written.observed,
    duplicates: written.duplicates,
    id_reuses: written.idReuses,
    incidents_open: openIncidents(db, context.now).reduce((sum, { incidents }) => sum + incidents, 0),
    ...exposureTotal(livePositions(db), context.now),
    ...lagTotal(context.lag?.all() ?? []),
    last_delivery_at: rfc3339OrNull(row.lastDeliveryAt),
    dropped_deliveries: dropped.deliveries,
    dropped_events: dropped.events,
    store_bytes: fileFacts(db).bytes,
  };
}

function verdictsOf(db: Store): Record<Verdict, number> {
  const counts = Object.fromEntries(VERDICTS.map((verdict) => [verdict, 0])) as Record<Verdict, number>;
  for (const facts of verdictFacts(db)) counts[verdictOf(facts).verdict]++;
  return counts;
}
