/**
 * Where the entries of a block stand in their record batches: two bits each (EDGE_FIRST, EDGE_LAST), in whichever of two
 * forms is shorter, which the block's format byte says:
 *
 *     2  n times 2 bits, four a byte, the lowest first: 0.25 B an entry
 *     3  runs of equal entries, a byte each: edges, and above them the run's length less one; batches of 50: 0.06 B
 *
 * Format 1 is from before edges were kept: nothing is known then.
 */

export const WITHOUT_EDGES = 1;
export const EDGE_BITS = 2;
export const EDGE_RUNS = 3;
const RUN_MAX = 64;

/** Null edges of any entry: none of the block are known. */
export function encodeEdges(edges: readonly (number | null)[]): { format: number; bytes: Uint8Array } {
  if (edges.includes(null)) return { format: WITHOUT_EDGES, bytes: new Uint8Array(0) };
  const bits = new Uint8Array((edges.length + 3) >> 2);
  const runs: number[] = [];
  let before = -1;
  edges.forEach((edge, i) => {
    const value = edge as number;
    bits[i >> 2] = (bits[i >> 2] as number) | (value << ((i & 3) * 2));
    const last = runs.length - 1;
    if (value === before && (runs[last] as number) >> 2 < RUN_MAX - 1)
      runs[last] = (runs[last] as number) + 4;
    else runs.push(value);
    before = value;
  });
  return runs.length < bits.length
    ? { format: EDGE_RUNS, bytes: Uint8Array.from(runs) }
    : { format: EDGE_BITS, bytes: bits };
}

/**
 * The edges of n entries that stand at `at`, and how many bytes they take.
 *
 * @throws RangeError on a damaged block
 */
export function decodeEdges(
  format: number,
  blob: Uint8Array,
  at: number,
  n: number,
): { edges: (number | null)[]; size: number } {
  if (format === WITHOUT_EDGES) return { edges: new Array(n).fill(null), size: 0 };
  if (format === EDGE_BITS) {
    const edges = Array.from({ length: n }, (_, i) => ((blob[at + (i >> 2)] ?? 0) >> ((i & 3) * 2)) & 3);
    return { edges, size: (n + 3) >> 2 };
  }
  const edges: number[] = [];
  let size = 0;
  while (edges.length < n) {
    const run = blob[at + size++];
    if (run === undefined) throw new RangeError('a block of the identity log is damaged');
    for (let left = (run >> 2) + 1; left > 0; left--) edges.push(run & 3);
  }
  if (edges.length > n) throw new RangeError('a block of the identity log is damaged');
  return { edges, size };
}
