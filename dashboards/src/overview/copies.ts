/** What was delivered or written more than once. */
import { heat, NEUTRAL, series } from '../panels';
import { buckets, growth, OF_GROUP, OF_TOPIC, over, rate, traced } from '../promql';

export function copies() {
  return [
    series({
      title: 'Redeliveries by group',
      description:
        'Records handed to the same group again, a second. Diamonds are single redeliveries: they lead to the trace.',
      unit: 'cps',
      noValue: 'No redelivery: no instrumented group was handed a record twice.',
      thresholds: NEUTRAL,
      width: 12,
      targets: [traced(`sum by (cluster, group) (${rate('redeliveries_total')})`, OF_GROUP)],
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
        over(`sum by (cluster, topic) (${rate('duplicates_total', 'topic', 'kind="duplicate"')})`, OF_TOPIC),
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
