/** What became of copies that reached a handler. */
import { NEUTRAL, series } from '../panels';
import { growth, OF_GROUP, over, rate } from '../promql';
import { CAUGHT, caught } from './levels';

export function idempotency() {
  return [
    series(
      {
        title: 'What became of copies',
        description:
          "Copies that the consumer's own check recognised (hits), that were applied again, and that perhaps were: in a handler when its process was killed, where nobody can know. With those that failed they are all: hits + applied again + perhaps + failed = redeliveries + duplicates delivered. Applied again hurts; perhaps may, unless the effect and its mark are one transaction.",
        unit: 'cps',
        noValue: 'No copy reached a handler.',
        thresholds: NEUTRAL,
        width: 12,
        targets: [
          over(`sum(${rate('idempotency_hits_total')})`, 'hits: recognised'),
          over(`sum(${rate('applied_again_total')})`, 'applied again'),
          over(`sum(${rate('perhaps_applied_again_total')})`, 'perhaps applied again'),
        ],
      },
      { stacked: true },
    ),
    series({
      title: 'Catch ratio by group',
      description:
        'Hits of all copies. 0: the group has no check, or its check never hits. Below 1: its memory is too short (see Time to duplicate), or it is not asked. Those perhaps applied again are in neither.',
      unit: 'percentunit',
      noValue: 'No copy reached a handler.',
      thresholds: CAUGHT,
      width: 12,
      targets: [
        over(
          caught((name) => `sum by (cluster, group) (${growth(name)})`),
          OF_GROUP,
        ),
      ],
    }),
  ];
}
