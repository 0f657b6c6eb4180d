/** Duplicates that groups were given: what observer and deliveries tell together, in whatever order each comes. */
import { join } from 'node:path';
import fc from 'fast-check';
import {
  type Account,
  accountsOf,
  addAccount,
  type HitSpan,
  NO_ACCOUNT,
  type RunSpan,
} from '../../src/ledger';
import { IdentityIndex } from '../../src/store/identity';
import { openStore, type Store } from '../../src/store/open';
import { Tables } from '../../src/store/tables';
import { checkedHistories, deliveredAt } from '../support/accounts';
import { testFolder } from '../support/folder';
import { type MadeRecord, observed } from '../support/records';

const folder = testFolder('delivered-duplicates');
const RECORDS = 50;

let db: Store;
let tables: Tables;
let index: IdentityIndex;
let worlds = 0;

beforeAll(() => {
  db = openStore(join(folder, 'store.db'));
  tables = new Tables(db);
  index = new IdentityIndex(db, { snapshotPath: null });
});
afterAll(() => db.close());

/** A topic of two partitions, and a group of three sessions. */
function freshWorld() {
  const { dimensions, facts } = tables;
  const name = `w${++worlds}`;
  const cluster = dimensions.cluster('cluster');
  const topic = dimensions.topic(cluster, name, null, 0);
  const group = dimensions.group(cluster, name);
  const started = { t: 'session', session: 1, group: 'g', host: 'h', pid: 1, bootId: '', at: 0 } as const;
  const sessions = new Map(
    ['a', 'b', 'c'].map((key) => {
      const fact = { ...started, key: `${key}-${name}`, version: '0', settings: {} };
      return [key, facts.session('journal', group, fact)] as const;
    }),
  );
  const places = [0, 1].map((partition) => dimensions.groupPartition(group, topic, partition));
  return { name, topic, group, sessions, places };
}

type World = ReturnType<typeof freshWorld>;

function tellRun({ name, topic, group, sessions, places }: World, partition: number, span: RunSpan): void {
  const { id: _, ...run } = span;
  const about = {
    gp: places[partition] as number,
    topic,
    group,
    session: sessions.get(run.sessionKey) as number,
  };
  const row = { ...run, ...about, sessionKey: `${run.sessionKey}-${name}`, member: null, error: null };
  tables.runs.apply(row, 1);
}

function tellHit({ sessions, places }: World, partition: number, hit: HitSpan): void {
  const { sessionKey, fate, ...stretch } = hit;
  const row = {
    ...stretch,
    gp: places[partition] as number,
    session: sessions.get(sessionKey) as number,
  };
  if (fate === 'applied') tables.hits.cover(row, 1);
  else tables.hits.apply({ ...row, ageMs: 5, windowMs: null }, 1);
}

function totals({ places }: World) {
  return places.map(
    (gp) =>
      db
        .prepare(
          `SELECT redeliveries, duplicates_delivered AS duplicates, hits, applied_again AS appliedAgain,
             failed_again AS failedAgain, perhaps_again AS perhapsAgain FROM group_partition WHERE id = ?`,
        )
        .get(gp) as Omit<Account, 'pending'>,
  );
}

type History = { runs: RunSpan[]; hits: HitSpan[] };

/** By going through every record of every message: which of its deliveries came to what. */
function expectedOf(histories: readonly History[], records: readonly (readonly MadeRecord[])[]): Account[] {
  const messages = new Map<string, { partition: number; offset: number }[]>();
  records.forEach((list, partition) => {
    for (const { offset, id, value } of list) {
      const key = id === null ? `${partition}/${offset}` : `${id} ${value}`;
      messages.set(key, [...(messages.get(key) ?? []), { partition, offset }]);
    }
  });
  const found = records.map(() => ({ ...NO_ACCOUNT }));
  for (const places of messages.values()) {
    const delivered = places.map(({ partition, offset }) => {
      const { runs, hits } = histories[partition] as History;
      return { partition, offset, deliveries: deliveredAt(runs, hits, offset) };
    });
    accountsOf(delivered).forEach((account, i) => {
      addAccount(found[places[i]?.partition as number] as Account, account, 1);
    });
  }
  return found;
}

const recordsOf = fc.array(
  fc.record({
    id: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 4 }),
    value: fc.constantFrom('v', 'v', 'v', 'w'),
  }),
  { minLength: RECORDS + 10, maxLength: RECORDS + 10 },
);

describe('the account of copies, where the observer tells which records are one message', () => {
  test('is that of all of it, in whatever order deliveries, hits and copies became known', () => {
    const histories = fc.tuple(checkedHistories, checkedHistories);
    // Numbers by which the order is made: of deliveries at random, of each partition's batches as they were read.
    const orders = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 400, maxLength: 400 });
    fc.assert(
      fc.property(histories, fc.tuple(recordsOf, recordsOf), orders, (given, made, order) => {
        const world = freshWorld();
        // Runs of both partitions are of the same sessions: their numbers must differ.
        const renumbered = given.map(({ runs, hits }, partition) => ({
          runs: runs.map((run) => ({ ...run, run: run.run * 2 + partition })),
          hits: hits.map((hit) => ({ ...hit, run: hit.run * 2 + partition })),
        }));
        const records = made.map((list, partition) =>
          list.map(
            ({ id, value }, offset): MadeRecord => ({
              ...{ offset, value, at: 1_000 + offset * 10 + partition },
              id: id === null ? null : `m${id}`,
            }),
          ),
        );
        const steps: { at: number; do: () => void }[] = [];
        let next = 0;
        const at = () => order[next++ % order.length] as number;
        renumbered.forEach(({ runs, hits }, partition) => {
          for (const run of runs) {
            const middle = run.first + Math.floor((run.last - run.first) / 2);
            const earlier = {
              last: middle,
              handled: Math.min(run.handled, middle + 1),
              uncertainLast: middle,
            };
            const open: RunSpan = { ...run, ...earlier, outcome: 'open' };
            for (const span of [open, run])
              steps.push({ at: at(), do: () => tellRun(world, partition, span) });
          }
          for (const hit of hits) steps.push({ at: at(), do: () => tellHit(world, partition, hit) });
          const batches = Array.from({ length: 10 }, () => at()).sort((a, b) => a - b);
          batches.forEach((when, i) => {
            const size = (RECORDS + 10) / batches.length;
            const part = (records[partition] as MadeRecord[]).slice(i * size, (i + 1) * size);
            steps.push({
              at: when,
              do: () => void index.observe(observed(index, world.name, partition, part)),
            });
          });
        });
        for (const step of steps.sort((a, b) => a.at - b.at)) step.do();

        const expected = expectedOf(renumbered, records);
        const found = totals(world);
        found.forEach((account, partition) => {
          const { pending, ...rest } = expected[partition] as Account;
          expect(account).toEqual(rest);
          const became = account.hits + account.appliedAgain + account.failedAgain + pending;
          expect(became).toBe(account.redeliveries + account.duplicates);
        });
      }),
      { numRuns: 100 },
    );
  }, 300_000);

  const whole = (last: number, more: Partial<RunSpan> = {}): RunSpan => ({
    ...{ id: 0, run: 1, sessionKey: 'a', first: 0, last, handled: last + 1, uncertainLast: last },
    ...{ outcome: 'handled', firstAt: 1, lastAt: 2, ...more },
  });

  test.each(['before', 'after'] as const)(
    'of one message written 500 times, delivered %s it is observed',
    (when) => {
      const world = freshWorld();
      const records = Array.from(
        { length: 500 },
        (_, offset): MadeRecord => ({ offset, at: offset, id: 'same' }),
      );
      const observe = () => {
        for (let i = 0; i < 500; i += 70) {
          index.observe(observed(index, world.name, 0, records.slice(i, i + 70)));
        }
      };
      if (when === 'after') observe();
      for (let last = 9; last < 500; last += 10) tellRun(world, 0, whole(last, { outcome: 'open' }));
      tellRun(world, 0, whole(499));
      if (when === 'before') observe();
      const [found] = totals(world);
      expect(found).toMatchObject({ redeliveries: 0, duplicates: 499, appliedAgain: 499, hits: 0 });
      const delays = db.prepare(
        'SELECT sum(records) AS records, max(longest_ms) AS longest FROM delivered_delay WHERE grp = ?',
      );
      expect(delays.get(world.group)).toEqual({ records: 499, longest: 499 });
    },
  );

  test('of an attempt that may have applied the message which was a hit elsewhere, and then fails', () => {
    const world = freshWorld();
    for (const partition of [0, 1]) {
      index.observe(observed(index, world.name, partition, [{ offset: 0, at: 1 + partition, id: 'same' }]));
    }
    tellRun(world, 1, whole(0, { firstAt: 0 }));
    tellHit(world, 1, { sessionKey: 'a', run: 1, first: 0, last: 0, at: 1, fate: 'hit' });
    tellRun(world, 0, whole(0, { run: 2, firstAt: 3, handled: 0, outcome: 'failed' }));
    const under = { ...whole(0, { run: 3, firstAt: 5, handled: 0 }), sessionKey: 'b' };
    tellRun(world, 0, { ...under, outcome: 'open' });
    expect(totals(world).map(({ duplicates }) => duplicates)).toEqual([0, 1]);
    tellRun(world, 0, { ...under, outcome: 'failed' });
    expect(totals(world).map(({ duplicates }) => duplicates)).toEqual([1, 1]);
    expect(totals(world)[0]).toMatchObject({ redeliveries: 1, failedAgain: 2 });
  });

  test('knows nothing of copies that the group was not given, and leaves out other payloads and copies on purpose', () => {
    const world = freshWorld();
    const records: MadeRecord[] = [
      { offset: 0, at: 1, id: 'a' },
      { offset: 1, at: 2, id: 'a' },
      { offset: 2, at: 3, id: 'a', value: 'other' },
      { offset: 3, at: 4, id: 'b' },
      { offset: 4, at: 5, id: 'b', headers: { 'kafka_original-topic': Buffer.from('t') } },
    ];
    index.observe(observed(index, world.name, 0, records));
    // The group began behind the first copy.
    tellRun(world, 0, whole(4, { first: 1 }));
    expect(totals(world)[0]).toMatchObject({ redeliveries: 0, duplicates: 0, appliedAgain: 0 });
    tellRun(world, 0, whole(0, { run: 2, firstAt: 5 }));
    expect(totals(world)[0]).toMatchObject({ redeliveries: 0, duplicates: 1, appliedAgain: 1 });
  });
});
