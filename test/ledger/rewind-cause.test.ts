import { explainRewind, mayChange, type RewindEvidence, type RewindFacts } from '../../src/ledger';

const FACTS: RewindFacts = {
  resetTo: null,
  bounds: null,
  committedAt: 900_000,
  goneAt: null,
  idleMs: null,
  groupGoneAt: null,
  topicIdBefore: 'a',
  topicId: 'a',
  state: 'live',
  since: 500_000,
  stateBefore: 'empty',
  generation: 7,
  members: 2,
  owner: { memberId: 'm', clientId: 'billing-1', host: '/10.0.0.7' },
  retentionMs: 604_800_000,
  seenBy: 'log',
};

function evidence(facts: Partial<RewindFacts>, more: Partial<RewindEvidence> = {}): RewindEvidence {
  return {
    at: 1_000_000,
    from: 100,
    to: 40,
    facts: { ...FACTS, ...facts },
    together: 1,
    emptyAgainAt: null,
    wentOn: false,
    seek: null,
    session: null,
    ...more,
  };
}

const EMPTY = { state: 'empty', stateBefore: 'live', members: 0, owner: null } as const;
const VISIT = { members: 1, since: 999_000 } as const;
const GONE = { ...EMPTY, goneAt: 990_000 } as const;

test.each([
  ['another topic of that name', evidence({ topicId: 'b' }), 'topic_recreated', 'proven'],
  ['beyond the log', evidence({ resetTo: -2, bounds: { start: 0, end: 50 } }), 'out_of_range', 'proven'],
  [
    'kafkajs -2 within the log',
    evidence({ resetTo: -2, bounds: { start: 0, end: 500 } }),
    'seek',
    'probable',
  ],
  ['deleted', evidence({ ...GONE, idleMs: 60_000, groupGoneAt: 990_000 }), 'group_deleted', 'proven'],
  [
    'deleted, retention not known',
    evidence({ ...GONE, idleMs: 60_000, retentionMs: null }),
    'group_deleted',
    'probable',
  ],
  ['expired', evidence({ ...GONE, idleMs: 604_800_500 }), 'offsets_expired', 'probable'],
  ['nobody there', evidence(EMPTY), 'reset', 'proven'],
  ['a visitor that left', evidence(VISIT, { emptyAgainAt: 1_005_000 }), 'reset', 'probable'],
  ['a visitor that still stays', evidence(VISIT), 'seek', 'probable'],
  ['a visitor that read on', evidence(VISIT, { emptyAgainAt: 1_005_000, wentOn: true }), 'seek', 'probable'],
  ['one of two members', evidence({}), 'seek', 'probable'],
  ['a seek that was seen', evidence({}, { seek: { target: '40', name: 'billing-1' } }), 'seek', 'proven'],
  ['an instrumented consumer alone', evidence({}, { session: 'billing-1 on h' }), 'seek', 'probable'],
  ['nobody ever seen', evidence({ state: 'unknown', members: 0, owner: null }), 'unknown', 'unknown'],
  ['asked for', evidence({ state: 'unknown', seenBy: 'poll' }), 'unknown', 'unknown'],
] as const)('%s', (_name, given, cause, certainty) => {
  const told = explainRewind(given);
  expect([told.cause, told.certainty]).toEqual([cause, certainty]);
  expect(told.because.length).toBeGreaterThan(0);
  for (const line of told.because) expect(line).not.toMatch(/null|undefined|NaN/);
});

test('without any facts the session that told it is named', () => {
  const told = explainRewind({ ...evidence({}), facts: null, session: 'billing-1 on h (pid 7)' });
  expect(told).toMatchObject({ cause: 'seek', certainty: 'probable' });
  expect(told.because[0]).toContain('billing-1 on h (pid 7)');
});

test('only what later records may tell better waits for them', () => {
  const waits = (given: RewindEvidence) => mayChange(given, explainRewind(given));
  expect(waits(evidence(VISIT))).toBe(true);
  expect(waits(evidence(EMPTY))).toBe(false);
  expect(waits(evidence({}, { emptyAgainAt: 1_500_000 }))).toBe(false);
});

test('partitions that went down together are counted in words', () => {
  expect(explainRewind(evidence(EMPTY, { together: 8 })).because.join()).toContain(
    '8 partitions of the group',
  );
});
