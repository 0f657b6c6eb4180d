/** The first row: one number each, over the time range that is shown. */
import { NONE_IS_GOOD, ONE_IS_SERIOUS, type Steps, stat } from '../panels';
import { metric, now, overRange } from '../promql';
import type { dashboard } from '../sdk';
import { CAUGHT, caught, ratio } from './levels';

/** As the alert on the share of redeliveries. */
const SHARE: Steps = [
  [null, 'green'],
  [0.001, 'yellow'],
  [0.01, 'red'],
];

const YES_NO: dashboard.ValueMapping[] = [
  {
    type: 'value',
    options: { 0: { text: 'behind', color: 'red', index: 0 }, 1: { text: 'well', color: 'green', index: 1 } },
  } as unknown as dashboard.ValueMapping,
];

export function atAGlance() {
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
        "Of the copies that reached a handler, the share that the consumer's own check recognised. Below 100% something was applied again; without a check it is 0%. Those that were in flight at a kill, perhaps applied again, are left out.",
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
        'Findings of one cause and group, close in time, with one in the last five minutes, whatever their topic; those of topics alone (duplicates) are among them while no group is chosen. The Evidence dashboard tells them in words.',
      unit: 'short',
      noValue: 'none',
      thresholds: NONE_IS_GOOD,
      width: 3,
      targets: [now(`sum(${metric('incidents_open', 'groupOnly')})`)],
    }),
    stat(
      {
        title: 'Observers',
        description:
          'Whether what watches the clusters, of each service, has caught up and reads without an error. While it is behind, numbers here are too low.',
        unit: 'none',
        noValue: 'nothing watched',
        thresholds: [
          [null, 'red'],
          [1, 'green'],
        ],
        width: 3,
        targets: [now(`min by (instance) (${metric('observer_ready', 'none')})`, '{{instance}}')],
      },
      YES_NO,
    ),
  ];
}
