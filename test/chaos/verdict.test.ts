/** The judge itself: what it must not let through. */
import type { RunRow } from '../../src/demo/compare';
import type { TruthDelivery } from '../../src/demo/truth';
import type { Cause } from '../../src/ledger';
import type { Act } from './acts';
import { LANES } from './lanes';
import type { FoundLoss, FoundRedelivery } from './ledger';
import { type PaymentsReport, paymentFailures } from './payments';
import { planText } from './plan';
import { type ChaosReport, failuresOf, type LaneReport } from './report';
import { judge, type Verdict } from './verdict';

const PLACE = { group: 'billing', topic: 'payments@0', partition: 0 };

function given(worker: string, at: number, ...offsets: number[]): TruthDelivery[] {
  return offsets.map((offset, i) => ({ ...PLACE, offset, at: at + i, worker }));
}

function run(first: number, last: number, more: Partial<RunRow> = {}): RunRow {
  return { ...PLACE, first, last, handled: last + 1, uncertainLast: last, outcome: 'handled', ...more };
}

function found(first: number, last: number, cause: Cause, worker = 'b'): FoundRedelivery {
  const certainty = cause === 'unknown' ? 'unknown' : 'proven';
  return { ...PLACE, first, last, attempt: 2, doubt: 0, at: 2_000, cause, certainty, because: '[]', worker };
}

function joined(worker: string, epoch: number, at: number): Act {
  return { act: 'joined', worker, epoch, at, partitions: [0] };
}

/** a was given 0 to 3 and killed at 1500, b then got 2 and 3 again. */
const KILL = {
  truth: [...given('a#1', 1_000, 0, 1, 2, 3), ...given('b#1', 2_000, 2, 3)],
  acts: [joined('a', 1, 900), { act: 'killed', worker: 'a', at: 1_500 } as const, joined('b', 1, 1_900)],
  runs: [run(0, 3), run(2, 3)],
};

function failures(verdict: Verdict, more: Partial<LaneReport> = {}): string[] {
  const lane = {
    ...{
      ...verdict,
      handler: 'eachMessage' as const,
      complaints: new Map(),
      said: new Map(),
      payments: null,
      kills: 1,
      hung: 0,
    },
    episodes: new Map(),
    ...more,
  };
  const report: ChaosReport = {
    ...{ seed: 1, seconds: 1, serviceKills: 0, brokerKills: 0, problems: [], lanes: [lane] },
    dropped: { events: 0, deliveries: 0 },
  };
  return failuresOf(report);
}

function judged(change: Partial<typeof KILL> & { found?: FoundRedelivery[]; losses?: FoundLoss[] }): Verdict {
  const { truth, acts, runs } = { ...KILL, ...change };
  return judge('billing', truth, acts, {
    ...{ runs, losses: change.losses ?? [] },
    found: change.found ?? [found(2, 3, 'killed_before_commit')],
  });
}

test('a ledger that is right has no failure', () => {
  const verdict = judged({});
  expect(failures(verdict)).toEqual([]);
  expect(verdict).toMatchObject({ deliveries: 6, redeliveries: 2, right: { records: 2, findings: 1 } });
});

test('a delivery that was missed fails', () => {
  expect(failures(judged({ runs: [run(0, 3), run(3, 3)] }))).toEqual([
    'billing missed deliveries of payments@0/0/2: truth 2, ledger 1..1',
  ]);
});

test('a redelivery that was not found fails', () => {
  expect(failures(judged({ found: [found(3, 3, 'killed_before_commit')] }))).toEqual([
    'billing missed findings of payments@0/0/2: truth 2, ledger 1..1',
  ]);
});

test('a delivery and a redelivery that were invented fail', () => {
  const invented = judged({
    runs: [...KILL.runs, run(1, 1)],
    found: [found(1, 3, 'killed_before_commit')],
  });
  expect(failures(invented)).toEqual([
    'billing invented deliveries of payments@0/0/1: truth 1, ledger 2..2',
    'billing invented findings of payments@0/0/1: truth 1, ledger 2..2',
    'billing: 1 findings have no copy in the truth',
  ]);
});

test('a wrong cause fails, and is said to be proven and wrong', () => {
  const verdict = judged({ found: [found(2, 3, 'rebalance_before_commit')] });
  expect(failures(verdict)).toContain('billing: 2 causes are called proven and are wrong');
  expect(failures(verdict)).toContain('only 0.00% of the records have their cause named');
  expect(verdict.causes.get('killed_before_commit')?.get('rebalance_before_commit proven')).toEqual({
    records: 2,
    findings: 1,
  });
});

test('a cause that is honestly unknown is not wrong, but too many of them fail', () => {
  const verdict = judged({ found: [found(2, 3, 'unknown')] });
  expect(verdict).toMatchObject({ wrong: { records: 0 }, unknown: { records: 2 } });
  expect(failures(verdict)).toEqual([
    'only 0.00% of the records have their cause named',
    'only 0.00% of the findings have their cause named',
  ]);
});

test('two uncertain records of one kill and partition fail', () => {
  const runs = [run(0, 1, { outcome: 'in_flight', uncertainLast: 3 }), run(2, 3), run(2, 3)];
  expect(failures(judged({ runs }))).toEqual(['billing: 2 records of one kill and partition are uncertain']);
});

test('two records in flight of one kill and partition fail where one is in hand at a time', () => {
  const runs = [run(0, 3, { outcome: 'in_flight', handled: 2 }), run(2, 3), run(2, 3)];
  const told = 'billing: 2 records of one kill and partition are in flight';
  expect(failures(judged({ runs }))).toContain(told);
  expect(failures(judged({ runs }), { handler: 'eachBatch' })).not.toContain(told);
});

test('a finding that nothing in the truth goes with fails', () => {
  const stray = found(2, 3, 'killed_before_commit', 'nobody');
  expect(failures(judged({ found: [stray] }))).toContain('billing: 2 findings have no copy in the truth');
});

test('of a record whose first copy no handler wrote down, the second is not judged as if it were the third', () => {
  const acts: Act[] = [...KILL.acts, { act: 'operator', right: 'reset', at: 2_500 }, joined('c', 1, 2_600)];
  const verdict = judged({
    acts,
    truth: [...given('b#1', 2_000, 3), ...given('c#1', 3_000, 3)],
    runs: [run(3, 3, { handled: 3, outcome: 'in_flight' }), run(3, 3), run(3, 3)],
    found: [
      { ...found(3, 3, 'killed_before_commit', 'b'), doubt: 1, certainty: 'probable' },
      { ...found(3, 3, 'reset', 'c'), attempt: 3, at: 3_000 },
    ],
  });
  expect(failures(verdict)).toEqual([]);
  expect(verdict).toMatchObject({ right: { records: 1 }, wrong: { records: 0 }, unjudged: 0 });
});

test('losses that were none fail', () => {
  const skip: FoundLoss = { ...PLACE, kind: 'skip', first: 3, last: 5 };
  expect(failures(judged({ losses: [skip] }))).toEqual([
    'billing: 1 records are called skipped and were delivered',
  ]);
  expect(failures(judged({ losses: [{ ...skip, kind: 'premature_commit' }] }))).toEqual([
    'billing: 3 records are called committed before they were handled',
  ]);
});

test('records that a seek went over must be called skipped, unless they came all the same', () => {
  const seek = (first: number, last: number): Act => ({
    ...{ act: 'sought', worker: 'a', epoch: 1, partition: 0, at: 1_100 },
    ...{ offset: last + 1, over: [first, last] },
  });
  const acts = [...KILL.acts, seek(4, 5), seek(1, 1)];
  const skip: FoundLoss = { ...PLACE, kind: 'skip', first: 4, last: 5 };
  expect(failures(judged({ acts, losses: [skip] }))).toEqual([]);
  expect(failures(judged({ acts, losses: [{ ...skip, last: 4 }] }))).toEqual([
    'billing missed the skip of payments@0/0/5',
  ]);
});

test('what Dupescope complains of fails where no fault asks for it, and where a full disk is not felt', () => {
  const complaints = new Map([
    ['service-unreachable', 3],
    ['internal', 1],
  ]);
  expect(failures(judged({}), { complaints })).toEqual(['billing: 1 times internal']);
  const episodes = new Map([['disk full', 2]]);
  expect(failures(judged({}), { episodes })).toEqual([
    'billing: the disk was full and nothing was told of it',
  ]);
  expect(failures(judged({}), { episodes, complaints: new Map([['store-full', 1]]) })).toEqual([]);
  expect(failures(judged({}), { complaints: new Map([['store-full', 1]]) })).toEqual([
    'billing: 1 times store-full',
  ]);
});

describe('what the truth makes right', () => {
  const again = (acts: Act[], copy: TruthDelivery[], cause: Cause) => {
    const truth = [...given('a#1', 1_000, 0, 1, 2, 3), ...copy];
    const worker = copy[0]?.worker.split('#')[0] as string;
    const verdict = judge('billing', truth, acts, {
      runs: [],
      losses: [],
      found: [found(2, 3, cause, worker)],
    });
    expect([cause, verdict.wrong.records, verdict.right.records]).toEqual([cause, 0, 2]);
  };
  const a = joined('a', 1, 900);
  const own = { worker: 'a', epoch: 1, partition: 0, at: 1_500 };

  test('of the same member', () => {
    const copy = given('a#1', 2_000, 2, 3);
    again([a, { act: 'sought', offset: 2, ...own }], copy, 'seek');
    again([a, { act: 'threw', offset: 2, ...own }], copy, 'handler_error');
    again([a, { act: 'returned', offset: 2, ...own }], copy, 'left_unresolved');
    const nothing = judge('billing', [...given('a#1', 1, 2), ...given('a#1', 2_000, 2)], [a], {
      runs: [],
      losses: [],
      found: [found(2, 2, 'handler_error', 'a')],
    });
    expect(nothing.wrong.records).toBe(1);
  });

  test('of another one', () => {
    const copy = given('b#1', 2_000, 2, 3);
    const b = joined('b', 1, 1_900);
    again([a, b], copy, 'rebalance_before_commit');
    again([a, { act: 'thrown-out', worker: 'a', epoch: 1, at: 2_500 }, b], copy, 'session_timeout');
    again([a, { act: 'operator', right: 'reset', at: 1_500 }, b], copy, 'reset');
    again([a, { act: 'commit-refused', offset: 3, ...own }, b], copy, 'commit_failed');
    again([joined('b', 1, 100), a], copy, 'zombie');
    again([a, b, { act: 'sought', offset: 1, ...own, worker: 'b', at: 1_950 }], copy, 'seek');
  });

  test('of two faults that overlap in one member’s life: either', () => {
    const copy = given('b#1', 2_000, 2, 3);
    const b = joined('b', 1, 1_900);
    const both = (acts: Act[], ...causes: Cause[]) => {
      for (const cause of causes) again([a, ...acts, b], copy, cause);
    };
    const ofA = { worker: 'a', epoch: 1, at: 1_500 };
    const out = { ...ofA, act: 'thrown-out', at: 2_500 } as const;
    both([{ act: 'threw', offset: 1, ...own }], 'rebalance_before_commit', 'handler_error');
    both([{ act: 'rebalancing', ...ofA }, out], 'rebalance_before_commit', 'session_timeout');
    both([{ act: 'commit-failed', ...ofA }], 'rebalance_before_commit', 'commit_failed');
    const short = (offset: number, at: number) => ({ act: 'short-commit', ...own, offset, at }) as const;
    // The second one may have been under way.
    const first = judge(
      'billing',
      [...given('a#1', 1_000, 2), ...given('b#1', 2_000, 2)],
      [a, short(2, 1_500), short(3, 1_600), b],
      {
        ...{ runs: [], losses: [] },
        found: [found(2, 2, 'off_by_one')],
      },
    );
    expect(first.wrong.records).toBe(0);
  });

  test('of copies that are a moment apart: that of either order, where it is not called proven', () => {
    // a is killed, b delivers late and is thrown out, c a moment after it.
    const acts: Act[] = [
      ...[a, joined('b', 1, 1_600), joined('c', 1, 1_990)],
      ...[
        { act: 'killed', worker: 'a', at: 1_500 } as const,
        { act: 'thrown-out', worker: 'b', epoch: 1, at: 2_500 } as const,
      ],
    ];
    const judgedAs = (certainty: 'proven' | 'probable', cAt: number) => {
      const truth = [...given('a#1', 1_000, 2), ...given('b#1', 2_000, 2), ...given('c#1', cAt, 2)];
      const told = { ...found(2, 2, 'zombie'), certainty };
      return judge('billing', truth, acts, { runs: [], losses: [], found: [told] }).wrong.records;
    };
    expect(judgedAs('probable', 2_020)).toBe(0);
    expect(judgedAs('proven', 2_020)).toBe(1);
    expect(judgedAs('probable', 2_200)).toBe(1);
  });

  test('a member that had joined anew before it was killed ended by the join', () => {
    const killed = { act: 'killed', worker: 'a', at: 1_800 } as const;
    const acts = [a, joined('a', 2, 1_500), killed, joined('b', 1, 1_900)];
    again(acts, given('b#1', 2_000, 2, 3), 'rebalance_before_commit');
  });
});

test('of a member whose connections were disturbed, and that was killed, either is right', () => {
  const acts: Act[] = [...KILL.acts, { act: 'network', at: 1_100, until: 1_400 }];
  const verdict = judged({ acts, found: [{ ...found(2, 3, 'commit_failed'), certainty: 'probable' }] });
  expect(failures(verdict)).toEqual([]);
  expect(failures(judged({ found: [{ ...found(2, 3, 'commit_failed'), certainty: 'probable' }] }))).toContain(
    'billing: 2 causes are wrong',
  );
});

describe('payments', () => {
  const account = { redeliveries: 9, duplicates: 4, hits: 10, again: 0, perhaps: 1, failed: 3 };
  const truth = { account: { appliedAgain: 0, hits: 11 }, copiesKilled: 1 } as PaymentsReport['truth'];
  const right: PaymentsReport = {
    ...{ store: 'PostgreSQL', sent: 50, copies: 8, rewritten: 6 },
    ...{ unpaid: 0, paidAgain: 0, difference: 0, inProgress: 2, account, truth },
  };
  const failuresIn = (store: PaymentsReport['store'], change: Partial<PaymentsReport>) =>
    paymentFailures({ ...right, store, ...change });

  test('made once each, with an account that is right', () => {
    expect(failuresIn('PostgreSQL', {})).toEqual([]);
    expect(failuresIn('SQLite', {})).toEqual([]);
  });

  test.each(['PostgreSQL', 'SQLite'] as const)('one that was never made fails: %s', (store) => {
    expect(failuresIn(store, { unpaid: 1 })).toEqual(['1 payments were never made']);
    expect(failuresIn(store, { rewritten: 0 })).toEqual(['the producer wrote nothing twice']);
    expect(failuresIn(store, { account: { ...account, failed: 2 } })).toEqual([
      '10 hits + 0 applied again + 2 failed are not 9 redeliveries + 4 duplicates',
    ]);
  });

  test('with PostgreSQL none may be made again, and no account be off', () => {
    expect(failuresIn('PostgreSQL', { paidAgain: 1, difference: 7 })).toEqual([
      'the accounts are off by 7',
      '1 payments were made again',
    ]);
    const again = { ...account, again: 1, hits: 9 };
    expect(failuresIn('PostgreSQL', { account: again })).toEqual(['1 are called applied again']);
  });

  test('with SQLite only what was in progress may be made again, and the ledger knows it', () => {
    expect(failuresIn('SQLite', { paidAgain: 2 })).toEqual([]);
    expect(failuresIn('SQLite', { paidAgain: 3 })).toEqual([
      '3 payments were made again, and 2 were in progress',
    ]);
    const applied = (appliedAgain: number) => ({
      truth: { ...truth, account: { ...truth.account, appliedAgain } },
    });
    expect(failuresIn('SQLite', applied(1))).toEqual([]);
    expect(failuresIn('SQLite', applied(2))).toEqual([
      '2 were applied again, and the ledger says 0 and perhaps 1 more',
    ]);
    const hits = (seen: number) => ({ truth: { ...truth, account: { ...truth.account, hits: seen } } });
    expect(failuresIn('SQLite', hits(12))).toEqual(['12 were hits, and the ledger says 10']);
    expect(failuresIn('SQLite', hits(9))).toEqual(['9 were hits, and the ledger says 10']);
  });
});

test('the same seed gives the same plan, another one another', () => {
  const plan = (seed: number) => planText(seed, LANES, (spec) => 3 * spec.faults.length);
  expect(plan(7)).toEqual(plan(7));
  expect(plan(8)).not.toEqual(plan(7));
});
