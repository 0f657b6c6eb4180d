import fc from 'fast-check';
import {
  BLOCK_ENTRIES,
  Block,
  decodeBlock,
  type Entry,
  encodeBlock,
  entryAt,
  hasHash,
  NO_PRODUCER,
} from '../../../src/store/identity/block';

/** SQLite keeps a row of up to 4,061 B in a page of 4,096. */
const PAGE_BLOB = 4_050;

function blockOf(entries: readonly Omit<Entry, 'ordinal'>[]): { block: Block; words: Uint32Array } {
  const words = new Uint32Array(entries.length * 4);
  const block = new Block(1_000_000);
  entries.forEach((entry, i) => {
    for (let w = 0; w < 4; w++) words[i * 4 + w] = Math.imul(i * 4 + w + 1, 0x9e3779b1);
    block.add(words, i * 4, { ...entry, ordinal: 1_000_000 + i });
  });
  return { block, words };
}

describe('a block of the identity log', () => {
  const entry = fc
    .record({
      partition: fc.nat(3),
      offset: fc.oneof(fc.nat(1_000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 300 })),
      at: fc.oneof(fc.nat(10_000), fc.integer({ min: 0, max: 4e12 })),
      payload: fc.nat(0xffffff),
      producerId: fc.oneof(fc.constant(NO_PRODUCER), fc.nat(3), fc.nat(Number.MAX_SAFE_INTEGER)),
      producerEpoch: fc.nat(32_767),
      sequence: fc.nat(2 ** 31 - 1),
      transactional: fc.boolean(),
      edges: fc.nat(3),
      provenance: fc.oneof(fc.constant(0), fc.nat(0xffff)),
    })
    .map((one) => (one.producerId === NO_PRODUCER ? { ...one, producerEpoch: -1, sequence: -1 } : one));
  // Stretches as they come, and entries that follow from nothing.
  const stretch = fc.record({ from: entry, count: fc.integer({ min: 1, max: 60 }) }).map(({ from, count }) =>
    Array.from({ length: count }, (_, i) => ({
      ...from,
      offset: from.offset + i,
      at: from.at + i * 3,
      sequence: from.producerId === NO_PRODUCER ? -1 : from.sequence + i,
    })),
  );
  const entries = fc
    .array(stretch, { minLength: 1, maxLength: 40 })
    .map((list) => list.flat().slice(0, BLOCK_ENTRIES));

  test('comes back as it was, whole and entry by entry', () => {
    fc.assert(
      fc.property(entries, (list) => {
        const { block, words } = blockOf(list);
        const blob = encodeBlock(block);
        expect(decodeBlock(blob).entries).toEqual(block.entries);
        expect(decodeBlock(blob).hashes.equals(block.hashes)).toBe(true);
        for (const i of [0, list.length >> 1, list.length - 1]) {
          expect(entryAt(blob, i)).toEqual(block.entries[i]);
          expect(hasHash(blob, i, words, i * 4)).toBe(true);
          if (list.length > 1) expect(hasHash(blob, (i + 1) % list.length, words, i * 4)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('damaged is an error or another block, never a hang', () => {
    const { block } = blockOf(
      Array.from({ length: BLOCK_ENTRIES }, (_, i) => ({ ...PLAIN, offset: i, at: i })),
    );
    const blob = encodeBlock(block);
    fc.assert(
      fc.property(fc.nat(blob.length - 1), fc.nat(255), fc.nat(blob.length), (at, byte, cut) => {
        const damaged = Buffer.from(blob.subarray(0, cut));
        if (at < cut) damaged[at] = byte;
        try {
          decodeBlock(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test('what an older version wrote has no edges, and keeps none until its block is full', () => {
    const list = Array.from({ length: 9 }, (_, i) => ({
      ...PLAIN,
      offset: i,
      at: 1e12 + i,
      edges: i < 5 ? null : 3,
    }));
    const blob = encodeBlock(blockOf(list).block);
    expect(blob[0]).toBe(1);
    expect(decodeBlock(blob).entries.map(({ edges }) => edges)).toEqual(Array(9).fill(null));
    expect(decodeBlock(blob).entries.map(({ offset, at }) => [offset, at])).toEqual(
      list.map(({ offset, at }) => [offset, at]),
    );
  });

  const PLAIN = {
    partition: 3,
    payload: 0xabcdef,
    producerId: NO_PRODUCER,
    producerEpoch: -1,
    sequence: -1,
    transactional: false,
    edges: 0,
    provenance: 0,
  };
  /** Of a batch of so many. */
  const edgesIn = (size: number, i: number) => (i % size === 0 ? 1 : 0) | (i % size === size - 1 ? 2 : 0);
  const shapes: [string, number, (i: number) => Omit<Entry, 'ordinal'>][] = [
    [
      'one producer, not idempotent',
      15.2,
      (i) => ({ ...PLAIN, offset: 5_000_000 + i, at: 1.7e12 + i * 90, edges: edgesIn(50, i) }),
    ],
    [
      'one idempotent producer',
      15.2,
      (i) => ({
        ...PLAIN,
        offset: 5_000_000 + i,
        at: 1.7e12 + i * 90,
        producerId: 4_711,
        producerEpoch: 2,
        sequence: i,
        edges: edgesIn(50, i),
      }),
    ],
    [
      'ten idempotent producers in batches of five',
      16.2,
      (i) => {
        const by = Math.floor(i / 5) % 10;
        const sequence = Math.floor(i / 50) * 5 + (i % 5);
        return {
          ...PLAIN,
          offset: 5_000_000 + i,
          at: 1.7e12 + i * 20,
          producerId: by,
          producerEpoch: 0,
          sequence,
          edges: edgesIn(5, i),
        };
      },
    ],
    [
      'a hundred producers by turns, a record each: more than a page',
      19,
      (i) => ({
        ...PLAIN,
        offset: 5_000_000 + i,
        at: 1.7e12 + i * 20,
        producerId: 9_000 + (i % 100),
        producerEpoch: 0,
        sequence: Math.floor(i / 100),
        edges: edgesIn(1, i),
      }),
    ],
  ];
  test.each(shapes)('has room in a page: %s, at most %d B an entry', (_, most, made) => {
    const blob = encodeBlock(blockOf(Array.from({ length: BLOCK_ENTRIES }, (__, i) => made(i))).block);
    console.info(`${(blob.length / BLOCK_ENTRIES).toFixed(2)} B an entry`);
    expect(blob.length / BLOCK_ENTRIES).toBeLessThanOrEqual(most);
    if (most <= 16.2) expect(blob.length).toBeLessThanOrEqual(PAGE_BLOB);
  });
});
