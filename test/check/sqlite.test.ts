import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { payloadOf } from '../../src/check/claim';
import { SqliteStore } from '../../src/check/sqlite-store';
import type { CheckStore, Claim } from '../../src/check/store';
import { openDatabase } from '../../src/sqlite';
import { openStore } from '../../src/store/open';
import { uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { checkWithHits, message, onePayload } from './payloads';

const folder = testFolder('check-sqlite');
const children: ChildProcess[] = [];
const stores: CheckStore[] = [];

afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  for (const store of stores) await store.close();
});

afterEach(() => jest.restoreAllMocks());

const newPath = () => join(folder, `${uniqueName('check')}.db`);

function open(path: string, limits = { windowMs: 3_600_000, leaseMs: 60_000 }): SqliteStore {
  const store = new SqliteStore(path, limits);
  stores.push(store);
  return store;
}

function claim(number: number): Claim {
  return { key: number.toString(16).padStart(32, '0'), payload: payloadOf(message(0, 'a')) };
}

async function launch(task: object): Promise<ChildProcess> {
  const child = fork(join(__dirname, 'claimer.js'), [JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  children.push(child);
  await once(child, 'message');
  return child;
}

/** A handler of the claim that `claimer.js` has, put off while that one is in progress. */
function copyOf(path: string, id: string, leaseMs: number) {
  const { idempotent } = checkWithHits();
  const seen: string[] = [];
  const handler = idempotent(async () => void seen.push(id), {
    name: 'claims',
    store: { sqlite: path },
    identity: () => id,
    inProgress: 'put-off',
    leaseMs,
  });
  const try_ = async () => {
    try {
      await handler({ ...onePayload(message(0, id, id)), topic: 'topic' });
      return 'done';
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  return { try: try_, seen, close: () => handler.close() };
}

describe('claims of other processes', () => {
  test('are free as soon as the process is proven dead, long before the lease', async () => {
    const path = newPath();
    const child = await launch({ path, leaseMs: 600_000, mode: 'hang', ids: ['a'] });
    const copy = copyOf(path, 'a', 600_000);
    expect(await copy.try()).toBe('copy-in-progress');
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    await until('the copy is handled', async () => (await copy.try()) === 'done', 5_000);
    expect(copy.seen).toEqual(['a']);
    expect(await copy.try()).toBe('done');
    await copy.close();
    expect(copy.seen).toEqual(['a']);
  });

  test('of a stopped process are free when the lease is over, whatever the clock of this host does', async () => {
    const path = newPath();
    const [long, short] = await Promise.all([
      launch({ path, leaseMs: 600_000, mode: 'hang', ids: ['long'] }),
      launch({ path, leaseMs: 1_000, mode: 'hang', ids: ['a'] }),
    ]);
    for (const child of [long, short]) child.kill('SIGSTOP');
    const [held, copy] = [copyOf(path, 'long', 600_000), copyOf(path, 'a', 1_000)];
    const now = Date.now();
    for (const skewMs of [3_600_000, -3_600_000]) {
      jest.spyOn(Date, 'now').mockReturnValue(now + skewMs);
      expect(await held.try()).toBe('copy-in-progress');
      if (skewMs < 0) await until('the copy is handled', async () => (await copy.try()) === 'done', 20_000);
    }
    expect(await held.try()).toBe('copy-in-progress');
    // The first one goes on and ends: what became of the message was not its to tell any more.
    const settled = once(short, 'message');
    for (const child of [long, short]) child.kill('SIGCONT');
    short.send('end');
    await settled;
    expect(await copy.try()).toBe('done');
    await Promise.all([held.close(), copy.close()]);
    expect(copy.seen).toEqual(['a']);
  });

  test('of a living process are its own, however short the lease of the one that asks', async () => {
    const path = newPath();
    await launch({ path, leaseMs: 900_000, mode: 'hang', ids: ['a'] });
    const copy = copyOf(path, 'a', 1_000);
    expect(await copy.try()).toBe('copy-in-progress');
    await copy.close();
  });

  test.each(['with', 'without'])(
    'of before the host was started anew are free at once, %s its folder',
    async (how) => {
      const path = newPath();
      const child = await launch({ path, leaseMs: 600_000, mode: 'hang', ids: ['a'] });
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      const db = openDatabase(path);
      db.prepare("UPDATE owner SET identity = json_set(identity, '$.bootId', 'another')").run();
      // The monotonic clock began anew: its lease lies far ahead.
      db.prepare('UPDATE identity SET lease_until = 1e15').run();
      db.close();
      if (how === 'without') rmSync(`${path}.owners`, { recursive: true });
      const copy = copyOf(path, 'a', 600_000);
      expect(await copy.try()).toBe('done');
      await copy.close();
    },
  );

  test('and what dead processes leave on disk goes as messages come, but for what is in progress', async () => {
    const path = newPath();
    const ended = async (child: ChildProcess, end: () => unknown) => {
      const exited = once(child, 'exit');
      end();
      await exited;
    };
    const held = await launch({ path, leaseMs: 600_000, mode: 'hang', ids: ['held'] });
    await ended(held, () => held.kill('SIGKILL'));
    for (const id of ['a', 'b', 'c']) {
      // Ends without closing its file.
      const child = await launch({ path, leaseMs: 600_000, mode: 'race', ids: [id], batch: 1 });
      await ended(child, () => child.send('go'));
    }
    const store = open(path, { windowMs: 1_000, leaseMs: 600_000 });
    const other = open(path, { windowMs: 1_000, leaseMs: 600_000 });
    await (await other.begin([claim(1)])).settle(() => true);
    expect(readdirSync(`${path}.owners`).length).toBeGreaterThan(3);
    await until('they are gone', async () => {
      await (await store.begin([claim(2)])).settle(() => true);
      // Of the one that had a message in progress, and of the two that live.
      return readdirSync(`${path}.owners`).length === 3;
    });
    const db = openDatabase(path, { readonly: true });
    expect(db.prepare('SELECT count(*) FROM owner').pluck().get()).toBe(3);
    db.close();
  });

  test('three processes on one file handle each of 3,000 messages once', async () => {
    const path = newPath();
    const ids = Array.from({ length: 3_000 }, (_, i) => `id-${i}`);
    const racers = await Promise.all(
      [37, 100, 250].map((batch) => launch({ path, leaseMs: 60_000, mode: 'race', ids, batch })),
    );
    const outputs = racers.map((child) => text(child.stdout as NonNullable<ChildProcess['stdout']>));
    for (const child of racers) child.send('go');
    const handled = (await Promise.all(outputs)).flatMap((output) => output.trim().split('\n'));
    expect(handled.filter((line) => line !== '').sort()).toEqual([...ids].sort());
  }, 60_000);
});

describe('the SQLite file', () => {
  test('forgets what is older than the window, and nothing that is in progress', async () => {
    const path = newPath();
    const store = open(path, { windowMs: 60_000, leaseMs: 600_000 });
    const held = await store.begin([claim(1)]);
    await (await store.begin([claim(2), claim(3)])).settle(() => true);
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now + 30_000);
    await (await store.begin([claim(4)])).settle(() => true);
    expect(await store.purge()).toBe(0);
    jest.spyOn(Date, 'now').mockReturnValue(now + 61_000);
    expect(await store.purge()).toBe(2);
    await held.settle(() => true);
    const after = await store.begin([claim(1), claim(2), claim(3), claim(4)]);
    expect(after.answers.map(({ is }) => is)).toEqual(['done', 'fresh', 'fresh', 'done']);
    await after.release();
  });

  test('purges by itself, a little at a time, as messages come', async () => {
    const store = open(newPath(), { windowMs: 1_000, leaseMs: 1_000 });
    const numbers = Array.from({ length: 500 }, (_, i) => i + 1);
    await (await store.begin(numbers.map(claim))).settle(() => true);
    await until('they are gone', async () => {
      const attempt = await store.begin([claim(0)]);
      await attempt.release();
      const probe = await store.begin([claim(499)]);
      await probe.release();
      return probe.answers[0]?.is === 'fresh';
    });
  });

  test("must be the check's own", () => {
    const ledger = newPath();
    openStore(ledger).close();
    expect(() => open(ledger)).toThrow("is not a file of this version's check");
    const text_ = newPath();
    const other = openDatabase(text_);
    other.exec('CREATE TABLE theirs (a)');
    other.close();
    expect(() => open(text_)).toThrow("is not a file of this version's check");
  });
});
