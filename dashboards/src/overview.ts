/** Dupescope / Overview: what a team sees first. Prometheus alone, general to specific. */
import { finish } from './finish';
import { heat, NEUTRAL, NONE_IS_GOOD, ONE_IS_SERIOUS, type Steps, series, stat } from './panels';
import { buckets, growth, metric, now, over, overRange, rate, traced } from './promql';
import { dashboard } from './sdk';
import { dataSource, labels, PROMETHEUS } from './variables';

export const OVERVIEW_UID = 'dupescope-overview';

/** As the alert on the share of redeliveries. */
const SHARE: Steps = [
  [null, 'green'],
  [0.001, 'yellow'],
  [0.01, 'red'],
];
/** As the alert on exposure: 2 minutes. */
const EXPOSED: Steps = [
  [null, 'green'],
  [30, 'yellow'],
  [120, 'red'],
];
/** As the alert on the observers: 5 minutes. */
const BEHIND: Steps = [
  [null, 'green'],
  [60, 'yellow'],
  [300, 'red'],
];
const CAUGHT: Steps = [
  [null, 'red'],
  [0.9, 'yellow'],
  [1, 'green'],
];
const YES_NO: dashboard.ValueMapping[] = [
  {
    type: 'value',
    options: { 0: { text: 'behind', color: 'red', index: 0 }, 1: { text: 'well', color: 'green', index: 1 } },
  } as unknown as dashboard.ValueMapping,
];

const ANY_GROUP = '{__name__=~"dupescope_deliveries_total|dupescope_rewinds_total"';
const BOTH =
  '{__name__=~"dupescope_deliveries_total|dupescope_rewinds_total|dupescope_observed_records_total"';

const row = (title: string) => new dashboard.RowBuilder(title);

const ratio = (part: string, whole: string) => `${part} / ${whole}`;

export function overview(): dashboard.Dashboard {
  const built = new dashboard.DashboardBuilder('Dupescope / Overview')
    .uid(OVERVIEW_UID)
    .description(
      'Which Kafka records are delivered or written more than once, by whom, why, and whether it hurts.',
    )
    .tags(['dupescope', 'kafka'])
    .time({ from: 'now-6h', to: 'now' })
    .refresh('30s')
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .withVariable(dataSource('datasource', 'prometheus', 'Prometheus'))
    .withVariable(labels('cluster', `label_values(${BOTH}}, cluster)`))
    .withVariable(labels('group', `label_values(${ANY_GROUP}, cluster=~"$cluster"}, group)`))
    .withVariable(labels('topic', `label_values(${BOTH}, cluster=~"$cluster"}, topic)`))
    .annotation(
      event(
        'Rewinds',
        'red',
        `sum by (group, topic, cause) (${growth('rewinds_total')}) > 0`,
        '{{group}}: committed offset of {{topic}} went down ({{cause}})',
      ),
    )
    .annotation(
      event(
        'Rebalances',
        'blue',
        `sum by (group) (${growth('rebalances_total', 'groupOnly')}) > 0`,
        '{{group}} rebalanced',
      ),
    )
    .link(
      new dashboard.DashboardLinkBuilder('Evidence')
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(['dupescope-evidence'])
        .keepTime(true)
        .includeVars(true),
    );
  built.withRow(row('In this time range'));
  for (const panel of atAGlance()) built.withPanel(panel);
  built.withRow(row('Delivered and written more than once'));
  for (const panel of copies()) built.withPanel(panel);
  built.withRow(row('Commit lag and consumer lag'));
  for (const panel of lags()) built.withPanel(panel);
  built.withRow(row('Idempotency'));
  for (const panel of idempotency()) built.withPanel(panel);
  built.withRow(row('Groups'));
  for (const panel of groups()) built.withPanel(panel);
  built.withRow(row('Can this be trusted: observers and store'));
  for (const panel of health()) built.withPanel(panel);
  return finish(built.build(), PROMETHEUS);
}

function event(name: string, color: string, expr: string, title: string): dashboard.AnnotationQueryBuilder {
  return new dashboard.AnnotationQueryBuilder()
    .name(name)
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor(color)
    .expr(expr)
    .step('60s')
    .titleFormat(title);
}

function atAGlance() {
  return [
    stat({
      title: 'Redelivered',
      description:
        'Records that a group was handed again in this time range. Some are normal at deployments; look below for the group and the cause.',
      unit: 'short',
      decimals: 0,
      noValue: 'nothing instrumented',
      thresholds: NONE_IS_GOOD,
      width: 3,
      targets: [now(`sum(${overRange('redeliveries_total')})`)],
    }),
    stat({
      title: 'Share redelivered',
      description:
        'Redeliveries of all deliveries. The alert begins at 1%: from there on it is no longer only deployments.',
      unit: 'percentunit',
      noValue: 'no deliveries',
      thresholds: SHARE,
      width: 3,
      targets: [
        now(ratio(`sum(${overRange('redeliveries_total')})`, `sum(${overRange('deliveries_total')})`)),
      ],
    }),
    stat({
      title: 'Written twice',
      description:
        'Messages that stand in an observed topic more than once: each is delivered as often as it was written.',
      unit: 'short',
      decimals: 0,
      noValue: 'no topic observed',
      thresholds: NONE_IS_GOOD,
      width: 3,
      targets: [now(`sum(${overRange('duplicates_total', 'topic', 'kind="duplicate"')})`)],
    }),
    stat({
      title: 'Copies caught',
      description:
        "Of the copies that reached a handler, the share that the consumer's own check recognised. Below 100% something was applied again; without a check it is 0%.",
      unit: 'percentunit',
      noValue: 'no copies',
      thresholds: CAUGHT,
      width: 3,
      targets: [now(caught((name) => `sum(${overRange(name)})`))],
    }),
    stat({
      title: 'A crash now repeats',
      description:
        'Records handled and not committed, all groups together: what is delivered again if every consumer died now.',
      unit: 'short',
      decimals: 0,
      noValue: 'no consumer lives',
      thresholds: [
        [null, 'green'],
        [10_000, 'yellow'],
        [100_000, 'red'],
      ],
      width: 3,
      targets: [now(`sum(${metric('exposure_records')})`)],
    }),
    stat({
      title: 'Lost or at risk',
      description:
        'Records committed before they were handled and then not handled, and records that were skipped: the group is not at-least-once. One is too many.',
      unit: 'short',
      decimals: 0,
      noValue: 'nothing instrumented',
      thresholds: ONE_IS_SERIOUS,
      width: 3,
      targets: [
        now(`sum(${overRange('premature_commits_total')}) + sum(${overRange('skipped_records_total')})`),
      ],
    }),
    stat({
      title: 'Open incidents',
      description:
        'Findings of one cause and group, close in time, with one in the last five minutes. The Evidence dashboard tells them in words.',
      unit: 'short',
      noValue: 'none',
      thresholds: NONE_IS_GOOD,
      width: 3,
      targets: [now(`sum(${metric('incidents_open', 'none', 'cluster=~"$cluster"')})`)],
    }),
    stat(
      {
        title: 'Observers',
        description:
          'Whether what watches the clusters has caught up and reads without an error. While it is behind, numbers here are too low.',
        unit: 'none',
        noValue: 'nothing watched',
        thresholds: [
          [null, 'red'],
          [1, 'green'],
        ],
        width: 3,
        targets: [now(`min(${metric('observer_ready', 'none')})`)],
      },
      YES_NO,
    ),
  ];
}

/** Hits of all copies that ended; the sums of each are given. */
function caught(sum: (name: string) => string): string {
  const hits = sum('idempotency_hits_total');
  return ratio(hits, `(${hits} + ${sum('applied_again_total')})`);
}

function copies() {
  return [
    series({
      title: 'Redeliveries by group',
      description:
        'Records handed to the same group again, a second. Diamonds are single redeliveries: they lead to the trace.',
      unit: 'cps',
      noValue: 'No redelivery: no instrumented group was handed a record twice.',
      thresholds: NEUTRAL,
      width: 12,
      targets: [traced(`sum by (group) (${rate('redeliveries_total')})`, '{{group}}')],
    }),
    series(
      {
        title: 'Redeliveries by cause',
        description:
          'Why, once that is settled (up to a minute late). The cause says what to change: docs/causes.md.',
        unit: 'cps',
        noValue: 'No redelivery has a cause yet.',
        thresholds: NEUTRAL,
        width: 12,
        targets: [traced(`sum by (cause) (${rate('redelivery_causes_total')}) > 0`, '{{cause}}')],
      },
      { stacked: true },
    ),
    series({
      title: 'Duplicates by topic',
      description:
        'Messages found at another place of the same topic, a second: written twice, whoever reads them.',
      unit: 'cps',
      noValue: 'No topic is observed (serve --topics), or none has duplicates.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [
        over(`sum by (topic) (${rate('duplicates_total', 'topic', 'kind="duplicate"')})`, '{{topic}}'),
      ],
    }),
    series(
      {
        title: 'Duplicates by cause',
        description:
          'Who wrote the copies: a producer that retries without idempotence, the application, a restart, a mirror.',
        unit: 'cps',
        noValue: 'No duplicate has a cause yet.',
        thresholds: NEUTRAL,
        width: 8,
        targets: [
          over(`sum by (cause) (${rate('duplicates_total', 'topic', 'kind="duplicate"')}) > 0`, '{{cause}}'),
        ],
      },
      { stacked: true },
    ),
    heat({
      title: 'Time to duplicate',
      description:
        'From the first copy of a message to a later one. A consumer that remembers ids for less than this does not catch them.',
      unit: 's',
      noValue: 'No duplicate was found in this time range.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [buckets(`sum by (le) (${growth('time_to_duplicate_seconds_bucket', 'topic')})`)],
    }),
  ];
}

function lags() {
  return [
    series({
      title: 'Exposure, in records',
      description:
        'Commit lag: handled and not committed. This many records a crash of the group delivers again; commit more often where it is too many.',
      unit: 'short',
      noValue: 'No instrumented consumer lives.',
      thresholds: NEUTRAL,
      width: 6,
      targets: [over(`sum by (group) (${metric('exposure_records')})`, '{{group}}')],
    }),
    series({
      title: 'Exposure, in time',
      description:
        'Age of the oldest record that is handled and not committed. Growing over minutes: commits fail or are forgotten.',
      unit: 's',
      noValue: 'No instrumented consumer lives.',
      thresholds: EXPOSED,
      width: 6,
      targets: [over(`max by (group) (${metric('exposure_seconds')})`, '{{group}}')],
    }),
    series({
      title: 'Consumer lag, in records',
      description:
        'Log end minus committed offset. It holds the exposure too: what is handled and not committed counts as lag.',
      unit: 'short',
      noValue: 'No lag is read: start the service with --brokers.',
      thresholds: NEUTRAL,
      width: 6,
      targets: [over(`sum by (group) (${metric('consumer_lag_records')})`, '{{group}}')],
    }),
    series({
      title: 'Consumer lag, in time',
      description: 'Age of the oldest record that is not committed, where it is known.',
      unit: 's',
      noValue: 'No lag in time is known.',
      thresholds: [
        [null, 'green'],
        [60, 'yellow'],
        [600, 'red'],
      ],
      width: 6,
      targets: [over(`max by (group) (${metric('consumer_lag_seconds')})`, '{{group}}')],
    }),
  ];
}

function idempotency() {
  return [
    series(
      {
        title: 'What became of copies',
        description:
          "Copies that the consumer's own check recognised (hits), and copies that were applied again. Both stand for deliveries that happened twice; only the second may hurt.",
        unit: 'cps',
        noValue: 'No copy reached a handler.',
        thresholds: NEUTRAL,
        width: 12,
        targets: [
          over(`sum(${rate('idempotency_hits_total')})`, 'hits: recognised'),
          over(`sum(${rate('applied_again_total')})`, 'applied again'),
        ],
      },
      { stacked: true },
    ),
    series({
      title: 'Catch ratio by group',
      description:
        'Hits of all copies. 0: the group has no check, or its check never hits. Below 1: its memory is too short (see Time to duplicate), or it is not asked.',
      unit: 'percentunit',
      noValue: 'No copy reached a handler.',
      thresholds: CAUGHT,
      width: 12,
      targets: [
        over(
          caught((name) => `sum by (group) (${growth(name)})`),
          '{{group}}',
        ),
      ],
    }),
  ];
}

function groups() {
  return [
    series({
      title: 'Deliveries',
      description: 'Records handed to handlers, a second, by group; and those whose handler threw.',
      unit: 'cps',
      noValue: 'Nothing is instrumented: one line does it, see the README.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [
        over(`sum by (group) (${rate('deliveries_total')})`, '{{group}}'),
        over(`sum by (group) (${rate('failed_deliveries_total')}) > 0`, '{{group}}: failed'),
      ],
    }),
    series({
      title: 'Rewinds',
      description:
        "Committed offsets that went down, by group and cause: a seek, an operator's reset, expired offsets. What lies above is delivered again.",
      unit: 'short',
      noValue: 'No committed offset went down.',
      thresholds: NONE_IS_GOOD,
      width: 8,
      targets: [over(`sum by (group, cause) (${growth('rewinds_total')}) > 0`, '{{group}}: {{cause}}')],
    }),
    series({
      title: 'Rebalances',
      description:
        'Generations that began, of groups watched from outside. Many beside redeliveries: sessions time out, or members come and go.',
      unit: 'short',
      noValue: 'No group is watched from outside: start the service with --brokers.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [over(`sum by (group) (${growth('rebalances_total', 'groupOnly')})`, '{{group}}')],
    }),
    series({
      title: 'Committed too early, and skipped',
      description:
        'Records committed before they were handled and then not handled; records below the committed offset that were never delivered. Both can be lost.',
      unit: 'short',
      noValue: 'Nothing was committed early or skipped.',
      thresholds: ONE_IS_SERIOUS,
      width: 8,
      targets: [
        over(`sum by (group) (${growth('premature_commits_total')})`, '{{group}}: premature'),
        over(`sum by (group) (${growth('skipped_records_total')})`, '{{group}}: skipped'),
      ],
    }),
    series({
      title: 'Stalled commits',
      description:
        'Partitions in which records are handled and none was committed for long. A restart delivers all of it again.',
      unit: 'short',
      noValue: 'No commits stall.',
      thresholds: NONE_IS_GOOD,
      width: 8,
      targets: [over(`max by (group) (${metric('stalled_commits', 'groupOnly')})`, '{{group}}')],
    }),
    series({
      title: 'Living consumers',
      description: 'Instrumented consumers that live now, by group.',
      unit: 'short',
      noValue: 'No instrumented consumer lives.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [over(`sum by (group) (${metric('sessions', 'groupOnly')})`, '{{group}}')],
    }),
  ];
}

function health() {
  return [
    series({
      title: 'Topic observer behind, in time',
      description:
        'Age of what the observer reads now, by topic; 0: it is at the end. Duplicates of what it has not read are not in these numbers.',
      unit: 's',
      noValue: 'No topic is observed.',
      thresholds: BEHIND,
      width: 8,
      targets: [over(`max by (topic) (${metric('observer_lag_seconds', 'topic')})`, '{{topic}}')],
    }),
    series({
      title: 'Partitions behind',
      description: 'Partitions whose end the topic observer has not reached.',
      unit: 'short',
      noValue: 'No topic is observed.',
      thresholds: NEUTRAL,
      width: 4,
      targets: [over(`sum by (topic) (${metric('observer_partitions_behind', 'topic')})`, '{{topic}}')],
    }),
    series({
      title: 'Records observed',
      description: 'What the topic observer reads, a second.',
      unit: 'cps',
      noValue: 'No topic is observed.',
      thresholds: NEUTRAL,
      width: 4,
      targets: [over(`sum by (topic) (${rate('observed_records_total', 'topic')})`, '{{topic}}')],
    }),
    series({
      title: 'Identities reach back',
      description:
        'How far back identities are remembered, by topic: a copy that comes later than this is not found. Compare with Time to duplicate.',
      unit: 's',
      noValue: 'No identities are remembered.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [over(`min by (topic) (${metric('identity_window_seconds', 'topic')})`, '{{topic}}')],
    }),
    stat({
      title: 'Detail dropped',
      description:
        'Deliveries whose detail could not be kept in this time range: the disk was full or the service away for too long. Counts above are right, evidence is missing.',
      unit: 'short',
      decimals: 0,
      noValue: 'no service',
      thresholds: NONE_IS_GOOD,
      width: 6,
      targets: [now(`sum(${overRange('dropped_detail_total', 'none')})`)],
    }),
    stat({
      title: 'Uncertain records',
      description: 'Records of which a kill left unknown whether the handler saw them.',
      unit: 'short',
      decimals: 0,
      noValue: 'nothing instrumented',
      thresholds: NEUTRAL,
      width: 6,
      targets: [now(`sum(${overRange('uncertain_records_total')})`)],
    }),
    stat({
      title: 'Store',
      description:
        'What the rows of the store fill on disk. Retention keeps it below 2 GiB unless configured otherwise.',
      unit: 'bytes',
      noValue: 'no service',
      thresholds: [
        [null, 'green'],
        [2 * 1024 ** 3, 'yellow'],
      ],
      width: 6,
      targets: [now(`sum(${metric('store_bytes', 'none')})`)],
    }),
    stat({
      title: 'Names told together',
      description:
        'Groups, topics and partitions beyond the bound of /metrics: they are counted in the series named other. The service itself knows them all.',
      unit: 'short',
      noValue: 'no service',
      thresholds: NONE_IS_GOOD,
      width: 6,
      targets: [now(`sum(${metric('label_sets_in_other', 'none')})`)],
    }),
  ];
}
