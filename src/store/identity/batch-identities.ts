/** Identities of the batch that is being taken: what the index will know after the commit, and must know before. */
import type { Entry } from './block';

/** A message that may be the same: where it stands, and where the index points to it. */
export interface Candidate extends Entry {
  /** Row in the index; -1 for one of this batch. */
  row: number;
}

export class BatchIdentities {
  private readonly mask: number;
  /** Open addressing over the batch's hashes: one more than a record's place, 0 where free. */
  private readonly heads: Int32Array;
  /** By head. Nearly all are alone. */
  private readonly known: (Candidate | Candidate[] | undefined)[];

  constructor(
    private readonly hashes: Uint32Array,
    count: number,
  ) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
    this.mask = size - 1;
    this.heads = new Int32Array(size);
    this.known = new Array(count);
  }

  /** The first record of the batch with the identity of record i; i itself where it is the first. */
  headOf(i: number): number {
    const { hashes, heads } = this;
    const at = i * 4;
    let place = (hashes[at + 3] as number) & this.mask;
    for (; ; place = (place + 1) & this.mask) {
      const head = (heads[place] as number) - 1;
      if (head < 0) {
        heads[place] = i + 1;
        return i;
      }
      if (
        hashes[head * 4] === hashes[at] &&
        hashes[head * 4 + 1] === hashes[at + 1] &&
        hashes[head * 4 + 2] === hashes[at + 2] &&
        hashes[head * 4 + 3] === hashes[at + 3]
      ) {
        return head;
      }
    }
  }

  /** What is known under the identity of that head, the latest last. */
  of(head: number): readonly Candidate[] {
    const known = this.known[head];
    if (known === undefined) return [];
    return Array.isArray(known) ? known : [known];
  }

  set(head: number, candidates: Candidate | Candidate[]): void {
    this.known[head] = candidates;
  }
}
