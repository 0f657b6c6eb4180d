import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../src/sqlite';
import { MIGRATIONS } from '../../src/store/migrations';
import { openReader, openStore } from '../../src/store/open';
import { testFolder } from '../support/folder';
import { onSmallDisk, smallDisk } from '../support/small-disk';

const folder = testFolder('open');

function code(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    expect(message).not.toContain('\n');
    return `${code}: ${message}`;
  }
  return 'no error';
}

describe('a store', () => {
  test('is made with its folder, and opened again', () => {
    const path = join(folder, 'deep/er/store.db');
    openStore(path).close();
    const db = openStore(path);
    expect(db.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    db.close();
  });

  test('is not written through a reader', () => {
    const path = join(folder, 'reader.db');
    openStore(path).close();
    const reader = openReader(path);
    expect(() => reader.exec("INSERT INTO cluster (cluster_id) VALUES ('x')")).toThrow(/readonly/);
    reader.close();
  });

  test('of a newer schema is refused by both, with what to do', () => {
    const path = join(folder, 'newer.db');
    const db = openStore(path);
    db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    for (const open of [openStore, openReader])
      expect(code(() => open(path))).toMatch(/^store-newer: .*Update dupescope/);
  });

  test('that is another program’s database is refused and left alone', () => {
    const path = join(folder, 'other.db');
    const other = openDatabase(path);
    other.exec('CREATE TABLE mine (x); INSERT INTO mine VALUES (1)');
    other.close();
    for (const open of [openStore, openReader])
      expect(code(() => open(path))).toMatch(/^store-corrupt: .*not a Dupescope store/);
    const again = openDatabase(path, { readonly: true });
    expect(again.prepare('SELECT x FROM mine').pluck().get()).toBe(1);
    again.close();
  });

  test('that is damaged says so', () => {
    const path = join(folder, 'damaged.db');
    writeFileSync(path, 'SQLite format 3\0 and then nonsense'.repeat(300));
    expect(code(() => openStore(path))).toMatch(/^store-corrupt: .*damaged.*recover/);
  });

  test.each([
    ['a folder', () => mkdirSync(join(folder, 'dir.db')), 'dir.db', /^store-unwritable: .*it is a folder/],
    [
      'below a file',
      () => writeFileSync(join(folder, 'file'), ''),
      'file/store.db',
      /^store-unwritable: .*is not a folder/,
    ],
  ])('whose path is %s says so', (_name, prepare, path, expected) => {
    prepare();
    expect(code(() => openStore(join(folder, path)))).toMatch(expected);
  });

  test('that is missing is told to a reader', () => {
    expect(code(() => openReader(join(folder, 'none.db')))).toMatch(
      /^store-missing: There is no store at .*none\.db\. Start/,
    );
  });

  // Root may write into every folder: there is nothing to refuse.
  // Root may write in any folder; what it may not write is the disk below.
  const asUser = (name: string, work: () => void) =>
    process.getuid?.() === 0 ? undefined : test(name, work);
  asUser('in a folder that this user may not write says so', () => {
    const path = join(folder, 'locked');
    mkdirSync(path);
    chmodSync(path, 0o500);
    expect(code(() => openStore(join(path, 'store.db')))).toMatch(/^store-unwritable/);
    chmodSync(path, 0o700);
  });

  onSmallDisk('on a disk that is mounted read-only says so, whether it is there or not', () => {
    const disk = smallDisk('read-only');
    const path = join(disk.folder, 'store.db');
    openStore(path).close();
    disk.makeReadOnly();
    for (const at of [path, join(disk.folder, 'new.db'), join(disk.folder, 'deep/new.db')])
      expect(code(() => openStore(at))).toMatch(/^store-unwritable: .*cannot be opened.*Give a path/);
    disk.remove();
  });

  test('is made once by processes that meet there', () => {
    const path = join(folder, 'race.db');
    const handles = Array.from({ length: 4 }, () => openStore(path));
    for (const db of handles) db.close();
    expect(openStore(path).prepare('SELECT count(*) FROM change').pluck().get()).toBe(1);
  });
});
