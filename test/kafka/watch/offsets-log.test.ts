import type { OffsetsLog } from '../../../src/kafka/watch/offsets-log';
import type { WatchBatch } from '../../../src/ledger';
import { capturedRecords, commitKey, commitValue, groupKey, marker, recordBatch } from '../offsets/records';
import { apply, NOTHING, newLog } from './log-of';

const KEY = commitKey('billing', 'orders', 0);
const commits = (offsets: (number | null)[], baseOffset = 0) =>
  recordBatch(
    offsets.map((offset, i) => ({
      key: KEY,
      value: offset === null ? null : commitValue(offset, 1_000 + baseOffset + i),
    })),
    { baseOffset, at: 1_000 + baseOffset },
  );
const lowered = ({ rewinds }: WatchBatch) => rewinds.map(({ from, to }) => [from, to]);

async function rewindsOf(...batches: Buffer[]): Promise<number[][]> {
  const log = newLog();
  for (const batch of batches) apply(log, batch);
  return lowered(log.drain('c'));
}

describe('a rewind is a committed offset that went down, and nothing else', () => {
  test.each([
    ['up', [10, 20, 30], []],
    ['the same again', [10, 10, 10], []],
    ['down', [10, 20, 5], [[20, 5]]],
    ['down, and up at once', [20, 5, 20, 30], [[20, 5]]],
    [
      'down twice',
      [20, 10, 5],
      [
        [20, 10],
        [10, 5],
      ],
    ],
    ['deleted, and over from the start', [20, null, 5, 25], [[20, 5]]],
    ['deleted, and on from there', [20, null, 20, 25], []],
    ['deleted twice', [20, null, null, 5], [[20, 5]]],
    ['deleted and never back', [20, null], []],
    ['deleted before anything', [null, 5, 3], [[5, 3]]],
    ['out of range before anything', [-1, 5], []],
  ] as [string, (number | null)[], number[][]][])('%s', async (_name, offsets, expected) => {
    expect(await rewindsOf(commits(offsets))).toEqual(expected);
    // However the answers of fetches are cut.
    expect(await rewindsOf(...offsets.map((offset, i) => commits([offset], i)))).toEqual(expected);
  });

  test('groups, topics and partitions are apart', async () => {
    const keys = [
      KEY,
      commitKey('billing', 'orders', 1),
      commitKey('billing', 'refunds', 0),
      commitKey('b', 'orders', 0),
    ];
    const batch = recordBatch(
      keys.map((key, i) => ({ key, value: commitValue(100 - i) })),
      { baseOffset: 0 },
    );
    expect(await rewindsOf(batch)).toEqual([]);
  });

  test('kafkajs committed -2, and everything was read again before the next commit', async () => {
    const log = newLog();
    apply(log, commits([20, -2, 40]));
    expect(lowered(log.drain('c'))).toEqual([]);
    const [reset] = log.pendingResets();
    log.resolve(reset as never, { start: 0, end: 40 });
    const batch = log.drain('c');
    expect(lowered(batch)).toEqual([[20, 0]]);
    expect(batch.offsets[0]).toMatchObject({ committed: 40, reset: null });
    expect(log.pendingResets()).toEqual([]);
  });

  test.each([
    ['the log answers', { start: 0, end: 10 }, [[20, 0]]],
    ['nothing answers', null, [[20, 5]]],
    ['the log says otherwise', { start: 100, end: 200 }, [[20, 5]]],
  ])(
    'kafkajs committed -2 and then a lower offset: one rewind, told with its reset once %s',
    (_name, bounds, expected) => {
      const log = newLog();
      apply(log, commits([20, -2, 5, 30]));
      expect(lowered(log.drain('c'))).toEqual([]);
      log.resolve(log.pendingResets()[0] as never, bounds);
      const batch = log.drain('c');
      expect(lowered(batch)).toEqual(expected);
      expect(batch.rewinds[0]?.facts).toMatchObject({ resetTo: -2, bounds });
      expect(batch.offsets[0]).toMatchObject({ committed: 30, reset: null });
    },
  );

  test('a reset that leads forward is none', async () => {
    const log = newLog();
    apply(log, commits([20, -2]));
    log.resolve(log.pendingResets()[0] as never, { start: 100, end: 200 });
    apply(log, commits([150], 2), 2);
    expect(lowered(log.drain('c'))).toEqual([]);
  });

  test('what becomes of it: the next commit, and where it has come back', async () => {
    const log = newLog();
    apply(log, commits([20, 5, 10, 15, 20, 30]));
    expect(log.drain('c').followed.map(({ nextAt, recoveredAt }) => [nextAt, recoveredAt])).toEqual([
      [1_002, null],
      [1_004, 1_004],
    ]);
  });
});

describe('transactions', () => {
  const inTransaction = (offset: number, baseOffset: number, producerId = 7) =>
    recordBatch([{ key: KEY, value: commitValue(offset, 1_000 + baseOffset) }], { baseOffset, producerId });

  test('count from their COMMIT marker on', async () => {
    const log = newLog();
    apply(log, Buffer.concat([commits([20]), inTransaction(5, 1)]));
    expect(lowered(log.drain('c'))).toEqual([]);
    apply(log, marker(true, { baseOffset: 2, producerId: 7 }), 2);
    expect(lowered(log.drain('c'))).toEqual([[20, 5]]);
  });

  test('aborted ones never count', async () => {
    const log = newLog();
    const batches = [
      commits([20]),
      inTransaction(5, 1),
      marker(false, { baseOffset: 2, producerId: 7 }),
      commits([21], 3),
    ];
    apply(log, Buffer.concat(batches));
    const batch = log.drain('c');
    expect(lowered(batch)).toEqual([]);
    expect(batch.offsets[0]?.committed).toBe(21);
  });

  test('an older one does not undo what was committed since', async () => {
    const log = newLog();
    const batches = [
      commits([20]),
      inTransaction(25, 1),
      commits([30], 2),
      marker(true, { baseOffset: 3, producerId: 7 }),
    ];
    apply(log, Buffer.concat(batches));
    const batch = log.drain('c');
    expect([lowered(batch), batch.offsets[0]?.committed]).toEqual([[], 30]);
  });

  test('a restart between a commit and its marker reads it again, and nothing else twice', async () => {
    const before = newLog();
    apply(before, Buffer.concat([commits([20]), inTransaction(5, 1), commits([21], 2)]));
    const stored = before.drain('c');
    expect(stored.positions).toEqual([{ partition: 0, from: null, next: 3, resume: 1 }]);
    const after = newLog({ ...NOTHING, positions: stored.positions, offsets: stored.offsets });
    const rest = Buffer.concat([inTransaction(5, 1), commits([21], 2), inTransaction(4, 3, 8)]);
    apply(after, Buffer.concat([rest, marker(true, { baseOffset: 4, producerId: 8 })]), 1);
    const batch = after.drain('c');
    // Producer 8's; that of 7 is still open.
    expect([lowered(batch), batch.positions]).toEqual([
      [[21, 4]],
      [{ partition: 0, from: 3, next: 5, resume: 1 }],
    ]);
  });
});

/** Everything that was told, whatever the batches. */
function join(batches: WatchBatch[]): object {
  const last = new Map(
    batches.flatMap(({ offsets }) => offsets).map((o) => [`${o.group} ${o.topic} ${o.partition}`, o]),
  );
  return {
    rewinds: batches.flatMap(({ rewinds }) => rewinds),
    // Members of the new protocol come record by record: what they got is told as far as it is known.
    generations: new Map(
      batches
        .flatMap(({ generations }) => generations)
        .map(({ group, generation, at, members }) => [
          `${group} ${generation} ${at}`,
          group.endsWith('classic') ? members : null,
        ]),
    ),
    offsets: [...last.values()].map(({ commits: _commits, lowered: _lowered, ...rest }) => rest),
    rebalances: batches.flatMap(({ groups }) => groups).reduce((sum, group) => sum + group.rebalances, 0),
  };
}

describe('what a real broker wrote', () => {
  const records = capturedRecords().filter(({ origin }) => origin.startsWith('broker'));
  const batches = records.map(({ origin, key, value }) => {
    const [, , offset, at] = origin.split(' ').map(Number);
    return {
      at: offset as number,
      bytes: recordBatch([{ key, value }], { baseOffset: offset as number, at: at as number }),
    };
  });
  const from = batches[0]?.at as number;

  async function play(log: OffsetsLog, parts: typeof batches): Promise<void> {
    for (const { bytes, at } of parts) apply(log, bytes, at);
  }

  test('is told as it was done', async () => {
    const log = newLog();
    await play(log, batches);
    const batch = log.drain('c');
    const of = (kind: string) => batch.rewinds.filter(({ group }) => group.endsWith(kind));
    // Set back by hand, then (transactions stand apart in this replay: taken as plain commits) 11 -> 1 -> 0 by an operator.
    expect(of('classic').map(({ from: high, to, facts }) => [high, to, facts.state, facts.members])).toEqual([
      [9, 3, 'live', 1],
      [11, 1, 'live', 1],
      [1, 0, 'empty', 0],
    ]);
    expect(of('consumer')[0]?.facts).toMatchObject({
      state: 'live',
      members: 1,
      owner: { clientId: 'consumer-app', host: '/127.0.0.1' },
    });
    expect(
      batch.groups.map(({ group, state, protocol, rebalances }) => [
        group.split('-').at(-1),
        state,
        protocol,
        rebalances,
      ]),
    ).toEqual([
      ['classic', 'unknown', 'classic', 1],
      ['consumer', 'empty', 'consumer', 1],
    ]);
    expect(batch.offsets.find(({ group }) => group.endsWith('classic'))).toMatchObject({
      committed: 0,
      goneAt: expect.any(Number),
    });
    expect(log.skipped).toEqual({ unknown: 3, unreadable: 0 });
  });

  test('a restart at any record, from what is stored, tells the same', async () => {
    const whole = newLog();
    await play(whole, batches);
    const expected = join([whole.drain('c')]);
    for (let cut = 1; cut < batches.length; cut++) {
      const first = newLog();
      await play(first, batches.slice(0, cut));
      const stored = JSON.parse(JSON.stringify(first.drain('c'))) as WatchBatch;
      const { positions, offsets, groups } = stored;
      const second = newLog({ positions, offsets, groups, ends: [] });
      // A record more than needed, as after a kill before the answer.
      await play(second, batches.slice(cut - 1));
      const told = join([stored, second.drain('c')]);
      expect({ cut, ...told }).toEqual({ cut, ...expected });
    }
    expect(from).toBeGreaterThan(0);
  });
});

test('groups that are not watched leave nothing', async () => {
  const log = newLog(NOTHING, { watches: (group) => group !== 'billing' });
  const life = capturedRecords().find(({ origin }) => origin === 'GroupMetadataValue v3');
  apply(log, commits([20, 5]));
  apply(log, recordBatch([{ key: groupKey('billing'), value: life?.value ?? null }], { baseOffset: 2 }), 2);
  const batch = log.drain('c');
  expect([batch.offsets, batch.groups, batch.rewinds]).toEqual([[], [], []]);
  expect(batch.positions).toEqual([{ partition: 0, from: null, next: 3, resume: 3 }]);
});

test('a log that was cut is read anew and invents nothing', async () => {
  const log = newLog();
  apply(log, commits([20, 30, 40]));
  log.drain('c');
  log.startOver(0, 0, 2);
  apply(log, commits([20, 30, 25], 0));
  expect(lowered(log.drain('c'))).toEqual([[30, 25]]);
});

test('asked for, not read: what stands lower is a rewind, what is gone may start over', () => {
  const log = newLog(NOTHING, { polling: true });
  const look = (offset: number) =>
    log.polled('billing', offset < 0 ? [] : [{ topic: 'orders', partition: 0, offset }], 1);
  for (const offset of [20, 30, 10, -1, 5, 40]) look(offset);
  const batch = log.drain('c');
  expect(lowered(batch)).toEqual([
    [30, 10],
    [10, 5],
  ]);
  expect(batch.rewinds[0]?.facts.seenBy).toBe('poll');
  // What was asked for is no ground for the log's own commits, which may be older.
  expect([...newLog({ ...NOTHING, offsets: batch.offsets }).allPlaces()]).toEqual([]);
});

test('asked for: groups are apart, also where one has nothing left', () => {
  const log = newLog(NOTHING, { polling: true });
  const at = (partition: number, offset: number) => ({ topic: 'orders', partition, offset });
  log.polled('billing', [at(0, 20), at(1, 20)], 1);
  log.polled('audit', [at(0, 30)], 1);
  log.drain('c');
  log.polled('billing', [at(1, 20)], 2);
  log.polled('audit', [at(0, 10)], 2);
  const batch = log.drain('c');
  expect(batch.offsets.map(({ group, partition, goneAt }) => [group, partition, goneAt])).toEqual([
    ['billing', 0, 2],
    ['audit', 0, null],
  ]);
  expect(lowered(batch)).toEqual([[30, 10]]);
});

describe('a partition that was taken away, and is committed at or above where it was', () => {
  const life = capturedRecords().find(({ origin }) => origin === 'GroupMetadataValue v3');

  /** Committed 20 of it, deleted, members that came again, and their first commit. */
  function comesBack(first: number, members: Buffer | null = life?.value ?? null): OffsetsLog {
    const log = newLog();
    apply(log, commits([20, null]));
    const batches = [
      ...(members === null
        ? []
        : [recordBatch([{ key: groupKey('billing'), value: members }], { baseOffset: 2, at: 2_000 })]),
      commits([first, first + 1], 3),
    ];
    apply(log, Buffer.concat(batches), 2);
    return log;
  }
  const resolved = (log: OffsetsLog, endThen: number | null, bounds = { start: 4, end: 200 }) => {
    for (const reset of log.pendingResets()) log.resolve(reset, bounds, endThen);
    return log.drain('c');
  };

  test('was read from the start where it cannot have begun at the end', () => {
    const batch = resolved(comesBack(40), 100);
    expect(lowered(batch)).toEqual([[20, 4]]);
    expect(batch.rewinds[0]?.facts).toMatchObject({
      committedAt: 1_000,
      goneAt: 1_000,
      startedOver: { committed: 40, logEnd: 100 },
    });
    // It has come back with that commit.
    expect(batch.followed).toHaveLength(1);
    expect(batch.followed[0]?.recoveredAt).toBe(batch.rewinds[0]?.at);
    expect(batch.offsets[0]).toMatchObject({ committed: 41, reset: null });
  });

  test.each([
    ['it may have begun at the end', 150, 100, { start: 4, end: 200 }],
    ['where the log ended is not known', 40, null, { start: 4, end: 200 }],
    ['what was before it is gone from the log', 40, 100, { start: 20, end: 200 }],
  ])('nothing is told where %s', (_name, first, endThen, bounds) => {
    expect(lowered(resolved(comesBack(first), endThen, bounds))).toEqual([]);
  });

  test('nothing is asked where no member was there: a tool set it', () => {
    expect(comesBack(40, null).pendingResets()).toEqual([]);
  });

  test('a restart before it was resolved goes on with it', () => {
    const stored = JSON.parse(JSON.stringify(comesBack(40).drain('c'))) as WatchBatch;
    const { positions, offsets, groups } = stored;
    expect(lowered(resolved(newLog({ positions, offsets, groups, ends: [] }), 100))).toEqual([[20, 4]]);
  });
});
