import fc from 'fast-check';
import {
  type Account,
  accountOf,
  accountWithin,
  type Fate,
  type HitSpan,
  NO_ACCOUNT,
  type RunSpan,
} from '../../src/ledger';
import { checkedHistories, expectedAccount } from '../support/accounts';

const fates = fc.array(fc.constantFrom<Fate>('applied', 'hit', 'failed', 'lost', 'pending'), {
  minLength: 1,
  maxLength: 8,
});

function balance({ redeliveries, duplicates, hits, appliedAgain, failedAgain, pending }: Account): number {
  return hits + appliedAgain + failedAgain + pending - redeliveries - duplicates;
}

describe("the account of a record's copies", () => {
  test.each<[Fate[], Partial<Account>]>([
    [['applied'], {}],
    [['applied', 'hit', 'hit'], { redeliveries: 2, hits: 2 }],
    [['applied', 'applied'], { redeliveries: 1, appliedAgain: 1 }],
    [['failed', 'failed', 'applied'], { redeliveries: 2, failedAgain: 2 }],
    [['failed'], {}],
    [['failed', 'failed'], { redeliveries: 1, failedAgain: 1 }],
    [['lost', 'applied'], { redeliveries: 1, failedAgain: 1, perhapsAgain: 1 }],
    [['lost', 'lost'], { redeliveries: 1, failedAgain: 1, perhapsAgain: 1 }],
    [['failed', 'lost'], { redeliveries: 1, failedAgain: 1 }],
    [['failed', 'lost', 'applied'], { redeliveries: 2, failedAgain: 2, perhapsAgain: 1 }],
    // The process died between the effect and its end: the check knew.
    [['lost', 'hit'], { redeliveries: 1, hits: 1 }],
    [['lost', 'hit', 'applied'], { redeliveries: 2, hits: 1, appliedAgain: 1 }],
    // Applied at another place of the log: every delivery here is a copy.
    [['hit'], { duplicates: 1, hits: 1 }],
    [['failed', 'hit'], { redeliveries: 1, duplicates: 1, hits: 1, failedAgain: 1 }],
    [['hit', 'applied'], { redeliveries: 1, duplicates: 1, hits: 1, appliedAgain: 1 }],
    [['pending'], {}],
    [['applied', 'pending'], { redeliveries: 1, pending: 1 }],
  ])('of %j', (list, expected) => {
    expect(accountOf(list)).toEqual({ ...NO_ACCOUNT, ...expected });
  });

  test.each<[string, number, Partial<Account>]>([
    ['after another member began to apply it', 9, { hits: 1 }],
    // Applied elsewhere, and here without the check.
    ['before', 3, { hits: 1, duplicates: 1, appliedAgain: 1 }],
  ])('a member that was stopped in its batch tells of a hit %s', (_when, at, expected) => {
    const run = (number: number, firstAt: number): RunSpan => ({
      ...{ id: number, run: number, sessionKey: `s${number}`, firstAt, lastAt: 10 },
      ...{ first: 0, last: 0, handled: 1, uncertainLast: 0, outcome: 'handled' },
    });
    const hit: HitSpan = { sessionKey: 's1', run: 1, first: 0, last: 0, at, fate: 'hit' };
    expect(accountWithin([run(1, 0), run(2, 5)], [hit], 0, 0)).toEqual({
      ...NO_ACCOUNT,
      ...{ redeliveries: 1, ...expected },
    });
  });

  test('balances: hits + applied again + failed again + pending = redeliveries + duplicates', () => {
    fc.assert(fc.property(fates, (list) => balance(accountOf(list)) === 0));
  });

  test('knows how often it may have been applied again, whatever became of what was in flight', () => {
    fc.assert(
      fc.property(fates, fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }), (list, took) => {
        const told = accountOf(list);
        const truth = list.map((fate, i) =>
          fate !== 'lost' ? fate : took[i] === true ? 'applied' : 'failed',
        );
        const { appliedAgain } = accountOf(truth);
        return appliedAgain >= told.appliedAgain && appliedAgain <= told.appliedAgain + told.perhapsAgain;
      }),
      { numRuns: 5_000 },
    );
  });

  const ended = fc.constantFrom<Fate>('applied', 'hit', 'failed', 'lost');

  test('only grows as deliveries come one after the other', () => {
    fc.assert(
      fc.property(fates, ended, (before, fate) => {
        const [was, is] = [accountOf(before), accountOf([...before, fate])];
        return (['hits', 'appliedAgain', 'failedAgain', 'perhapsAgain', 'duplicates'] as const).every(
          (part) => is[part] >= was[part],
        );
      }),
      { numRuns: 3_000 },
    );
  });

  test('only grows in hits and applied again by deliveries that are learnt late, or end while others go on', () => {
    fc.assert(
      fc.property(fates, fc.nat(8), ended, (before, at, fate) => {
        const place = at % (before.length + 1);
        const after = before.toSpliced(place, before[place] === 'pending' ? 1 : 0, fate);
        const [was, is] = [accountOf(before), accountOf(after)];
        return is.hits >= was.hits && is.appliedAgain >= was.appliedAgain;
      }),
      { numRuns: 3_000 },
    );
  });

  test('of a stretch is that of its records', () => {
    fc.assert(
      fc.property(checkedHistories, ({ runs, hits }) => {
        const whole = accountWithin(runs, hits, 0, 60);
        expect(whole).toEqual(expectedAccount(runs, hits, 60));
        expect(balance(whole)).toBe(0);
      }),
      { numRuns: 500 },
    );
  });
});
