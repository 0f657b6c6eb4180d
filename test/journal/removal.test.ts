/** Several processes that find the same dead journals: each is recovered by one of them, none is seen half removed. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { isProvenDead, journalsIn, lockOwner, removeJournal, thisProcess } from '../../src/journal';
import { testFolder } from '../support/folder';

const root = testFolder('removal');
/** A process that nobody can look up: the lock alone decides. */
const STRANGER = { ...thisProcess(), bootId: 'of another boot' };
const NEIGHBOURS = 3;
const JOURNALS = 200;

/** Recovers all that it finds, as the writer does, and tells which. */
const NEIGHBOUR = `
  const { isProvenDead, journalsIn, removeJournal } = require(process.argv[1]);
  const { join } = require('node:path');
  const { root, owner } = JSON.parse(process.argv[2]);
  const recovered = [];
  for (;;) {
    const found = journalsIn(root);
    if (found.length === 0) break;
    for (const id of found) {
      const lock = isProvenDead(join(root, id), owner);
      if (lock === null) continue;
      recovered.push(id);
      removeJournal(join(root, id));
      lock.release();
    }
  }
  console.log(JSON.stringify(recovered));
`;

test('each of the journals that several recover at once is recovered by one of them', async () => {
  const together = join(root, 'together');
  const ids = Array.from({ length: JOURNALS }, (_, i) => `j${i}`);
  for (const id of ids) {
    const folder = join(together, id);
    mkdirSync(folder, { recursive: true });
    lockOwner(folder)?.release();
    for (const file of ['slots', 'log-000001', 'losses']) writeFileSync(join(folder, file), 'x');
  }
  const dist = join(process.cwd(), 'dist/journal');
  const asked = JSON.stringify({ root: together, owner: STRANGER });
  const ends = await Promise.all(
    Array.from({ length: NEIGHBOURS }, () =>
      promisify(execFile)(process.execPath, ['-e', NEIGHBOUR, dist, asked]),
    ),
  );
  const recovered = ends.flatMap(({ stdout }) => JSON.parse(stdout) as string[]);
  expect(recovered.sort()).toEqual([...ids].sort());
  expect(readdirSync(together)).toEqual([]);
}, 60_000);

describe('a journal that is gone', () => {
  const folder = join(root, 'gone', 'journal');
  beforeEach(() => {
    mkdirSync(folder, { recursive: true });
    lockOwner(folder)?.release();
  });

  test('altogether: nothing is proven, nothing is made', () => {
    rmSync(folder, { recursive: true });
    expect(isProvenDead(folder, STRANGER)).toBeNull();
    expect(existsSync(folder)).toBe(false);
  });

  test('but for the folder itself: nothing is proven, nothing is made', () => {
    rmSync(join(folder, 'owner'));
    expect(isProvenDead(folder, STRANGER)).toBeNull();
    expect(readdirSync(folder)).toEqual([]);
  });

  test('in the hands of a neighbour who is killed while it removes it: it is swept up, and is no journal', () => {
    renameSync(folder, `${folder}.gone`);
    expect(journalsIn(join(root, 'gone'))).toEqual([]);
    expect(readdirSync(join(root, 'gone'))).toEqual([]);
  });

  test('leaves nothing behind', () => {
    const lock = isProvenDead(folder, STRANGER);
    removeJournal(folder);
    lock?.release();
    expect(lock).not.toBeNull();
    expect(readdirSync(join(root, 'gone'))).toEqual([]);
    removeJournal(folder); // by whoever comes too late
  });
});
