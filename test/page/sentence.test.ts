import { overviewSentence, type Sight } from '../../src/page/logic/sentence';
import type { Group, Incident, SeriesPoint, Summary } from '../../src/service/schemas';

/** That was given no copy that was written twice. */
const plain = (group: string) => ({ cluster: 'c', group, duplicates_delivered: 0 }) as Group;
const point = (group: string, deliveries: number, redeliveries: number, hits: number) =>
  ({ cluster: 'c', group, topic: null, deliveries, redeliveries, hits }) as SeriesPoint;
const incident = (id: number, kind: string, cause: string, group: string, records: number) =>
  ({ id, kind, cause, group, cluster: 'c', records, words: `${group} words of ${kind}` }) as Incident;

function told(sight: Partial<Sight>): { tone: string; text: string; leads: unknown[] } {
  const { tone, parts } = overviewSentence({
    summary: { observed_records: 0, groups: 1 } as Summary,
    groups: [plain('billing')],
    series: [],
    incidents: [],
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
  const series = [
    point('billing', 9_000, 1_000, 980),
    point('billing', 100, 204, 200),
    point('audit', 5, 0, 0),
  ];
  const incidents = [
    incident(7, 'redelivery', 'seek', 'billing', 3),
    incident(5, 'redelivery', 'session_timeout', 'billing', 1_201),
    incident(6, 'rewind', 'seek', 'billing', 9_999),
  ];
  expect(told({ series, incidents })).toEqual({
    tone: 'busy',
    text: 'billing got 1,204 records again in the last hour; 1,180 were caught; cause: slow handler: session timed out and 1 other.',
    leads: ['billing', 5],
  });
});

test('hits on copies that were written twice are told as such: they may be more than what was delivered again', () => {
  const series = [point('billing', 900, 10, 25)];
  const groups = [{ ...plain('billing'), duplicates_delivered: 20 }];
  const text = 'billing got 10 records again in the last hour; ';
  const told25 = `${text}25 copies were caught, those written twice counted too.`;
  expect(told({ series, groups }).text).toBe(told25);
  // Of a group that is not among the worst nothing is known.
  expect(told({ series, groups: [] }).text).toBe(told25);
  expect(told({ series: [point('billing', 900, 10, 1)], groups }).text).toBe(
    `${text}1 copy was caught, those written twice counted too.`,
  );
});

test('what may be lost comes first', () => {
  const incidents = [
    incident(1, 'redelivery', 'seek', 'billing', 9),
    incident(2, 'skip', 'reset', 'billing', 1),
    incident(3, 'premature_commit', 'committed_before_handled', 'billing', 1),
  ];
  expect(told({ series: [point('billing', 10, 9, 0)], incidents })).toMatchObject({
    tone: 'bad',
    text: 'Records may be lost: billing words of skip, in the last hour, and 1 more incident of the kind.',
    leads: [2],
  });
});

test.each([
  [
    // However few groups are asked for: those that got something count.
    { series: [point('billing', 10, 0, 0), point('audit', 5, 0, 0), point('idle', 0, 0, 0)], groups: [] },
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
    { series: [point('a', 9, 3, 0), point('b', 9, 2, 0)] },
    'busy',
    /^a got 3 records again in the last hour; no check caught any\. 1 other group got records again too\.$/,
  ],
] as const)('%#: %j', (sight, tone, text) => {
  const found = told(sight as Partial<Sight>);
  expect(found.tone).toBe(tone);
  expect(found.text).toMatch(text);
});
