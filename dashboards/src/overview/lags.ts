/** Commit lag and consumer lag. */
import { NEUTRAL, type Steps, series } from '../panels';
import { metric, OF_GROUP, over } from '../promql';

/** As the alert on exposure: 2 minutes. */
const EXPOSED: Steps = [
  [null, 'green'],
  [30, 'yellow'],
  [120, 'red'],
];

export function lags() {
  return [
    series({
      title: 'Exposure, in records',
      description:
        'Commit lag: handled and not committed. This many records a crash of the group delivers again; commit more often where it is too many.',
      unit: 'short',
      noValue: 'No instrumented consumer lives.',
      thresholds: NEUTRAL,
      width: 6,
      targets: [over(`sum by (cluster, group) (${metric('exposure_records')})`, OF_GROUP)],
    }),
    series({
      title: 'Exposure, in time',
      description:
        'Age of the oldest record that is handled and not committed. Growing over minutes: commits fail or are forgotten.',
      unit: 's',
      noValue: 'No instrumented consumer lives.',
      thresholds: EXPOSED,
      width: 6,
      targets: [over(`max by (cluster, group) (${metric('exposure_seconds')})`, OF_GROUP)],
    }),
    series({
      title: 'Consumer lag, in records',
      description:
        'Log end minus committed offset. It holds the exposure too: what is handled and not committed counts as lag.',
      unit: 'short',
      noValue: 'No lag is read: start the service with --brokers.',
      thresholds: NEUTRAL,
      width: 6,
      targets: [over(`sum by (cluster, group) (${metric('consumer_lag_records')})`, OF_GROUP)],
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
      targets: [over(`max by (cluster, group) (${metric('consumer_lag_seconds')})`, OF_GROUP)],
    }),
  ];
}
