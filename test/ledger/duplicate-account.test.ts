/** The account of a message that stands at several places, held against worlds in which it is known what was applied. */
import fc from 'fast-check';
import {
  type Account,
  accountOf,
  accountsOf,
  addAccount,
  correctionsOf,
  type DeliveredPlace,
  type Fate,
  NO_ACCOUNT,
  type RunSpan,
} from '../../src/ledger';

/** What a delivery does in that world, where the check does not recognise it; effect and mark of what was in flight. */
interface Happening {
  place: number;
  end: 'applied' | 'failed' | 'pending' | { effect: boolean; mark: boolean };
}

/** Places 0 and 1 are of partition 0, places 2 and 3 of partition 1. */
const happenings = (ends: fc.Arbitrary<Happening['end']>) =>
  fc.array(fc.record({ place: fc.nat(3), end: ends }), { minLength: 1, maxLength: 10 });

const ended = fc.constantFrom<Happening['end'][]>(
  'applied',
  'failed',
  { effect: false, mark: false },
  { effect: true, mark: false },
  { effect: true, mark: true },
);

interface World {
  places: DeliveredPlace[];
  effects: number;
  deliveries: number;
}

/** @param shift how much later the runs of partition 1 seem to begin than they did: their begin is all that is told */
function worldOf(list: readonly Happening[], withCheck: boolean, shift: number): World {
  const places = [0, 1, 2, 3].map((i) => ({
    partition: Math.floor(i / 2),
    offset: i % 2,
    deliveries: [] as { run: RunSpan; fate: Fate; at: number }[],
  }));
  let effects = 0;
  let isMarked = false;
  list.forEach(({ place, end }, at) => {
    const { partition, offset, deliveries } = places[place] as (typeof places)[number];
    const firstAt = at + partition * shift;
    const run: RunSpan = {
      ...{
        id: at,
        run: at,
        sessionKey: 's',
        first: offset,
        last: offset,
        handled: offset,
        uncertainLast: offset,
      },
      ...{ outcome: 'handled', firstAt, lastAt: firstAt },
    };
    if (withCheck && isMarked) {
      deliveries.push({ run, fate: 'hit', at: firstAt });
      return;
    }
    const { effect, mark } =
      typeof end === 'object' ? end : { effect: end === 'applied', mark: end === 'applied' };
    effects += Number(effect);
    isMarked ||= mark;
    deliveries.push({ run, fate: typeof end === 'object' ? 'lost' : end, at: firstAt });
  });
  return { places, effects, deliveries: list.length };
}

function sumOf(accounts: readonly Account[]): Account {
  const total = { ...NO_ACCOUNT };
  for (const account of accounts) addAccount(total, account, 1);
  return total;
}

const worlds = fc
  .tuple(happenings(ended), fc.boolean(), fc.integer({ min: -5, max: 5 }))
  .map((world) => worldOf(...world));

describe('the account of a message that stands at several places', () => {
  test('has one copy less than deliveries, and one duplicate less than places delivered', () => {
    fc.assert(
      fc.property(worlds, ({ places, deliveries }) => {
        const { hits, appliedAgain, failedAgain, pending, redeliveries, duplicates } = sumOf(
          accountsOf(places),
        );
        const delivered = places.filter((place) => place.deliveries.length > 0).length;
        expect(hits + appliedAgain + failedAgain + pending).toBe(deliveries - 1);
        expect({ redeliveries, duplicates }).toEqual({
          redeliveries: deliveries - delivered,
          duplicates: delivered - 1,
        });
      }),
      { numRuns: 3_000 },
    );
  });

  test('knows how often it was applied again, up to what was in flight at a kill', () => {
    fc.assert(
      fc.property(worlds, ({ places, effects }) => {
        const { appliedAgain, perhapsAgain } = sumOf(accountsOf(places));
        const truth = Math.max(0, effects - 1);
        expect(truth).toBeGreaterThanOrEqual(appliedAgain);
        expect(truth).toBeLessThanOrEqual(appliedAgain + perhapsAgain);
      }),
      { numRuns: 5_000 },
    );
  });

  test('is exact where nothing was in flight', () => {
    const sure = fc
      .tuple(happenings(fc.constantFrom('applied', 'failed')), fc.boolean(), fc.integer({ min: -5, max: 5 }))
      .map((world) => worldOf(...world));
    fc.assert(
      fc.property(sure, ({ places, effects, deliveries }) => {
        const account = sumOf(accountsOf(places));
        expect(account.appliedAgain).toBe(Math.max(0, effects - 1));
        const hits = places.flatMap((place) => place.deliveries).filter(({ fate }) => fate === 'hit').length;
        expect(account.hits).toBe(hits);
        const failed = deliveries - effects - hits;
        expect(account.failedAgain).toBe(effects === 0 ? failed - 1 : failed);
      }),
      { numRuns: 3_000 },
    );
  });

  test('of a message known from one place is that of its record', () => {
    fc.assert(
      fc.property(worlds, ({ places }) => {
        for (const place of places.filter(({ deliveries }) => deliveries.length > 0)) {
          expect(accountsOf([place])).toEqual([accountOf(place.deliveries.map(({ fate }) => fate))]);
          expect(correctionsOf([place])).toEqual([NO_ACCOUNT]);
        }
      }),
    );
  });

  test('takes no hit and nothing applied again back when a place becomes known', () => {
    fc.assert(
      fc.property(
        happenings(fc.oneof(ended, fc.constant('pending' as const))),
        fc.boolean(),
        (list, withCheck) => {
          const { places } = worldOf(list, withCheck, 0);
          const [before, after] = [sumOf(accountsOf(places.slice(0, 3))), sumOf(accountsOf(places))];
          const alone = sumOf(accountsOf(places.slice(3)));
          for (const key of ['hits', 'appliedAgain', 'duplicates'] as const) {
            expect(after[key]).toBeGreaterThanOrEqual(before[key] + alone[key]);
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('of hits alone: it was applied where nobody looked', () => {
    const one = (partition: number, offset: number, fate: Fate): DeliveredPlace => {
      const { places } = worldOf([{ place: partition * 2 + offset, end: 'failed' }], false, 0);
      const place = places[partition * 2 + offset] as DeliveredPlace;
      return { ...place, deliveries: place.deliveries.map((delivery) => ({ ...delivery, fate })) };
    };
    expect(sumOf(accountsOf([one(0, 0, 'hit'), one(1, 0, 'hit')]))).toEqual({
      ...NO_ACCOUNT,
      duplicates: 2,
      hits: 2,
    });
    expect(sumOf(accountsOf([one(0, 0, 'failed'), one(1, 0, 'applied')]))).toEqual({
      ...NO_ACCOUNT,
      duplicates: 1,
      failedAgain: 1,
    });
  });
});
