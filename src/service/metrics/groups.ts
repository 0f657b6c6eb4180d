/** What /metrics counts of groups. The store's own totals, which only grow: facts that come late add to them. */
import { CAUSES, REWIND_CAUSES } from '../../ledger';
import type { Store } from '../../store/open';
import {
  causeTotalsOf,
  outsideTotalsOf,
  rewindTotalsOf,
  type TotalsRow,
  totalsOf,
} from '../../store/queries';
import { Exemplars } from './exemplars';
import { Family } from './family';
import type { DeliveringSets, LabelSets } from './label-sets';

const counter = (name: string, unit: string, help: string) =>
  new Family({ name, type: 'counter', unit, help });

export interface GroupBounds {
  delivering: DeliveringSets;
  /** Groups with their topics, and groups, as they are seen from outside. */
  places: LabelSets;
  groups: LabelSets;
}

export function groupMetrics(db: Store, bounds: GroupBounds): Family[] {
  const exemplars = new Exemplars(db);
  const byName = {
    deliveries: counter('dupescope_deliveries_total', 'deliveries', 'Records handed to handlers'),
    redeliveries: counter(
      'dupescope_redeliveries_total',
      'redeliveries',
      'Records handed to the same group again',
    ),
    failed: counter(
      'dupescope_failed_deliveries_total',
      'deliveries',
      'Deliveries that ended with an error of the handler',
    ),
    uncertain: counter('dupescope_uncertain_records_total', 'records', 'Records that a kill left uncertain'),
    premature: counter(
      'dupescope_premature_commits_total',
      'records',
      'Records committed before they were handled, and then not handled',
    ),
    skipped: counter(
      'dupescope_skipped_records_total',
      'records',
      'Records below the committed offset, known to exist, never delivered to the group',
    ),
    hits: counter(
      'dupescope_idempotency_hits_total',
      'hits',
      "Copies that the consumer's own check recognised",
    ),
    appliedAgain: counter('dupescope_applied_again_total', 'records', 'Copies that were handled with no hit'),
    perhapsAgain: counter(
      'dupescope_perhaps_applied_again_total',
      'records',
      'Copies that were in flight when their process died: perhaps applied again, in no other count of what became of copies',
    ),
  };
  const causes = counter(
    'dupescope_redelivery_causes_total',
    'records',
    'Redelivered records by cause, counted once the cause is settled (up to a minute late)',
  );
  const rewinds = counter(
    'dupescope_rewinds_total',
    'rewinds',
    'Committed offsets that went down, by cause, counted once the cause is settled (up to a minute late)',
  );
  const rows = totalsOf(db);
  for (const { cluster, group, topic } of rows) {
    const labels = bounds.places.labels({ cluster, group, topic });
    for (const cause of REWIND_CAUSES) rewinds.add({ ...labels, cause }, 0);
  }
  for (const { cluster, group, topic, ...totals } of delivering(rows)) {
    const labels = bounds.delivering.labels({ cluster, group, topic });
    // Each cause from the start: a series that begins with its first count shows no increase.
    for (const cause of CAUSES) causes.add({ ...labels, cause }, 0);
    for (const [name, family] of Object.entries(byName)) {
      const exemplar = name === 'redeliveries' ? exemplars.of(cluster, group, topic) : {};
      family.add(labels, totals[name as keyof typeof byName], exemplar);
    }
  }
  for (const { cluster, group, topic, cause, records } of causeTotalsOf(db)) {
    const labels = { ...bounds.delivering.labels({ cluster, group, topic }), cause };
    causes.add(labels, records, exemplars.of(cluster, group, topic, cause));
  }
  for (const { cluster, group, topic, cause, rewinds: count } of rewindTotalsOf(db)) {
    rewinds.add({ ...bounds.places.labels({ cluster, group, topic }), cause }, count);
  }
  const rebalances = counter(
    'dupescope_rebalances_total',
    'rebalances',
    'Generations that began with members, of groups watched from outside',
  );
  const commits = counter(
    'dupescope_commits_total',
    'commits',
    'Offset commits of groups watched from outside, one a partition',
  );
  // Both in one go: whoever has one of them later takes nobody's place.
  for (const { cluster, group, ...totals } of outsideTotalsOf(db)) {
    const labels = bounds.groups.labels({ cluster, group });
    if (totals.rebalances !== null) rebalances.add(labels, totals.rebalances);
    if (totals.commits !== null) commits.add(labels, totals.commits);
  }
  return [...Object.values(byName), causes, rewinds, rebalances, commits];
}

/** Those that tell of deliveries, in the order of their first sessions: nobody later comes before them. */
function delivering(rows: readonly TotalsRow[]): TotalsRow[] {
  const order = ({ firstSession }: TotalsRow) => firstSession ?? Number.MAX_SAFE_INTEGER;
  return rows
    .filter(({ firstSession, deliveries }) => firstSession !== null || deliveries > 0)
    .sort((a, b) => order(a) - order(b) || a.firstPlace - b.firstPlace);
}
