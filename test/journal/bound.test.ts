import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { openStore } from '../../src/store/open';
import { testFolder } from '../support/folder';
import { ObservedLife } from '../support/observed-life';

const folder = testFolder('bound');
const db = openStore(join(folder, 'store.db'));
afterAll(() => db.close());

let groups = 0;

function lifeOf(limitBytes: number, group = `group ${++groups}`): ObservedLife {
  return new ObservedLife(db, join(folder, 'journals'), group, limitBytes);
}

/** What the store says of the lives' group: deliveries that it has, and those that it was told are lost. */
function accountOf(lives: readonly ObservedLife[]) {
  const ids = JSON.stringify(lives.map(({ journal }) => journal.id));
  return db
    .prepare(
      `SELECT (SELECT coalesce(sum(d.last - d.first + 1), 0) FROM delivery_run d JOIN session s ON s.id = d.session
                 WHERE s.journal IN (SELECT value FROM json_each(@ids))) AS stored,
              (SELECT coalesce(sum(p.deliveries), 0) FROM group_partition p WHERE p.grp IN (
                 SELECT grp FROM session WHERE journal IN (SELECT value FROM json_each(@ids)))) AS counted,
              (SELECT coalesce(sum(deliveries), 0) FROM dropped_detail
                 WHERE journal IN (SELECT value FROM json_each(@ids))) AS told`,
    )
    .get({ ids }) as { stored: number; counted: number; told: number };
}

function deliveredIn(lives: readonly ObservedLife[]): number {
  return lives.reduce((sum, life) => sum + life.delivered, 0);
}

describe('the smallest limit that the options allow', () => {
  const MIB = 1024 * 1024;

  test('never blinds a process whose store is well', () => {
    const life = lifeOf(MIB);
    for (let round = 0; round < 80; round++) {
      life.fail(0, 100);
      life.store(true);
    }
    expect(life.journal.losses.events).toBe(0);
    expect(accountOf([life])).toEqual({ stored: 8_000, counted: 8_000, told: 0 });
    life.journal.close(true);
  });

  test('is kept, on the disk too, and sight comes back with the first turn of the store', () => {
    const life = lifeOf(MIB);
    life.store(true);
    life.fail(0, 10_000);
    const lost = life.journal.losses.deliveries;
    expect(lost).toBeGreaterThan(0);
    const bytes = readdirSync(life.journal.folder)
      .filter((name) => name.startsWith('log-'))
      .map((name) => statSync(join(life.journal.folder, name)).size)
      .reduce((a, b) => a + b, 0);
    // And what is allocated for the segment in use.
    expect(bytes).toBeLessThanOrEqual(MIB + 256 * 1024);
    life.store(true);
    life.store(true);
    expect(accountOf([life])).toEqual({ stored: 10_000 - lost, counted: 10_000 - lost, told: lost });
    life.fail(0, 100);
    life.store(true);
    expect(accountOf([life])).toMatchObject({ stored: 10_000 - lost + 100, told: lost });
    life.journal.close(true);
  });
});

describe('while the journal is full', () => {
  /** @param records in a life whose journal has room for much less */
  function full(limitBytes = 16 * 1024): ObservedLife {
    const life = lifeOf(limitBytes);
    while (life.journal.losses.events === 0) life.fail(0, 1);
    return life;
  }

  test('partitions are acquired: what they deliver when there is room is stored', () => {
    const life = full();
    for (let track = 1; track <= 60; track++) life.openTrack();
    life.fail(60, 3);
    life.store(true);
    life.fail(60, 20);
    life.deliver(60, 180);
    life.store(true);
    const { stored, told } = accountOf([life]);
    expect(told).toBe(life.journal.losses.deliveries);
    expect(stored + told).toBe(life.delivered);
    expect(db.prepare('SELECT deliveries FROM group_partition ORDER BY id DESC').pluck().get()).toBe(200);
    life.journal.close(true);
  });

  test('a session begins: its seek does not hold up what is behind it', () => {
    const life = full();
    for (let session = 1; session <= 20; session++) life.openSession();
    life.openTrack();
    life.store(true);
    life.seek();
    life.fail(1, 10);
    life.store(true);
    const { stored, told } = accountOf([life]);
    expect(stored + told).toBe(life.delivered);
    life.journal.close(true);
  });

  test('batches with gaps are lost: their deliveries are counted', () => {
    const life = full();
    const before = life.journal.losses.deliveries;
    for (let i = 0; i < 50; i++) life.batch(0, 20, 'handled');
    expect(life.journal.losses.deliveries - before).toBeGreaterThan(0);
    life.store(true);
    life.store(true);
    const { stored, told } = accountOf([life]);
    expect(told).toBe(life.journal.losses.deliveries);
    expect(stored + told).toBe(life.delivered);
    life.journal.close(true);
  });

  test.each([true, false])('it is killed: what is missing is told by its file (followed: %s)', (followed) => {
    const life = full();
    if (followed) life.store(false);
    // More than definitions have a share for.
    for (let track = 1; track <= 60; track++) life.openTrack();
    life.fail(60, 5);
    life.deliver(60, 7);
    life.kill(followed);
    const { stored, told } = accountOf([life]);
    expect(told).toBeGreaterThanOrEqual(life.journal.losses.deliveries + 7);
    expect(stored + told).toBe(life.delivered);
  });
});

type Act =
  | { act: 'deliver' | 'fail'; which: number; records: number }
  | { act: 'batch'; which: number; records: number; ends: 'handled' | 'failed' | 'never' }
  | { act: 'session' | 'track' | 'seek' | 'begin' }
  | { act: 'store'; heard: boolean }
  | { act: 'kill'; byFollower: boolean };

const which = fc.nat(5);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('deliver' as const),
      which,
      records: fc.integer({ min: 1, max: 9 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      act: fc.constant('fail' as const),
      which,
      records: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('batch' as const),
      which,
      records: fc.integer({ min: 2, max: 40 }),
      ends: fc.constantFrom('handled' as const, 'failed' as const, 'never' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constantFrom('session' as const, 'track' as const, 'seek' as const, 'begin' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ act: fc.constant('store' as const), heard: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('kill' as const), byFollower: fc.boolean() }) },
);

test('whatever happens: deliveries = stored + told as lost, and nothing blocks', () => {
  let [lost, kills] = [0, 0];
  fc.assert(
    fc.property(
      fc.array(act, { minLength: 5, maxLength: 60 }),
      fc.integer({ min: 1_500, max: 12_000 }),
      (acts, limitBytes) => {
        const group = `group ${++groups}`;
        let life = lifeOf(limitBytes, group);
        const lives = [life];
        for (const one of acts) {
          if (one.act === 'deliver' || one.act === 'fail') life[one.act](one.which, one.records);
          else if (one.act === 'batch') life.batch(one.which, one.records, one.ends);
          else if (one.act === 'session') life.openSession();
          else if (one.act === 'track') life.openTrack();
          else if (one.act === 'seek') life.seek();
          else if (one.act === 'begin') life.begin();
          else if (one.act === 'store') {
            life.store(one.heard);
            // Never more than there was, at any moment.
            const { stored, told } = accountOf(lives);
            expect(stored + told).toBeLessThanOrEqual(deliveredIn(lives));
          } else if (one.act === 'kill') {
            life.kill(one.byFollower);
            kills++;
            const { stored, told } = accountOf(lives);
            expect(stored + told).toBe(deliveredIn(lives));
            life = lifeOf(limitBytes, group);
            lives.push(life);
          }
        }
        life.leave();
        // The store is well again: one turn makes room, the next one takes what had none.
        for (let turn = 0; turn < 3; turn++) life.store(true, true);
        expect(life.journal.owes).toBe(false);
        const { stored, counted, told } = accountOf(lives);
        expect(counted).toBe(stored);
        expect(stored + told).toBe(deliveredIn(lives));
        lost += told;
        life.journal.close(true);
      },
    ),
    { numRuns: Number(process.env.DUPESCOPE_TEST_RUNS ?? 150) },
  );
  // The limits were met.
  expect(lost).toBeGreaterThan(1_000);
  expect(kills).toBeGreaterThan(20);
}, 120_000);
