/** What groups do, and what is done to them. */
import { NEUTRAL, NONE_IS_GOOD, ONE_IS_SERIOUS, series } from '../panels';
import { growth, metric, OF_GROUP, over, rate } from '../promql';

export function groups() {
  return [
    series({
      title: 'Deliveries',
      description: 'Records handed to handlers, a second, by group; and those whose handler threw.',
      unit: 'cps',
      noValue: 'Nothing is instrumented: one line does it, see the README.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [
        over(`sum by (cluster, group) (${rate('deliveries_total')})`, OF_GROUP),
        over(`sum by (cluster, group) (${rate('failed_deliveries_total')}) > 0`, `${OF_GROUP}: failed`),
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
      targets: [
        over(`sum by (cluster, group, cause) (${growth('rewinds_total')}) > 0`, `${OF_GROUP}: {{cause}}`),
      ],
    }),
    series({
      title: 'Rebalances',
      description:
        'Generations that began, of groups watched from outside. Many beside redeliveries: sessions time out, or members come and go.',
      unit: 'short',
      noValue: 'No group is watched from outside: start the service with --brokers.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [over(`sum by (cluster, group) (${growth('rebalances_total', 'groupOnly')})`, OF_GROUP)],
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
        over(`sum by (cluster, group) (${growth('premature_commits_total')})`, `${OF_GROUP}: premature`),
        over(`sum by (cluster, group) (${growth('skipped_records_total')})`, `${OF_GROUP}: skipped`),
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
      targets: [over(`max by (cluster, group) (${metric('stalled_commits', 'groupOnly')})`, OF_GROUP)],
    }),
    series({
      title: 'Living consumers',
      description: 'Instrumented consumers that live now, by group.',
      unit: 'short',
      noValue: 'No instrumented consumer lives.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [over(`sum by (cluster, group) (${metric('sessions', 'groupOnly')})`, OF_GROUP)],
    }),
  ];
}
