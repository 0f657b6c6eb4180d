import { join } from 'node:path';
import type { EachBatchPayload } from 'kafkajs';
import type { Hit } from '../../src/check';
import { MemoryStore } from '../../src/check/memory-store';
import type { CheckStore } from '../../src/check/store';
import { uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { batchPayload, checkWithHits, message, onePayload } from './payloads';

const folder = testFolder('idempotent');
const memory = () => new MemoryStore(1_000, { windowMs: 60_000, leaseMs: 60_000 });
const sqlite = () => ({ sqlite: join(folder, `${uniqueName('check')}.db`) });

/** A store that is down until it is told to come back. */
function failing(store: CheckStore, until: () => boolean, what: 'begin' | 'settle' = 'begin'): CheckStore {
  const refuse = () =>
    Promise.reject(Object.assign(new Error('connection refused'), { code: 'ECONNREFUSED' }));
  return {
    atomic: store.atomic,
    begin: async (claims) => {
      if (what === 'begin' && !until()) return refuse();
      const attempt = await store.begin(claims);
      return {
        ...attempt,
        settle: (handled) => {
          if (until()) return attempt.settle(handled);
          void attempt.release();
          return refuse();
        },
      };
    },
    purge: () => store.purge(),
    close: () => store.close(),
  };
}

describe('idempotent around eachMessage', () => {
  test('calls the handler once for each identity, and tells the hits', async () => {
    const { idempotent, told } = checkWithHits();
    const seen: string[] = [];
    const hits: Hit[] = [];
    const handler = idempotent(
      async ({ message: { offset } }) => {
        seen.push(offset);
      },
      { name: 'billing', store: sqlite(), onHit: (hit) => hits.push(hit) },
    );
    for (const [offset, id] of [
      [0, 'a'],
      [1, 'b'],
      [0, 'a'],
      [2, 'b'],
      [3, 'c'],
    ] as const) {
      await handler(onePayload(message(offset, id)));
    }
    await handler.close();
    expect(seen).toEqual(['0', '1', '3']);
    expect(told.map(({ offsets }) => offsets)).toEqual([['0'], ['2']]);
    expect(hits.map(({ identity, message: { offset } }) => `${identity}@${offset}`)).toEqual(['a@0', 'b@2']);
    expect(told[0]?.windowMs).toBe(7 * 86_400_000);
  });

  test('remembers for each name apart', async () => {
    const { idempotent } = checkWithHits();
    const store = memory();
    const seen: string[] = [];
    for (const name of ['billing', 'shipping', 'billing']) {
      const handler = idempotent(async () => void seen.push(name), { name, store });
      await handler(onePayload(message(0, 'a')));
    }
    expect(seen).toEqual(['billing', 'shipping']);
  });

  test('marks nothing when the handler throws, and passes its error on', async () => {
    const { idempotent, told } = checkWithHits();
    const error = new Error('not yet');
    let calls = 0;
    const handler = idempotent(
      async () => {
        if (++calls < 3) throw error;
      },
      { name: 'billing', store: memory() },
    );
    const payload = onePayload(message(0, 'a'));
    await expect(handler(payload)).rejects.toBe(error);
    await expect(handler(payload)).rejects.toBe(error);
    await handler(payload);
    await handler(payload);
    expect(calls).toBe(3);
    expect(told).toHaveLength(1);
  });

  test('refuses the same identity with another payload, or asks what to do', async () => {
    const { idempotent } = checkWithHits();
    const store = memory();
    const seen: string[] = [];
    const handle = async ({ message: { value } }: { message: { value: Buffer | null } }) => {
      seen.push(String(value));
    };
    const strict = idempotent(handle, { name: 'billing', store });
    await strict(onePayload(message(0, 'a', 'ten')));
    await expect(strict(onePayload(message(1, 'a', 'eleven')))).rejects.toMatchObject({
      name: 'IdReuse',
      code: 'id-reuse',
      identity: 'a',
      offset: '1',
    });
    const asked = (answer: 'skip' | 'apply') =>
      idempotent(handle, { name: 'billing', store, onReuse: () => answer });
    await asked('skip')(onePayload(message(1, 'a', 'eleven')));
    expect(seen).toEqual(['ten']);
    await asked('apply')(onePayload(message(1, 'a', 'eleven')));
    expect(seen).toEqual(['ten', 'eleven']);
  });

  test.each(['eachMessage', 'eachBatch'])(
    'tells no hit of a reused identity, whatever is decided: %s',
    async (form) => {
      const { idempotent, told } = checkWithHits();
      const store = memory();
      const seen: string[] = [];
      const see = (messages: { value: Buffer | null }[]) =>
        void seen.push(...messages.map(({ value }) => String(value)));
      for (const answer of ['skip', 'apply'] as const) {
        const options = { name: 'billing', store, onReuse: () => answer };
        const list = [message(0, answer, 'ten'), message(1, answer, 'eleven'), message(2, answer, 'ten')];
        if (form === 'eachBatch') {
          await idempotent.eachBatch(
            async ({ batch }) => see(batch.messages),
            options,
          )(batchPayload(list).payload);
        } else {
          const one = idempotent(async (payload) => see([payload.message]), options);
          for (const each of list) await one(onePayload(each));
        }
      }
      expect(seen).toEqual(['ten', 'ten', 'eleven']);
      expect(told.map(({ offsets }) => offsets)).toEqual([['2'], ['2']]);
    },
  );

  test.each(['eachMessage', 'eachBatch'])(
    'knows a copy of what it applied of a reused identity, and asks again of what was skipped: %s',
    async (form) => {
      const { idempotent, told } = checkWithHits();
      const seen: string[] = [];
      const asked: string[] = [];
      const options = {
        name: 'billing',
        store: sqlite(),
        onReuse: ({ message: { value, offset } }: Hit) => {
          asked.push(`${value}@${offset}`);
          return String(value) === 'twelve' ? ('skip' as const) : ('apply' as const);
        },
      };
      const one = idempotent(async ({ message: { value } }) => void seen.push(String(value)), options);
      const many = idempotent.eachBatch(
        async ({ batch }) => void seen.push(...batch.messages.map(({ value }) => String(value))),
        options,
      );
      const list = ['ten', 'eleven', 'eleven', 'twelve', 'twelve'].map((value, i) => message(i, 'a', value));
      const deliver = async () => {
        if (form === 'eachBatch') return many(batchPayload(list).payload);
        for (const each of list) await one(onePayload(each));
      };
      await deliver();
      const first = { asked: asked.splice(0), told: told.splice(0).flatMap(({ offsets }) => offsets) };
      await deliver();
      await one.close();
      await many.close();
      expect(seen).toEqual(['ten', 'eleven']);
      // Within a batch the answer holds for all copies.
      const skipped = form === 'eachBatch' ? ['twelve@3'] : ['twelve@3', 'twelve@4'];
      expect(first).toEqual({ asked: ['eleven@1', ...skipped], told: ['2'] });
      expect(asked).toEqual(skipped);
      expect(told.flatMap(({ offsets }) => offsets)).toEqual(['0', '1', '2']);
    },
  );

  test('refuses a reused identity within a batch when what lies before is handled, and marks nothing of it', async () => {
    const { idempotent, told } = checkWithHits();
    const seen: string[] = [];
    const handler = idempotent.eachBatch(
      async ({ batch }) => void seen.push(...batch.messages.map(({ value }) => String(value))),
      { name: 'billing', store: memory() },
    );
    const list = [message(0, 'a', 'ten'), message(1, 'b', 'one'), message(2, 'a', 'eleven')];
    for (let turn = 0; turn < 2; turn++) {
      await expect(handler(batchPayload(list).payload)).rejects.toMatchObject({
        code: 'id-reuse',
        offset: '2',
      });
    }
    expect(seen).toEqual(['ten', 'one']);
    expect(told.map(({ offsets }) => offsets)).toEqual([['0', '1']]);
  });

  test('tells a copy within a batch when the first of them was handled, not before', async () => {
    const { idempotent, told } = checkWithHits();
    let fails = true;
    const handler = idempotent.eachBatch(
      async ({ batch, resolveOffset }) => {
        resolveOffset(batch.messages[0]?.offset as string);
        if (fails) throw new Error('down');
        for (const { offset } of batch.messages) resolveOffset(offset);
      },
      { name: 'billing', store: memory() },
    );
    const list = [message(0, 'a'), message(1, 'a'), message(2, 'b'), message(3, 'b')];
    await expect(handler(batchPayload(list).payload)).rejects.toThrow('down');
    expect(told.map(({ offsets }) => offsets)).toEqual([['1']]);
    fails = false;
    await handler(batchPayload(list).payload);
    // Offsets 0 and 1 were handled before: known ones are told first.
    expect(told.slice(1).map(({ offsets }) => offsets)).toEqual([['0', '1'], ['3']]);
  });

  test('treats messages without an identity by the policy', async () => {
    const { idempotent } = checkWithHits();
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const seen: string[] = [];
    const with_ = (noIdentity: 'run' | 'refuse' | 'fingerprint') =>
      idempotent(async () => void seen.push(noIdentity), { name: 'billing', store: memory(), noIdentity });
    const twice = async (handler: ReturnType<typeof with_>) => {
      await handler(onePayload(message(0, null, 'same')));
      await handler(onePayload(message(1, null, 'same')));
    };
    await twice(with_('run'));
    await twice(with_('fingerprint'));
    expect(seen).toEqual(['run', 'run', 'fingerprint']);
    await expect(twice(with_('refuse'))).rejects.toMatchObject({ code: 'identity-missing' });
    const warnings = warn.mock.calls.map(([text]) => text);
    warn.mockRestore();
    expect(warnings).toEqual([
      'idempotent("billing"): messages of payments have no identity and are handled unchecked',
    ]);
  });

  test('lets a copy wait for the first one, with heartbeats, or puts it off', async () => {
    const { idempotent, told } = checkWithHits();
    const store = memory();
    let finish = () => {};
    const first = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let calls = 0;
    const handle = async () => {
      calls++;
      await first;
    };
    const waiting = idempotent(handle, { name: 'billing', store });
    const putOff = idempotent(handle, { name: 'billing', store, inProgress: 'put-off' });
    const impatient = idempotent(handle, { name: 'billing', store, waitMs: 30 });
    const running = waiting(onePayload(message(0, 'a')));
    let beats = 0;
    const beaten = new Promise<void>((resolve) => {
      const copy = waiting(
        onePayload(message(1, 'a'), async () => {
          if (++beats === 2) resolve();
        }),
      );
      copies.push(copy);
    });
    await expect(putOff(onePayload(message(2, 'a')))).rejects.toMatchObject({ code: 'copy-in-progress' });
    await expect(impatient(onePayload(message(2, 'a')))).rejects.toMatchObject({ code: 'copy-in-progress' });
    await beaten;
    finish();
    await running;
    await Promise.all(copies.splice(0));
    expect(calls).toBe(1);
    expect(told.map(({ offsets }) => offsets)).toEqual([['1']]);
  });

  test('asks a store that is down again, then fails as the handler would, and marks nothing', async () => {
    const { idempotent } = checkWithHits();
    const store = memory();
    let isUp = false;
    let beats = 0;
    let calls = 0;
    const options = { name: 'billing', store: failing(store, () => isUp) };
    const handle = async () => void calls++;
    const beat = async () => {
      if (++beats === 3) isUp = true;
    };
    await expect(
      idempotent(handle, { ...options, patienceMs: 0 })(onePayload(message(0, 'a'))),
    ).rejects.toMatchObject({
      code: 'check-unreachable',
      message: expect.stringContaining('connection refused'),
    });
    expect([calls, store.size]).toEqual([0, 0]);
    await idempotent(handle, options)(onePayload(message(0, 'a'), beat));
    expect([calls, beats]).toEqual([1, 3]);
  });

  test('a message whose mark did not become durable is handled again', async () => {
    const { idempotent } = checkWithHits();
    let isUp = false;
    let calls = 0;
    const store = failing(memory(), () => isUp, 'settle');
    const handler = idempotent(async () => void calls++, { name: 'billing', store });
    await expect(handler(onePayload(message(0, 'a')))).rejects.toMatchObject({ code: 'check-unreachable' });
    isUp = true;
    await handler(onePayload(message(0, 'a')));
    await handler(onePayload(message(0, 'a')));
    expect(calls).toBe(2);
  });
});

const copies: Promise<void>[] = [];

describe('idempotent around eachBatch', () => {
  const ids = (messages: EachBatchPayload['batch']['messages']) =>
    messages.map(({ headers }) => String(headers?.['message-id'])).join('');
  const batchOf = (text: string, from = 0) => batchPayload([...text].map((id, i) => message(from + i, id)));

  test('gives the handler what is new, and tells contiguous hits at once', async () => {
    const { idempotent, told } = checkWithHits();
    const seen: string[] = [];
    const handler = idempotent.eachBatch(async ({ batch }) => void seen.push(ids(batch.messages)), {
      name: 'billing',
      store: sqlite(),
    });
    await handler(batchOf('abcd').payload);
    const second = batchOf('xabyydz', 10);
    await handler(second.payload);
    const third = batchOf('xyz', 20);
    await handler(third.payload);
    await handler.close();
    expect(seen).toEqual(['abcd', 'xyz']);
    expect(told.map(({ offsets }) => offsets)).toEqual([
      ['11', '12'],
      ['15'],
      // A copy within its batch: when the first of them was handled.
      ['14'],
      ['20', '21', '22'],
    ]);
    expect([second.resolved.at(-1), third.resolved.at(-1)]).toEqual(['16', '22']);
  });

  test('marks what was resolved before an error, and no more', async () => {
    const { idempotent } = checkWithHits();
    const seen: string[] = [];
    let isBroken = true;
    const handler = idempotent.eachBatch(
      async ({ batch, resolveOffset }) => {
        for (const one of batch.messages) {
          const id = ids([one]);
          if (id === 'c' && isBroken) throw new Error('c is not to be handled yet');
          seen.push(id);
          resolveOffset(one.offset);
        }
      },
      { name: 'billing', store: memory() },
    );
    const trace = batchOf('abcd');
    await expect(handler(trace.payload)).rejects.toThrow('not to be handled yet');
    expect(trace.resolved).toEqual(['0', '1']);
    isBroken = false;
    await handler(batchOf('abcd').payload);
    expect(seen.join('')).toBe('abcd');
  });

  test('leaves to Kafka what was not resolved where only that counts', async () => {
    const { idempotent } = checkWithHits();
    const seen: string[] = [];
    const handler = idempotent.eachBatch(
      async ({ batch, resolveOffset }) => {
        const [first] = batch.messages;
        seen.push(ids([first as never]));
        resolveOffset(first?.offset as string);
      },
      { name: 'billing', store: memory(), autoResolve: false },
    );
    const traces = [batchOf('abc'), batchOf('bc', 1), batchOf('c', 2), batchOf('abc')];
    for (const { payload } of traces) await handler(payload);
    expect(seen.join('')).toBe('abc');
    expect(traces.map(({ resolved }) => resolved.at(-1))).toEqual(['0', '1', '2', '2']);
  });

  test('handles what lies before a copy in progress, then waits, with nothing claimed', async () => {
    const { idempotent } = checkWithHits();
    const store = memory();
    let finish = () => {};
    const blocked = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const seen: string[] = [];
    const options = { name: 'billing', store };
    const slow = idempotent(async () => blocked, options)(onePayload(message(50, 'c')));
    const quick = idempotent(async ({ message: one }) => void seen.push(`one ${ids([one])}`), options);
    const handler = idempotent.eachBatch(async ({ batch }) => void seen.push(ids(batch.messages)), options);
    const batch = handler(batchOf('abcde').payload);
    await until('the part before c is handled', () => seen.includes('ab'));
    // Nothing of the batch behind the one that waits may be held, or two batches could wait for each other.
    await quick(onePayload(message(60, 'e')));
    finish();
    await Promise.all([slow, batch]);
    expect(seen).toEqual(['ab', 'one e', 'd']);
  });
});

describe('the options of idempotent', () => {
  test.each([
    [{}, '"name" must be'],
    [{ name: 'a', window: 3 }, 'there is no option "window"'],
    [{ name: 'a', windowMs: -1 }, '"windowMs" must be a number'],
    [{ name: 'a', noIdentity: 'guess' }, '"noIdentity" must be one of run, refuse, fingerprint'],
    [{ name: 'a', store: {} }, '"store" must be'],
    [
      { name: 'a', store: { postgres: { connect() {}, query() {} }, table: 'x; DROP' } },
      '"store.table" must be',
    ],
    [{ name: 'a', onReuse: 'ignore' }, '"onReuse" must be'],
  ])('refuse %j', (options, text) => {
    const { idempotent } = checkWithHits();
    expect(() => idempotent(async () => {}, options as never)).toThrow(text);
  });
});
