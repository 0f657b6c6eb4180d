/** Dupescope / Evidence: what was found, row by row, from the store's documented views. */
import { finish } from './finish';
import { incidentLinks, lifeLinks, recordLinks } from './links';
import { NEUTRAL, table } from './panels';
import { dashboard } from './sdk';
import { asks, DUPLICATES, HITS, INCIDENTS, LOSSES, RECORD, REDELIVERIES, VARIABLES } from './sql';
import { dataSource, names, SQLITE, text } from './variables';

export const EVIDENCE_UID = 'dupescope-evidence';

const WIDE = { because: 420, advice: 360 };

export function evidence(): dashboard.Dashboard {
  const built = new dashboard.DashboardBuilder('Dupescope / Evidence')
    .uid(EVIDENCE_UID)
    .description(
      'Incidents, redeliveries, duplicates and hits with their evidence, and the life of one record.',
    )
    .tags(['dupescope', 'dupescope-evidence', 'kafka'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('1m')
    .withVariable(dataSource('sqlite', 'frser-sqlite-datasource', 'Store'))
    .withVariable(dataSource('traces', 'tempo', 'Traces'))
    .withVariable(names('cluster', VARIABLES.cluster))
    .withVariable(names('group', VARIABLES.group))
    .withVariable(names('topic', VARIABLES.topic))
    .withVariable(text('service', 'Dupescope', 'http://127.0.0.1:7475'))
    .withVariable(text('record_topic', 'Record: topic', ''))
    .withVariable(text('record_partition', 'partition', '0'))
    .withVariable(text('record_offset', 'offset', '0'))
    .link(
      new dashboard.DashboardLinkBuilder('Overview')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['dupescope'])
        .keepTime(true)
        .includeVars(true),
    );
  for (const panel of panels()) built.withPanel(panel);
  return finish(built.build(), SQLITE);
}

function panels() {
  const common = { unit: 'none', thresholds: NEUTRAL, width: 24 };
  const record = { links: { first_offset: recordLinks() } };
  return [
    table(
      {
        ...common,
        title: 'Incidents',
        description:
          'What to read first: findings of one cause and group or topic, close in time, with the evidence in words and what to change.',
        noValue: 'No incident in this time range.',
        targets: [asks(INCIDENTS)],
      },
      { units: { longest_gap: 's' }, widths: WIDE, links: { id: incidentLinks() } },
    ),
    table(
      {
        ...common,
        title: 'Redeliveries',
        description:
          'Stretches of records that a group was handed again: to whom, how long after, what had become of them before, and why. Click an offset for the life of the record and its traces.',
        noValue: 'No redelivery in this time range.',
        targets: [asks(REDELIVERIES)],
      },
      { units: { gap: 's' }, widths: WIDE, ...record },
    ),
    table(
      {
        ...common,
        title: 'Duplicates',
        description:
          'Messages that stand in an observed topic more than once: both places, the time between them, who wrote the copy and why.',
        noValue: 'No duplicate in this time range; topics are observed with serve --topics.',
        targets: [asks(DUPLICATES)],
      },
      { units: { delay: 's' }, widths: WIDE, ...record },
    ),
    table(
      {
        ...common,
        width: 12,
        title: 'Idempotency hits',
        description:
          "Copies that the consumer's own check recognised, and how much time lay between the copies against what the check remembers.",
        noValue: 'No hit in this time range.',
        targets: [asks(HITS)],
      },
      { units: { age: 's', window: 's' }, ...record },
    ),
    table(
      {
        ...common,
        width: 12,
        title: 'Committed early, and skipped',
        description:
          'Records that can be lost: committed before they were handled and then not handled, or never delivered to the group.',
        noValue: 'Nothing was committed early or skipped in this time range.',
        targets: [asks(LOSSES)],
      },
      record,
    ),
    table(
      {
        ...common,
        title: 'Life of the record chosen above',
        description:
          'Every delivery of one record in the clusters chosen, each redelivery with its cause, hits, and whether the record is itself a copy. Times are of the stretch that the record stands in.',
        noValue:
          'No delivery is known of this record: choose topic, partition and offset above, or click an offset in a table.',
        targets: [asks(RECORD)],
      },
      { widths: { words: 600 }, links: { what: lifeLinks() } },
    ),
  ];
}
