import { type CopyEvidence, explain, type RedeliveryEvidence } from '../../src/ledger';

const copy: CopyEvidence = {
  session: 'b',
  name: 'b on h (pid 2)',
  outcome: 'handled',
  first: 10,
  last: 19,
  handled: 20,
  firstAt: 50_000,
  lastAt: 51_000,
  error: null,
  memberId: 'b1',
  generation: 3,
  joinedAt: 49_000,
};
const previous: CopyEvidence = {
  ...copy,
  session: 'a',
  name: 'a on h (pid 1)',
  firstAt: 40_000,
  lastAt: 41_000,
  memberId: 'a1',
  generation: 2,
  joinedAt: 30_000,
};
const base: RedeliveryEvidence = {
  first: 10,
  last: 19,
  copy,
  previous,
  start: { committed: 10, logStart: 0, logEnd: 100, at: 49_100 },
  previousStart: null,
  previousEnd: null,
  committed: { offset: 10, at: 39_000 },
  seek: null,
  lowered: null,
  evicted: null,
  movedOn: true,
  shortCommit: null,
  failedCommit: null,
  settings: {
    sessionTimeoutMs: 2_000,
    autoCommit: true,
    autoCommitIntervalMs: null,
    autoCommitThreshold: null,
    handler: 'eachMessage',
  },
  isDoubtful: false,
  clocksDiffer: false,
  isOrderInDoubt: false,
};
const told = (given: Partial<RedeliveryEvidence>) => {
  const { cause, certainty } = explain({ ...base, ...given });
  return `${cause} ${certainty}`;
};
const evicted = { at: 52_000, silentMs: 4_700 };

test('a rebalance is proven where the member before is known to be no more', () => {
  expect(told({})).toBe('rebalance_before_commit proven');
  expect(told({ movedOn: false })).toBe('unknown unknown');
  const { because } = explain({ ...base, movedOn: false });
  expect(because[0]).toMatch(/^nothing was heard of a on h \(pid 1\) since/);
});

test('no cause is named where one of the records was committed in the place of the next, and the others not', () => {
  expect(told({ shortCommit: { offset: 12, at: 40_500 } })).toBe('unknown unknown');
  expect(told({ shortCommit: { offset: 9, at: 40_500 } })).toBe('rebalance_before_commit proven');
  const { because, advice } = explain({ ...base, shortCommit: { offset: 12, at: 40_500 } });
  expect(because.at(-1)).toBe('offset 12 had been handled, and was committed instead of the next one');
  expect(advice).toMatch(/^Commit offset \+ 1/);
  const alone = { first: 10, last: 10, shortCommit: { offset: 10, at: 40_500 } };
  expect(told(alone)).toBe('off_by_one probable');
  expect(told({ ...alone, last: 11 })).toBe('off_by_one probable');
});

test('a session time-out is proven, unless both members delivered at once', () => {
  expect(told({ evicted })).toBe('session_timeout proven');
  expect(told({ evicted: { ...evicted, silentMs: 100 } })).toBe('session_timeout probable');
  const late = { ...previous, lastAt: copy.firstAt + 1 };
  expect(told({ evicted, previous: late })).toBe('session_timeout probable');
  const failedCommit = { reason: 'too much metadata', at: 40_900 };
  expect(told({ evicted, failedCommit })).toBe('session_timeout probable');
});

test('a commit that the group refused for want of the member tells a session time-out, any other one a failed commit', () => {
  const failed = (reason: string) => told({ movedOn: false, failedCommit: { reason, at: 40_900 } });
  expect(failed('KafkaJSNonRetriableError: The coordinator is not aware of this member')).toBe(
    'session_timeout probable',
  );
  expect(failed('KafkaJSRequestTimeoutError: Request OffsetCommit timed out')).toBe('commit_failed probable');
});

test('what had been committed comes again by no kill, no time-out and no failed commit', () => {
  const committed = { start: null, committed: { offset: 20, at: 45_000 } };
  expect(told({ ...committed, previousEnd: { how: 'died', at: 42_000 } })).toBe('unknown unknown');
  expect(told({ ...committed, evicted })).toBe('unknown unknown');
  expect(told({ ...committed, failedCommit: { reason: 'timed out', at: 40_900 } })).toBe('unknown unknown');
});

test('the time of a join tells no zombie where the clocks differ and no generation is known', () => {
  const early = { ...copy, generation: null, joinedAt: 20_000 };
  const before = { ...previous, generation: null };
  const sides = { copy: early, previous: before, previousEnd: { how: 'died', at: 42_000 } };
  expect(told(sides)).toBe('zombie probable');
  expect(told({ ...sides, clocksDiffer: true, start: null })).toMatch(/^killed_before_commit /);
});

test.each([
  [
    'the log ended below what had been delivered',
    { start: { committed: -2, logStart: 0, logEnd: 15, at: 49_100 } },
    'truncated probable',
  ],
  [
    'the log ended below what had been committed',
    { committed: { offset: 40, at: 1 }, start: { committed: -2, logStart: 0, logEnd: 30, at: 49_100 } },
    'truncated probable',
  ],
  [
    'kafkajs found the offset outside of the log, with no new join',
    { lowered: { from: 40, to: -2, at: 49_500 } },
    'out_of_range proven',
  ],
  [
    'the records were deleted',
    { start: { committed: 5, logStart: 10, logEnd: 100, at: 49_100 } },
    'out_of_range proven',
  ],
])('%s', (_name, given, expected) => {
  expect(told(given)).toBe(expected);
});

test('what rests on a copy in doubt is not proven', () => {
  expect(told({ isDoubtful: true })).toBe('rebalance_before_commit probable');
  expect(told({ isDoubtful: true, evicted })).toBe('session_timeout probable');
  expect(told({ isDoubtful: true, movedOn: false })).toBe('unknown unknown');
});

test('a commit that failed tells the cause before the copy began, and leaves the rebalance probable later', () => {
  const reason = 'REBALANCE_IN_PROGRESS';
  expect(told({ failedCommit: { reason, at: 49_000 } })).toBe('commit_failed probable');
  expect(told({ failedCommit: { reason, at: 50_500 } })).toBe('rebalance_before_commit probable');
  expect(explain({ ...base, failedCommit: { reason, at: 50_500 } }).because).toContain(
    `a commit of a on h (pid 1) failed: ${reason}`,
  );
});

describe('what to commit, and how often', () => {
  /** The advice of a rebalance after `records` in one second, with these settings. */
  const advice = (records: number, settings: Partial<RedeliveryEvidence['settings']> = {}) => {
    const stretch = { first: 10, last: 9 + records };
    const { cause, advice: told } = explain({
      ...base,
      ...stretch,
      previous: { ...previous, ...stretch },
      start: { committed: 10, logStart: 0, logEnd: 10 + records, at: 49_100 },
      settings: { ...base.settings, ...settings },
    });
    expect(cause).toBe('rebalance_before_commit');
    return told;
  };

  test('is told from the measured rate, and keeps what it says it keeps', () => {
    for (const records of [2, 150, 1_999, 2_001, 20_002, 400_000]) {
      const told = String(advice(records));
      const interval = /autoCommitInterval: (\d+)/.exec(told);
      const threshold = /autoCommitThreshold: (\d+)/.exec(told);
      const kept = interval === null ? Number(threshold?.[1]) : (Number(interval[1]) / 1000) * records;
      expect(kept).toBeLessThanOrEqual(100);
      expect(kept).toBeGreaterThan(90);
      expect(told).toContain(`this time ${records.toLocaleString('en-US')}`);
    }
  });

  test('knows what is configured', () => {
    expect(advice(1_000)).toMatch(/^At 1,000 records\/s, autoCommitInterval: 100 keeps/);
    expect(advice(1_000, { autoCommitIntervalMs: 5_000 })).toMatch(/: 100 instead of 5,000 keeps/);
    expect(advice(1_000, { autoCommitIntervalMs: 80 })).toMatch(
      /autoCommitThreshold: 100 keeps.*10 commits\/s/,
    );
    expect(advice(1_000, { autoCommitIntervalMs: 80, autoCommitThreshold: 50 })).toMatch(
      /every 50 records as it is/,
    );
    expect(advice(1_000, { handler: 'eachBatch' })).toMatch(
      /and await commitOffsetsIfNecessary\(\) after each/,
    );
    expect(advice(1_000, { autoCommit: false })).toMatch(/commitOffsets at least every 100 ms keeps/);
    expect(advice(20_000, { autoCommit: false })).toMatch(/commitOffsets after each 100 records keeps/);
    expect(advice(1)).toBeNull();
  });
});
