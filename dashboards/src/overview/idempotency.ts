/** What became of copies that reached a handler. */
import { NEUTRAL, series } from '../panels';
import { growth, over, rate } from '../promql';
import { CAUGHT, caught } from './levels';

export function idempotency() {
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
