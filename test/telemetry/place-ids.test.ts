import { PlaceIds } from '../../src/telemetry/place-ids';

const PLACE = { clusterId: 'c', topic: 'orders', topicId: 'AAAA', partition: 3 };

describe('ids from a place', () => {
  test('are the same in every process: written down here once', () => {
    const ids = new PlaceIds(PLACE, 'billing');
    expect(ids.trace(7)).toMatch(/^[0-9a-f]{32}$/);
    expect([ids.trace(7), ids.parent(7), ids.attempt('s1', 7, 2)]).toMatchInlineSnapshot(`
[
  "d425181e1572fd86381d8f73bef898a8",
  "e615ea584f85e138",
  "dab5f3a6791cc9a3",
]
`);
    // The trace is the record's, whoever reads it; the attempt is the group's and the session's.
    const other = new PlaceIds(PLACE, 'mailing');
    expect(other.trace(7)).toBe(ids.trace(7));
    expect(other.attempt('s1', 7, 2)).not.toBe(ids.attempt('s1', 7, 2));
  });

  test('are told apart by each part of the place, also beyond 32 bits', () => {
    const seen = new Set<string>();
    const places = [
      PLACE,
      { ...PLACE, clusterId: 'd' },
      { ...PLACE, topicId: 'BBBB' },
      { ...PLACE, partition: 4 },
    ];
    const offsets = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40, Number.MAX_SAFE_INTEGER];
    for (const place of places) {
      const ids = new PlaceIds(place, 'g');
      for (const offset of offsets) {
        seen.add(ids.trace(offset)).add(ids.parent(offset));
        for (const attempt of [1, 2, 3])
          seen.add(ids.attempt('s', offset, attempt)).add(ids.attempt('t', offset, attempt));
      }
    }
    expect(seen.size).toBe(places.length * offsets.length * 8);
  });

  test('do not meet within a partition, and are spread evenly', () => {
    const ids = new PlaceIds(PLACE, 'g');
    const traces = new Set<string>();
    const spans = new Set<string>();
    const bits = new Array<number>(64).fill(0);
    const records = 10_000;
    let low = 0;
    for (let offset = 0; offset < records; offset++) {
      traces.add(ids.trace(offset));
      const span = ids.attempt('s', offset, 1);
      spans.add(span);
      const value = BigInt(`0x${span}`);
      for (let bit = 0; bit < 64; bit++) if ((value >> BigInt(bit)) & 1n) (bits[bit] as number)++;
      if (ids.dice(offset) < 0.1) low++;
    }
    expect(traces.size).toBe(records);
    expect(spans.size).toBe(records);
    // Six standard deviations of a fair coin.
    const allowed = 6 * Math.sqrt(records / 4);
    for (const ones of bits) expect(Math.abs(ones - records / 2)).toBeLessThan(allowed);
    expect(Math.abs(low - records / 10)).toBeLessThan(6 * Math.sqrt(records * 0.09));
  });
});
