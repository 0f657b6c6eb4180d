/** Whether the numbers can be trusted: observers and store. */
import { NEUTRAL, NONE_IS_GOOD, type Steps, series, stat } from '../panels';
import { metric, now, OF_TOPIC, over, overRange, rate } from '../promql';

/** As the alert on the observers: 5 minutes. */
const BEHIND: Steps = [
  [null, 'green'],
  [60, 'yellow'],
  [300, 'red'],
];

export function health() {
  return [
    series({
      title: 'Topic observer behind, in time',
      description:
        'Age of what the observer reads now, by topic; 0: it is at the end. Duplicates of what it has not read are not in these numbers.',
      unit: 's',
      noValue: 'No topic is observed.',
      thresholds: BEHIND,
      width: 8,
      targets: [over(`max by (cluster, topic) (${metric('observer_lag_seconds', 'topic')})`, OF_TOPIC)],
    }),
    series({
      title: 'Partitions behind',
      description: 'Partitions whose end the topic observer has not reached.',
      unit: 'short',
      noValue: 'No topic is observed.',
      thresholds: NEUTRAL,
      width: 4,
      targets: [over(`sum by (cluster, topic) (${metric('observer_partitions_behind', 'topic')})`, OF_TOPIC)],
    }),
    series({
      title: 'Records observed',
      description: 'What the topic observer reads, a second.',
      unit: 'cps',
      noValue: 'No topic is observed.',
      thresholds: NEUTRAL,
      width: 4,
      targets: [over(`sum by (cluster, topic) (${rate('observed_records_total', 'topic')})`, OF_TOPIC)],
    }),
    series({
      title: 'Identities reach back',
      description:
        'How far back identities are remembered, by topic: a copy that comes later than this is not found. Compare with Time to duplicate.',
      unit: 's',
      noValue: 'No identities are remembered.',
      thresholds: NEUTRAL,
      width: 8,
      targets: [over(`min by (cluster, topic) (${metric('identity_window_seconds', 'topic')})`, OF_TOPIC)],
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
        'What the rows of the store fill on disk, of each service. Retention keeps it below 2 GiB unless configured otherwise.',
      unit: 'bytes',
      noValue: 'no service',
      thresholds: [
        [null, 'green'],
        [2 * 1024 ** 3, 'yellow'],
      ],
      width: 6,
      targets: [now(`max by (instance) (${metric('store_bytes', 'none')})`, '{{instance}}')],
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
