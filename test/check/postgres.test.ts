import type { Pool, PoolClient } from 'pg';
import { PostgresStore } from '../../src/check/postgres-store';
import { until } from '../support/broker';
import { type PostgresServer, startOwnPostgres, startPostgres, testPool } from '../support/postgres';
import { batchPayload, checkWithHits, message, onePayload } from './payloads';

let server: PostgresServer;
let pool: Pool;
const pools: Pool[] = [];

beforeAll(async () => {
  server = await startPostgres();
}, 60_000);

afterAll(async () => {
  for (const one of pools) await one.end();
  await server.stop();
});

async function freshPool(config = {}): Promise<Pool> {
  const made = await testPool(server, config);
  pools.push(made);
  await made.query('CREATE TABLE account (id text, amount integer)');
  return made;
}

beforeEach(async () => {
  pool = await freshPool();
});

afterEach(() => jest.restoreAllMocks());

const pay = (tx: PoolClient, id: string) => tx.query('INSERT INTO account VALUES ($1, 1)', [id]);
const sum = async (table = 'account') =>
  Number((await pool.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n);

function payments(options: { onPay?: (id: string) => Promise<void> | void; [option: string]: unknown } = {}) {
  const { onPay, ...rest } = options;
  const { idempotent, told } = checkWithHits();
  const handler = idempotent<PoolClient>(
    async ({ message: { headers }, tx }) => {
      const id = String(headers?.['message-id']);
      await pay(tx, id);
      await onPay?.(id);
    },
    { name: 'billing', store: { postgres: pool }, patienceMs: 0, ...rest },
  );
  return { handler, told };
}

describe('the PostgreSQL inbox', () => {
  test("keeps the identity and the handler's writes together", async () => {
    let isBroken = true;
    const { handler, told } = payments({
      onPay: () => {
        if (isBroken) throw new Error('after the write');
      },
    });
    const payload = onePayload(message(0, 'a'));
    await expect(handler(payload)).rejects.toThrow('after the write');
    expect([await sum(), await sum('dupescope_inbox')]).toEqual([0, 0]);
    isBroken = false;
    await handler(payload);
    await handler(payload);
    expect([await sum(), await sum('dupescope_inbox')]).toEqual([1, 1]);
    expect(told.map(({ offsets }) => offsets)).toEqual([['0']]);
    expect((await pool.query('SELECT hits, last_hit_at FROM dupescope_inbox')).rows).toEqual([
      { hits: 1, last_hit_at: expect.any(Date) },
    ]);
  });

  test('gives copies that come at once to one handler: the others wait for what becomes of it', async () => {
    const failed = new Set<string>();
    const { handler, told } = payments({
      onPay: (id) => {
        if (failed.has(id)) return;
        failed.add(id);
        throw new Error('the first attempt fails');
      },
    });
    const ends = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => handler(onePayload(message(i, 'a')))),
    );
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect([await sum(), told.length]).toEqual([1, 6]);
  });

  test('puts a copy off at once where that is wished, or when it has waited long enough', async () => {
    let finish = () => {};
    const blocked = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let isIn = false;
    const first = payments({
      onPay: () => {
        isIn = true;
        return blocked;
      },
    }).handler(onePayload(message(0, 'a')));
    await until('the first is in its handler', () => isIn);
    for (const options of [{ inProgress: 'put-off' }, { waitMs: 100 }]) {
      const { handler } = payments(options);
      await expect(handler(onePayload(message(1, 'a')))).rejects.toMatchObject({ code: 'copy-in-progress' });
    }
    finish();
    await first;
    expect(await sum()).toBe(1);
  });

  test('ends a handler that idles longer than the lease: nothing of it stays', async () => {
    const { handler } = payments({
      leaseMs: 200,
      onPay: (id) => until(`the session of ${id} is gone`, gone, 10_000),
    });
    const sessions = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'";
    const gone = async () => (await pool.query(sessions)).rowCount === 0;
    await expect(handler(onePayload(message(0, 'a')))).rejects.toMatchObject({ code: 'check-unreachable' });
    expect([await sum(), await sum('dupescope_inbox')]).toEqual([0, 0]);
  });

  test('does not take a transaction for done whose failed statement was swallowed', async () => {
    const { idempotent } = checkWithHits();
    const handler = idempotent<PoolClient>(
      async ({ tx }) => {
        await pay(tx, 'a');
        await tx.query('SELECT 1/0').catch(() => undefined);
      },
      { name: 'billing', store: { postgres: pool } },
    );
    await expect(handler(onePayload(message(0, 'a')))).rejects.toMatchObject({ code: 'check-unreachable' });
    expect([await sum(), await sum('dupescope_inbox')]).toEqual([0, 0]);
  });

  test('takes one round trip for the claims of a batch of 1,000, and one to commit', async () => {
    const queries: string[] = [];
    const { idempotent } = checkWithHits();
    const counting = {
      query: (sql: string, values?: unknown[]) => pool.query(sql, values),
      connect: async () => {
        const client = await pool.connect();
        const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
        const counted = (...args: unknown[]) => {
          queries.push(String(args[0]).trim().split(/\s/)[0] as string);
          return query(...args);
        };
        return Object.assign(Object.create(client) as PoolClient, { query: counted });
      },
    };
    const seen: number[] = [];
    const handler = idempotent.eachBatch(async ({ batch }) => void seen.push(batch.messages.length), {
      name: 'billing',
      store: { postgres: counting },
    });
    const batch = (from: number) => Array.from({ length: 1_000 }, (_, i) => message(i, `id-${from + i}`));
    await handler(batchPayload(batch(0)).payload);
    await handler(batchPayload(batch(500)).payload);
    expect(queries).toEqual(['BEGIN;', 'COMMIT', 'BEGIN;', 'COMMIT']);
    expect(seen).toEqual([1_000, 500]);
    expect(await sum('dupescope_inbox')).toBe(1_500);
  });

  test('resolves and commits offsets of a batch only when its writes are committed', async () => {
    const { idempotent } = checkWithHits();
    let isBroken = true;
    const handler = idempotent.eachBatch<PoolClient>(
      async ({ batch, resolveOffset, commitOffsetsIfNecessary, tx }) => {
        for (const one of batch.messages) {
          await pay(tx, one.offset);
          resolveOffset(one.offset);
          await commitOffsetsIfNecessary();
          if (one.offset === '2' && isBroken) throw new Error('in the middle');
        }
      },
      { name: 'billing', store: { postgres: pool } },
    );
    const messages = [...'abcd'].map((id, i) => message(i, id));
    const broken = batchPayload(messages);
    await expect(handler(broken.payload)).rejects.toThrow('in the middle');
    expect([broken.resolved, broken.commits, await sum()]).toEqual([[], 0, 0]);
    isBroken = false;
    const whole = batchPayload(messages);
    await handler(whole.payload);
    expect([whole.resolved, whole.commits, await sum()]).toEqual([['3'], 4, 4]);
  });

  test('counts the hits that are told, copies within a batch too, and of a reused identity its own alone', async () => {
    const { idempotent, told } = checkWithHits();
    const amounts: string[] = [];
    const handler = idempotent.eachBatch<PoolClient>(
      async ({ batch }) => void amounts.push(...batch.messages.map(({ value }) => String(value))),
      {
        name: 'billing',
        store: { postgres: pool },
        onReuse: ({ message: { value } }) => (String(value) === 'skipped' ? 'skip' : 'apply'),
      },
    );
    const values = ['ten', 'ten', 'ten', 'eleven', 'eleven', 'skipped', 'skipped'];
    const list = values.map((value, i) => message(i, 'a', value));
    const rows = async () =>
      (await pool.query('SELECT hits FROM dupescope_inbox ORDER BY hits')).rows.map(({ hits }) => hits);
    await handler(batchPayload(list).payload);
    expect([amounts, await rows()]).toEqual([
      ['ten', 'eleven'],
      [1, 2],
    ]);
    await handler(batchPayload(list).payload);
    expect([amounts, await rows()]).toEqual([
      ['ten', 'eleven'],
      [3, 5],
    ]);
    expect(told.flatMap(({ offsets }) => offsets)).toHaveLength(8);
  });

  test("reads no clock but the server's", async () => {
    const { handler, told } = payments();
    const now = Date.now();
    const store = new PostgresStore(pool, { windowMs: 60_000, leaseMs: 1_000, waits: true });
    await handler(onePayload(message(0, 'a')));
    for (const skewMs of [86_400_000, -86_400_000]) {
      jest.spyOn(Date, 'now').mockReturnValue(now + skewMs);
      await handler(onePayload(message(0, 'a')));
      expect(await store.purge()).toBe(0);
    }
    expect(told.every(({ ageMs }) => ageMs >= 0 && ageMs < 60_000)).toBe(true);
    await pool.query("UPDATE dupescope_inbox SET at = at - interval '61 seconds'");
    expect(await store.purge()).toBe(1);
    expect([await sum(), told.length]).toEqual([1, 2]);
  });

  test('its table is made once, by however many consumers at the same time', async () => {
    const handlers = Array.from({ length: 8 }, (_, i) => payments({ name: `check ${i}` }).handler);
    await Promise.all(handlers.map((handler) => handler(onePayload(message(0, 'a')))));
    expect(await sum('dupescope_inbox')).toBe(8);
  });

  test('does not ask again where that cannot help', async () => {
    const { handler } = payments({
      store: { postgres: pool, table: 'nowhere.inbox' },
      patienceMs: 60_000,
    });
    const neverAgain = jest.fn(async () => {});
    await expect(handler(onePayload(message(0, 'a'), neverAgain))).rejects.toMatchObject({
      code: 'check-unreachable',
      message: expect.stringContaining('schema "nowhere" does not exist'),
    });
    expect(neverAgain).not.toHaveBeenCalled();
  });
});

describe('a server that crashes', () => {
  test('in the middle of a handler leaves nothing, and what is tried again then is handled once', async () => {
    const own = await startOwnPostgres();
    const crashed = await testPool(own);
    try {
      await crashed.query('CREATE TABLE account (id text, amount integer)');
      const { idempotent } = checkWithHits();
      let crashes = 0;
      const handler = idempotent<PoolClient>(
        async ({ tx }) => {
          await pay(tx, 'a');
          if (crashes++ === 0) await own.crash();
        },
        { name: 'billing', store: { postgres: crashed }, patienceMs: 300 },
      );
      const payload = onePayload(message(0, 'a'));
      await expect(handler(payload)).rejects.toMatchObject({ code: 'check-unreachable' });
      // It is down: asked again for a while, then the handler fails.
      await expect(handler(payload)).rejects.toMatchObject({ code: 'check-unreachable' });
      expect(crashes).toBe(1);
      await own.start();
      await handler(payload);
      await handler(payload);
      expect((await crashed.query('SELECT count(*)::int AS n FROM account')).rows).toEqual([{ n: 1 }]);
      expect(crashes).toBe(2);
    } finally {
      await crashed.end();
      await own.stop();
    }
  }, 60_000);
});
