import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
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
    const child = await launch({ path, leaseMs: 1_000, mode: 'hang', ids: ['a'] });
    child.kill('SIGSTOP');
    const claimedAt = performance.now();
    const copy = copyOf(path, 'a', 1_000);
    const now = Date.now();
    for (const skewMs of [3_600_000, -3_600_000]) {
      jest.spyOn(Date, 'now').mockReturnValue(now + skewMs);
      if (performance.now() - claimedAt < 500) expect(await copy.try()).toBe('copy-in-progress');
    }
    await until('the copy is handled', async () => (await copy.try()) === 'done', 5_000);
    expect(performance.now() - claimedAt).toBeGreaterThan(500);
    // The first one goes on and ends: what became of the message was not its to tell any more.
    const settled = once(child, 'message');
    child.kill('SIGCONT');
    child.send('end');
    await settled;
    expect(await copy.try()).toBe('done');
    await copy.close();
    expect(copy.seen).toEqual(['a']);
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
