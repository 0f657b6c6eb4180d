/** The identity index against a model that remembers everything in plain maps. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { IdentityIndex, type IdentityIndexOptions } from '../../../src/store/identity';
import { openStore, type Store } from '../../../src/store/open';
import { testFolder } from '../../support/folder';
import { type MadeRecord, observed } from '../../support/records';

const folder = testFolder('identity');
let files = 0;

interface Limits {
  ageMs: number;
  records: number;
}

interface Seen {
  ordinal: number;
  partition: number;
  offset: number;
  at: number;
  value: string;
}

interface ModelFinding {
  kind: string;
  partition: number;
  offset: number;
  previousPartition: number;
  previousOffset: number;
}

/** What the words say, without an index, blocks or a table. */
class Model {
  readonly findings: ModelFinding[] = [];
  private readonly read = new Set<string>();
  private readonly seen = new Map<string, Seen[]>();
  private readonly newest = new Map<number, number>();
  private ordinal = 0;
  private horizon = 0;

  constructor(private readonly limits: Limits) {}

  observe(partition: number, records: readonly MadeRecord[]): void {
    let newest = this.newest.get(partition) ?? 0;
    for (const { offset, at, id, value = 'v' } of records) {
      newest = Math.max(newest, at);
      if (this.read.has(`${partition}/${offset}`)) continue;
      this.read.add(`${partition}/${offset}`);
      if (id === null) continue;
      const one: Seen = { ordinal: this.ordinal++, partition, offset, at, value };
      const near = (this.seen.get(id) ?? []).filter(
        (other) =>
          one.ordinal - other.ordinal <= this.limits.records && other.at >= this.horizon - this.limits.ageMs,
      );
      const same = near.findLast((other) => other.value === value);
      const previous = same ?? near.at(-1);
      if (previous !== undefined) {
        this.findings.push({
          kind: same === undefined ? 'id_reuse' : 'duplicate',
          partition,
          offset,
          previousPartition: previous.partition,
          previousOffset: previous.offset,
        });
      }
      const rest = near.filter((other) => other !== same);
      this.seen.set(id, [...(same === undefined && rest.length >= 4 ? rest.slice(1) : rest), one]);
    }
    this.newest.set(partition, newest);
    this.horizon = Math.max(this.horizon, Math.min(...this.newest.values()));
  }
}

function found(db: Store): ModelFinding[] {
  return db
    .prepare(
      `SELECT kind, partition, record_offset AS "offset", previous_partition AS previousPartition,
              previous_offset AS previousOffset FROM duplicate ORDER BY id`,
    )
    .all() as ModelFinding[];
}

/** Steps of an observer: batches of two partitions, now and then from an earlier offset; and restarts. */
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      partition: fc.integer({ min: 0, max: 1 }),
      back: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }),
      ids: fc.oneof(
        fc.array(fc.integer({ min: -1, max: 1_000 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: -1, max: 1_000_000 }), { minLength: 200, maxLength: 700 }),
      ),
      spread: fc.constantFrom(5, 300, 1_000_000),
      values: fc.constantFrom(1, 2, 7),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom('restart', 'crash', 'snapshot') },
);

type Step =
  fc.Arbitrary<unknown> extends never ? never : typeof step extends fc.Arbitrary<infer T> ? T : never;

function play(steps: Step[], limits: Limits, options: Partial<IdentityIndexOptions>) {
  const path = join(folder, `${++files}.db`);
  const snapshotPath = `${path}.identities`;
  const db = openStore(path);
  db.pragma('synchronous = OFF');
  const make = () =>
    new IdentityIndex(db, { snapshotPath, firstSlots: 16, limits: () => limits, ...options });
  let index = make();
  const model = new Model(limits);
  const log: MadeRecord[][] = [[], []];
  const next = [0, 0];
  let restarts = 0;
  for (const one of steps) {
    if (typeof one === 'string') {
      if (one !== 'crash') index.close();
      if (one !== 'snapshot') index = make();
      restarts++;
      continue;
    }
    const { partition, back, ids, spread, values } = one;
    const records = log[partition] as MadeRecord[];
    const from = Math.max(0, (next[partition] as number) - back);
    for (const [i, id] of ids.entries()) {
      const offset = from + i;
      // What stands in the log stays; read again it is the same.
      records[offset] ??= {
        offset,
        at: 1_000 + (log[0]?.length ?? 0) * 10 + (log[1]?.length ?? 0) * 10 + ((id * 37) % 50),
        id: id < 0 ? null : `id-${id % spread}`,
        value: `v${(id * 31) % values}`,
      };
    }
    const batch = records.slice(from, from + ids.length);
    next[partition] = Math.max(next[partition] as number, from + ids.length);
    index.observe(observed(index, 'topic', partition, batch));
    model.observe(partition, batch);
  }
  while (index.maintain(2e12));
  const result = { found: found(db), expected: model.findings, windows: index.windows(), restarts };
  const totals = db.prepare('SELECT coalesce(sum(records), 0) FROM duplicate_total').pluck().get();
  const counted = db
    .prepare('SELECT duplicates + id_reuses + intentional AS n FROM observed_topic')
    .pluck()
    .get();
  db.close();
  return { ...result, totals, counted: counted ?? 0 };
}

describe('the identity index against the model', () => {
  test.each([
    { name: 'no limit reached', limits: { ageMs: 1e9, records: 1e6 }, options: {} },
    { name: 'a window of records', limits: { ageMs: 1e9, records: 700 }, options: {} },
    { name: 'a window of age', limits: { ageMs: 12_000, records: 1e6 }, options: {} },
    {
      name: 'slots of blocks used again and again',
      limits: { ageMs: 1e9, records: 40 },
      options: { slotsMax: 60 },
    },
  ])('finds the very same: $name', ({ limits, options }) => {
    let findings = 0;
    let most = 0;
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), (steps) => {
        const result = play(steps, limits, { capacity: 20_000, ...options });
        expect(result.found).toEqual(result.expected);
        expect(result.counted).toBe(result.expected.length);
        expect(result.totals).toBe(result.expected.length);
        findings += result.expected.length;
        most = Math.max(most, result.windows[0]?.entries ?? 0);
      }),
      // A counterexample is told as it is: making it smaller takes longer than the test may.
      { numRuns: 25, endOnFailure: true },
    );
    console.info(`${findings} findings, at most ${most} entries`);
    expect(findings).toBeGreaterThan(1_000);
  });

  test('the bound on memory takes the oldest of all topics, and says so', () => {
    const path = join(folder, 'memory.db');
    const db = openStore(path);
    const limits = () => ({ ageMs: 1e9, records: 1e6 });
    const index = new IdentityIndex(db, { snapshotPath: null, capacity: 5_000, firstSlots: 16, limits });
    for (let round = 0; round < 100; round++) {
      for (const topic of ['a', 'b']) {
        const records = Array.from({ length: 100 }, (_, i) => {
          const offset = round * 100 + i;
          return { offset, at: 1_000 + offset, id: `${offset}` };
        });
        index.observe(observed(index, topic, 0, records));
      }
    }
    const windows = index.windows();
    expect(windows).toHaveLength(2);
    for (const window of windows) {
      expect(window).toMatchObject({ endedBy: 'memory', shorter: true });
      expect(window.entries).toBeGreaterThan(2_000);
      expect(window.entries).toBeLessThanOrEqual(3_000);
      expect(window.reachMs).toBeGreaterThanOrEqual(window.entries - 1);
    }
    const blocks = db.prepare('SELECT count(*) FROM identity_log').pluck().get();
    expect(blocks).toBeLessThanOrEqual(22);
    // A copy of what was given up is new again; one of what is kept is found.
    const last = { offset: 10_000, at: 20_000 };
    expect(index.observe(observed(index, 'a', 0, [{ ...last, id: '1' }])).findings).toHaveLength(0);
    expect(
      index.observe(observed(index, 'a', 0, [{ offset: 10_001, at: 20_000, id: '9999' }])).findings,
    ).toHaveLength(1);
    db.close();
  });
});

describe('a start', () => {
  const records = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      offset: from + i,
      at: 1_000 + from + i,
      id: `id-${from + i}`,
    }));

  function filled(name: string) {
    const path = join(folder, `${name}.db`);
    const snapshotPath = `${path}.identities`;
    const db = openStore(path);
    const make = () => new IdentityIndex(db, { snapshotPath, capacity: 50_000, firstSlots: 64 });
    const index = make();
    for (let at = 0; at < 6_000; at += 700) index.observe(observed(index, 't', 0, records(at, 700)));
    index.close();
    return { db, make, snapshotPath };
  }

  /** Every identity is still known: read again at other offsets, all are findings. */
  function findsAll(index: IdentityIndex): number {
    const copies = records(0, 6_300).map((record, i) => ({
      ...record,
      offset: 100_000 + i,
      at: 30_000 + i,
    }));
    return index.observe(observed(index, 't', 0, copies)).findings.length;
  }

  test('takes the snapshot', () => {
    const { db, make } = filled('whole');
    const index = make();
    expect(index.open()).toEqual({ entries: 6_300, from: 'snapshot' });
    expect(findsAll(index)).toBe(6_300);
    db.close();
  });

  test('with an old snapshot reads the rest in the log', () => {
    const { db, make, snapshotPath } = filled('old');
    const old = readFileSync(snapshotPath);
    const index = make();
    index.observe(observed(index, 't', 1, records(50_000, 1_234)));
    index.close();
    writeFileSync(snapshotPath, old);
    const again = make();
    expect(again.open()).toEqual({ entries: 7_534, from: 'snapshot' });
    expect(findsAll(again)).toBe(6_300);
    const copies = records(50_000, 1_234).map((record) => ({ ...record, offset: record.offset + 5_000 }));
    expect(again.observe(observed(again, 't', 1, copies)).findings).toHaveLength(1_234);
    db.close();
  });

  test('with a snapshot written while the table changed and grew', () => {
    const path = join(folder, 'fuzzy.db');
    const snapshotPath = `${path}.identities`;
    const db = openStore(path);
    const limits = () => ({ ageMs: 1e9, records: 4_000_000 });
    const steps = { snapshotRecords: 60_000, snapshotStepBytes: 1 };
    const options = { snapshotPath, capacity: 4_000_000, firstSlots: 1 << 17, limits, ...steps };
    const index = new IdentityIndex(db, options);
    let at = 0;
    let unfinished = 0;
    const feed = (count: number) => {
      for (const end = at + count; at < end; at += 10_000) {
        index.observe(observed(index, 't', 0, records(at, 10_000)));
        if (at > 0) index.maintain(1e12);
        if (existsSync(`${snapshotPath}.new`)) unfinished++;
      }
    };
    feed(320_000);
    // Written in several steps, between which identities came.
    expect(unfinished).toBeGreaterThan(0);
    expect(existsSync(snapshotPath)).toBe(true);
    // As after a kill: no closing snapshot.
    const again = new IdentityIndex(db, options);
    expect(again.open()).toEqual({ entries: 320_000, from: 'snapshot' });
    for (let from = 0; from < 320_000; from += 20_000) {
      const copies = records(from, 1_000).map((record) => ({ ...record, offset: record.offset + 2_000_000 }));
      expect(again.observe(observed(again, 't', 0, copies)).findings).toHaveLength(1_000);
    }
    db.close();
  });

  test.each([
    ['cut', (file: Buffer) => file.subarray(0, file.length >> 1)],
    ['empty', () => Buffer.alloc(0)],
    [
      'with a wrong byte',
      (file: Buffer) =>
        Buffer.concat([file.subarray(0, 999), Buffer.from([file[999]! ^ 1]), file.subarray(1_000)]),
    ],
    ['of noise', (file: Buffer) => Buffer.alloc(file.length, 'dupeidx1')],
  ])('with a snapshot that is %s reads the log', (name, damage) => {
    const { db, make, snapshotPath } = filled(`damaged ${name}`);
    writeFileSync(snapshotPath, damage(readFileSync(snapshotPath)));
    const index = make();
    expect(index.open()).toEqual({ entries: 6_300, from: 'log' });
    expect(findsAll(index)).toBe(6_300);
    index.close();
    expect(statSync(snapshotPath).size).toBeGreaterThan(1_000);
    expect(make().open().from).toBe('snapshot');
    db.close();
  });

  test('with another store’s snapshot, or another capacity, reads the log', () => {
    const one = filled('one');
    const other = filled('other');
    writeFileSync(other.snapshotPath, readFileSync(one.snapshotPath));
    expect(other.make().open()).toEqual({ entries: 6_300, from: 'log' });
    const larger = new IdentityIndex(one.db, {
      snapshotPath: one.snapshotPath,
      capacity: 90_000,
      firstSlots: 64,
    });
    expect(larger.open()).toEqual({ entries: 6_300, from: 'log' });
    one.db.close();
    other.db.close();
  });

  test('a turn that fails changes nothing, and can be given again', () => {
    const { db, make } = filled('fails');
    const index = make();
    const batch = observed(index, 't', 0, [
      ...records(6_300, 400),
      { offset: 6_700, at: 25_000, id: 'id-5' },
    ]);
    for (let i = 0; i < 3; i++) {
      expect(() =>
        index.observe(batch, () => {
          throw new Error('the disk is full');
        }),
      ).toThrow('the disk is full');
    }
    expect(index.offsets()[0]?.nextOffset).toBe(6_300);
    const taken = index.observe(batch);
    expect([taken.remembered, taken.findings.length]).toEqual([401, 1]);
    expect(index.observe(batch)).toMatchObject({ remembered: 0, reread: 401, findings: [] });
    expect(db.prepare('SELECT records, duplicates FROM observed_topic').get()).toEqual({
      records: 6_701,
      duplicates: 1,
    });
    db.close();
  });

  test('two writers of one log see each other’s turns', () => {
    const { db, make } = filled('two');
    const [a, b] = [make(), make()];
    a.open();
    b.open();
    a.observe(observed(a, 't', 0, [{ offset: 30_000, at: 40_000, id: 'new' }]));
    expect(
      b.observe(observed(b, 't', 1, [{ offset: 0, at: 40_001, id: 'new' }])).findings.map(({ kind }) => kind),
    ).toEqual(['duplicate']);
    expect(
      a.observe(observed(a, 't', 1, [{ offset: 1, at: 40_002, id: 'new' }])).findings[0]?.previous,
    ).toMatchObject({
      partition: 1,
      offset: 0,
    });
    db.close();
  });
});
