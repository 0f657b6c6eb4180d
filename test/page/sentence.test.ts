import { lossesOf, overviewSentence, type Sight, unknownSentence } from '../../src/page/logic/sentence';
import type { Group, Incident, Summary, Totals } from '../../src/service/schemas';

/** That was given no copy that was written twice. */
const plain = (group: string) => ({ cluster: 'c', group, duplicates_delivered: 0 }) as Group;
const sum = (group: string, deliveries: number, redeliveries: number, hits: number) => ({
  cluster: 'c',
  group,
  deliveries,
  redeliveries,
  failed: 0,
  hits,
});
/** As the API tells them: the worst first. */
const totals = (...worst: ReturnType<typeof sum>[]) =>
  ({
    deliveries: worst.reduce((all, { deliveries }) => all + deliveries, 0),
    groups_reading: worst.filter(({ deliveries }) => deliveries > 0).length,
    groups_again: worst.filter(({ redeliveries }) => redeliveries > 0).length,
    worst,
  }) as Totals;
const incident = (id: number, kind: string, cause: string, group: string, records: number) =>
  ({
    id,
    kind,
    cause,
    group,
    cluster: 'c',
    records,
    words: `${group} words of ${kind}`,
    last_at: new Date(id * 1000).toISOString(),
  }) as Incident;
const losses = (incidents: Incident[], next: string | null = null) =>
  lossesOf([{ items: incidents, next_cursor: next }]);

function told(sight: Partial<Sight>): { tone: string; text: string; leads: unknown[] } {
  const { tone, parts } = overviewSentence({
    summary: { observed_records: 0, groups: 1 } as Summary,
    groups: [plain('billing')],
    totals: totals(),
    incidents: [],
    causes: [],
    losses: losses([]),
    range: { since: '1h', until: null },
    ...sight,
  });
  return {
    tone,
    text: parts.map(({ text }) => text).join(''),
    leads: parts.flatMap(({ incident, group }) => incident ?? group ?? []),
  };
}

test('who got how many again, how many were caught, why: with links to all three', () => {
  const causes = [
    incident(7, 'redelivery', 'seek', 'billing', 3),
    incident(5, 'redelivery', 'session_timeout', 'billing', 1_201),
    incident(6, 'rewind', 'seek', 'billing', 9_999),
  ];
  expect(
    told({ totals: totals(sum('billing', 9_100, 1_204, 1_180), sum('audit', 5, 0, 0)), causes }),
  ).toEqual({
    tone: 'busy',
    text: 'billing got 1,204 records again in the last hour; 1,180 were caught; cause: slow handler: session timed out and 1 other.',
    leads: ['billing', 5],
  });
});

test('hits on copies that were written twice are told as such: they may be more than what was delivered again', () => {
  const groups = [{ ...plain('billing'), duplicates_delivered: 20 }];
  const text = 'billing got 10 records again in the last hour; ';
  const told25 = `${text}25 copies were caught, those written twice counted too.`;
  const again = totals(sum('billing', 900, 10, 25));
  expect(told({ totals: again, groups }).text).toBe(told25);
  // Of a group that is not among the worst nothing is known.
  expect(told({ totals: again, groups: [] }).text).toBe(told25);
  expect(told({ totals: totals(sum('billing', 900, 10, 1)), groups }).text).toBe(
    `${text}1 copy was caught, those written twice counted too.`,
  );
});

test('what may be lost comes first', () => {
  const skip = incident(3, 'skip', 'reset', 'billing', 1);
  const early = incident(2, 'premature_commit', 'committed_before_handled', 'billing', 1);
  const again = totals(sum('billing', 10, 9, 0));
  // Whatever else stands in the list of all: losses are a list of their own.
  const incidents = [incident(4, 'redelivery', 'seek', 'billing', 9)];
  expect(told({ totals: again, incidents, losses: losses([early, skip]) })).toMatchObject({
    tone: 'bad',
    text: 'Records may be lost: billing words of skip, in the last hour, and 1 more incident of the kind.',
    leads: [3],
  });
  expect(told({ totals: again, incidents, losses: losses([early, skip], 'more') }).text).toBe(
    'Records may be lost: billing words of skip, in the last hour, and at least 1 more incident of the kind.',
  );
});

test('what is not known is never told as nothing', () => {
  const { tone, parts } = unknownSentence('The service does not answer.');
  expect([tone, parts[0]?.text]).toEqual([
    'busy',
    'What was delivered again is not known: The service does not answer.',
  ]);
});

test.each([
  [
    // However few groups are asked for: those that got something count.
    { totals: totals(sum('billing', 10, 0, 0), sum('audit', 5, 0, 0), sum('idle', 0, 0, 0)), groups: [] },
    'quiet',
    /^No record was delivered twice in the last hour: 15 deliveries to 2 groups\.$/,
  ],
  [
    { summary: { observed_records: 0, groups: 0 } as Summary, groups: [] },
    'quiet',
    /^Nothing has been seen yet\.$/,
  ],
  [{}, 'quiet', /^Nothing was delivered twice or written twice/],
  [
    { incidents: [incident(4, 'duplicate', 'resent', '', 2)] },
    'busy',
    / words of duplicate, in the last hour\.$/,
  ],
  [
    { totals: totals(sum('a', 9, 3, 0), sum('b', 9, 2, 0)) },
    'busy',
    /^a got 3 records again in the last hour; no check caught any\. 1 other group got records again too\.$/,
  ],
] as const)('%#: %j', (sight, tone, text) => {
  const found = told(sight as Partial<Sight>);
  expect(found.tone).toBe(tone);
  expect(found.text).toMatch(text);
});
