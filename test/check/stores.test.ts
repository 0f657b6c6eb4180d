import { join } from 'node:path';
import fc from 'fast-check';
import { MemoryStore } from '../../src/check/memory-store';
import { PostgresStore } from '../../src/check/postgres-store';
import { SqliteStore } from '../../src/check/sqlite-store';
import type { CheckStore, Claim } from '../../src/check/store';
import { uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { type PostgresServer, startPostgres, testPool } from '../support/postgres';

const folder = testFolder('stores');
const limits = { windowMs: 3_600_000, leaseMs: 60_000 };
let server: PostgresServer;
const pools: Awaited<ReturnType<typeof testPool>>[] = [];
const stores: CheckStore<unknown>[] = [];

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  for (const store of stores) await store.close();
  for (const pool of pools) await pool.end();
  await server.stop();
});

/** Two consumers' views of one store. */
type Pair = [CheckStore<unknown>, CheckStore<unknown>];

const KINDS: Record<string, () => Promise<Pair>> = {
  memory: async () => {
    const store = new MemoryStore(1_000, limits);
    return [store, store];
  },
  SQLite: async () => {
    const path = join(folder, `${uniqueName('store')}.db`);
    return [new SqliteStore(path, limits), new SqliteStore(path, limits)];
  },
  PostgreSQL: async () => {
    const pool = await testPool(server, { max: 8 });
    pools.push(pool);
    const made = () => new PostgresStore(pool, { ...limits, waits: false });
    return [made(), made()];
  },
};

async function pairOf(kind: string): Promise<Pair> {
  const pair = await (KINDS[kind] as () => Promise<Pair>)();
  stores.push(...pair);
  return pair;
}

function claim(number: number, payload = 7): Claim {
  return { key: number.toString(16).padStart(32, '0'), payload: payload.toString(16).padStart(32, 'a') };
}

async function isAnswers(store: CheckStore<unknown>, claims: Claim[]): Promise<string[]> {
  const attempt = await store.begin(claims);
  await attempt.release();
  return attempt.answers.map(({ is }) => is);
}

describe.each(Object.keys(KINDS))('the store in %s', (kind) => {
  test('knows what was settled, in every consumer', async () => {
    const [one, other] = await pairOf(kind);
    const attempt = await one.begin([claim(1), claim(2)]);
    expect(attempt.answers).toEqual([{ is: 'fresh' }, { is: 'fresh' }]);
    await attempt.settle((i) => i === 0);
    expect(await isAnswers(other, [claim(1), claim(2), claim(3)])).toEqual(['done', 'fresh', 'fresh']);
    const again = await one.begin([claim(1)]);
    const [answer] = again.answers;
    expect(answer).toMatchObject({ is: 'done', payload: claim(1).payload });
    expect((answer as { ageMs: number }).ageMs).toBeLessThan(60_000);
    await again.release();
  });

  test('forgets a claim that was released', async () => {
    const [one, other] = await pairOf(kind);
    await (await one.begin([claim(1)])).release();
    expect(await isAnswers(other, [claim(1)])).toEqual(['fresh']);
  });

  test('tells a claim in progress as busy, and claims nothing behind it', async () => {
    const [one, other] = await pairOf(kind);
    const held = await one.begin([claim(2)]);
    const second = await other.begin([claim(1), claim(2), claim(3)]);
    expect(second.answers.at(-1)).toEqual({ is: 'busy' });
    const claimedBefore = second.answers.length - 1;
    await second.settle(() => true);
    await held.settle(() => true);
    const after = await isAnswers(one, [claim(1), claim(2), claim(3)]);
    expect(after).toEqual([claimedBefore === 1 ? 'done' : 'fresh', 'done', 'fresh']);
  });

  test('is what a model says it is, for any history of claims, ends and releases', async () => {
    const step = fc.record({
      who: fc.nat(1),
      keys: fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 4 }),
      end: fc.constantFrom('settle', 'half', 'release', 'hold'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        const pair = await pairOf(kind);
        const done = new Set<number>();
        const held = new Map<number, number>();
        const open: (() => Promise<void>)[] = [];
        for (const { who, keys, end } of steps) {
          const attempt = await (pair[who] as CheckStore<unknown>).begin(keys.map((key) => claim(key)));
          const expected: string[] = [];
          for (const key of keys) {
            expected.push(held.has(key) ? 'busy' : done.has(key) ? 'done' : 'fresh');
            if (expected.at(-1) === 'busy') break;
          }
          // PostgreSQL claims all or nothing.
          const isCut = kind === 'PostgreSQL' && expected.includes('busy');
          expect(attempt.answers.map(({ is }) => is)).toEqual(isCut ? ['busy'] : expected);
          const mine = isCut ? [] : keys.filter((_, i) => expected[i] === 'fresh');
          if (end === 'hold') {
            for (const key of mine) held.set(key, who);
            open.push(() => attempt.release());
            // An update of a row that is done locks it in PostgreSQL until the transaction ends.
            if (kind === 'PostgreSQL' && !isCut) for (const key of keys) held.set(key, who);
            continue;
          }
          const kept = end === 'settle' ? mine : end === 'half' ? mine.slice(0, 1) : [];
          if (end === 'release') await attempt.release();
          else await attempt.settle((i) => kept.includes(keys[i] as number));
          for (const key of kept) done.add(key);
        }
        for (const release of open) await release();
        expect(await differences(pair, done)).toEqual([]);
        for (const store of pair) await store.close();
      }),
      { numRuns: kind === 'PostgreSQL' ? 25 : 60 },
    );
  }, 120_000);
});

/** Keys on which the stores and the model differ at the end. */
async function differences(pair: Pair, done: Set<number>): Promise<number[]> {
  const keys = [0, 1, 2, 3, 4, 5];
  const found: number[] = [];
  for (const store of pair) {
    const answers = await isAnswers(
      store,
      keys.map((key) => claim(key)),
    );
    found.push(...keys.filter((key) => (answers[key] === 'done') !== done.has(key)));
  }
  return found;
}

describe.each(['memory', 'PostgreSQL'])('the store in %s', (kind) => {
  test('purges by itself, as messages come', async () => {
    const short = { windowMs: 1_000, leaseMs: 60_000 };
    const pool = kind === 'memory' ? null : await testPool(server);
    if (pool !== null) pools.push(pool);
    const store: CheckStore<unknown> =
      pool === null ? new MemoryStore(1_000, short) : new PostgresStore(pool, { ...short, waits: false });
    stores.push(store);
    await (await store.begin([claim(1), claim(2)])).settle(() => true);
    await until('they are gone', async () => {
      await (await store.begin([claim(3)])).release();
      return (await isAnswers(store, [claim(1), claim(2)])).every((answer) => answer === 'fresh');
    });
  });
});

describe('the store in memory', () => {
  test('keeps its bound, and never forgets what is in progress', async () => {
    const store = new MemoryStore(10, limits);
    const held = await store.begin([claim(0)]);
    for (let i = 1; i <= 100; i++) await (await store.begin([claim(i)])).settle(() => true);
    expect(store.size).toBe(10);
    expect(await isAnswers(store, [claim(0)])).toEqual(['busy']);
    await held.settle(() => true);
    expect(await isAnswers(store, [claim(100), claim(5)])).toEqual(['done', 'fresh']);
  });
});
