/**
 * A backlog of identities beyond their window, as after a topic's long silence: no turn of the writer gives up more
 * than its share, observing goes on in between, and at the end all of it is gone. Counted in blocks, not in time.
 *
 *     DUPESCOPE_TEST_EXPIRED=2000000 npx jest test/store/identity/expiry.test.ts
 */
import { join } from 'node:path';
import { IdentityIndex, type IdentityIndexOptions } from '../../../src/store/identity';
import { BLOCK_ENTRIES } from '../../../src/store/identity/block';
import { EXPIRE_BLOCKS } from '../../../src/store/identity/expiry';
import { openStore, type Store } from '../../../src/store/open';
import { testFolder } from '../../support/folder';
import { observed } from '../../support/records';

jest.setTimeout(300_000);
const EXPIRED = Number(process.env.DUPESCOPE_TEST_EXPIRED ?? 150_000);
const HOUR_MS = 3_600_000;
const BEGIN = 1_000_000;
const BATCH = 5_000;
const folder = testFolder('expiry');

function opened(name: string, options: Partial<IdentityIndexOptions> = {}) {
  const path = join(folder, `${name}.db`);
  const db = openStore(path);
  db.pragma('synchronous = OFF');
  const snapshotPath = `${path}.identities`;
  const limits = () => ({ ageMs: HOUR_MS, records: 1e9 });
  const make = (more: Partial<IdentityIndexOptions> = {}) =>
    new IdentityIndex(db, { snapshotPath, limits, ...options, ...more });
  return { db, make };
}

const nextOffsets = new Map<string, number>();
/** Behind what the topic has. */
function write(index: IdentityIndex, topic: string, ids: readonly string[], at: number) {
  const from = nextOffsets.get(topic) ?? 0;
  nextOffsets.set(topic, from + ids.length);
  const records = ids.map((id, i) => ({ offset: from + i, at, id }));
  return index.observe(observed(index, topic, 0, records, { live: true }));
}

function fill(index: IdentityIndex, topic: string, count: number, at = BEGIN): void {
  for (let first = 0; first < count; first += BATCH) {
    const length = Math.min(BATCH, count - first);
    write(
      index,
      topic,
      Array.from({ length }, (_, i) => `${topic}-${first + i}`),
      at,
    );
  }
}

const lastBlock = (db: Store) => db.prepare('SELECT max(block) FROM identity_log').pluck().get() as number;
const blocksUpTo = (db: Store, block: number) =>
  db.prepare('SELECT count(*) FROM identity_log WHERE block <= ?').pluck().get(block) as number;

test(`${EXPIRED} identities beyond their age are given up a share a turn, and observing goes on`, () => {
  const { db, make } = opened('age');
  let index = make();
  fill(index, 'silent', EXPIRED);
  const last = lastBlock(db);
  const begun = blocksUpTo(db, last);
  expect(begun).toBe(EXPIRED / BLOCK_ENTRIES);
  /** Old blocks that the work dropped. */
  const dropped = (work: () => unknown) => {
    const before = blocksUpTo(db, last);
    work();
    return before - blocksUpTo(db, last);
  };

  const later = BEGIN + 2 * HOUR_MS;
  // All of it is beyond the window now.
  const first = dropped(() => write(index, 'silent', ['late'], later));
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(10);
  expect(index.windows()[0]).toMatchObject({ endedBy: 'age', reachMs: HOUR_MS, shorter: false });

  const shares: number[] = [];
  let turns = 0;
  let left = blocksUpTo(db, last);
  for (; left > 0 && turns < begun; turns++) {
    // What waits to be given up is no copy's first any more; what is in the window is.
    const old = `silent-${EXPIRED - 1 - turns}`;
    const batch = [old, turns === 0 ? 'late' : `new-${turns - 1}`, `new-${turns}`];
    let found: readonly unknown[] = [];
    const ofTurn = dropped(() => {
      found = write(index, 'silent', batch, later).findings;
    });
    expect(found).toMatchObject([{ kind: 'duplicate', previous: { at: later } }]);
    expect(ofTurn).toBeLessThan(10);
    if (turns === 0) {
      // Ended and begun anew in the middle of it: by the snapshot, then by the log alone.
      index.close();
      index = make();
      expect(index.open().from).toBe('snapshot');
    } else if (turns === 1) {
      index.close();
      index = make({ snapshotPath: null });
      expect(index.open().from).toBe('log');
    }
    shares.push(dropped(() => index.maintain(later)));
    left = blocksUpTo(db, last);
  }
  expect(left).toBe(0);
  expect(Math.max(...shares)).toBe(EXPIRE_BLOCKS);
  expect(shares.length).toBeGreaterThanOrEqual(Math.floor(begun / (EXPIRE_BLOCKS + 10)));
  expect(index.maintain(later)).toBe(false);
  const [window] = index.windows();
  expect(window).toMatchObject({ entries: 1 + 3 * turns, endedBy: 'age', shorter: false });
  expect(db.prepare('SELECT entries FROM identity_window').pluck().get()).toBe(window?.entries);
  expect(write(index, 'silent', ['late', 'silent-0'], later).findings).toHaveLength(1);
  index.close();
  db.close();
});

test('too many identities: what waits to be given up goes first, whatever stands before it in the log', () => {
  const limits = (topic: string) => ({ ageMs: topic === 'kept' ? 1_000 * HOUR_MS : HOUR_MS, records: 1e9 });
  const { db, make } = opened('capacity', { limits, capacity: 6_000 });
  const index = make();
  fill(index, 'kept', 1_000);
  fill(index, 'silent', 5_000);
  write(index, 'silent', ['late'], BEGIN + 2 * HOUR_MS);
  const ofTopic = (name: string) => index.windows()[name === 'kept' ? 0 : 1];
  expect(ofTopic('silent')?.entries).toBeGreaterThan(3_000);
  const more = Array.from({ length: 2_500 }, (_, i) => `more-${i}`);
  write(index, 'kept', more, BEGIN + 2 * HOUR_MS);
  expect(ofTopic('kept')).toMatchObject({ entries: 3_500, endedBy: null });
  expect(ofTopic('silent')).toMatchObject({ entries: 1, endedBy: 'age' });
  expect(write(index, 'kept', ['kept-0'], BEGIN + 2 * HOUR_MS).findings).toHaveLength(1);
  index.close();
  db.close();
});

test('a lower capacity than what is kept is reached by shares too', () => {
  const { db, make } = opened('lower', { capacity: 200_000 });
  let index = make();
  fill(index, 'many', 140_000);
  index.close();
  index = make({ capacity: 10_000 });
  const entries = () => index.windows()[0]?.entries ?? 0;
  index.open();
  const shares: number[] = [];
  for (let before = entries(); entries() > 10_000; before = entries()) {
    index.maintain(BEGIN);
    shares.push((before - entries()) / BLOCK_ENTRIES);
  }
  expect(shares).toEqual([EXPIRE_BLOCKS, (140_000 - 10_000) / BLOCK_ENTRIES - EXPIRE_BLOCKS]);
  expect(index.windows()[0]).toMatchObject({ entries: 10_000, endedBy: 'memory' });
  expect(write(index, 'many', ['many-139999', 'many-0'], BEGIN).findings).toHaveLength(1);
  index.close();
  db.close();
});
