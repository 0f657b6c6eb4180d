/** Counts as people read them, in every sentence that the ledger writes. Offsets, ids and sequences are names: bare. */

/** One way of writing for all readers, whatever the locale of the machine. Made at its first use: it takes 60 ms. */
let whole: Intl.NumberFormat | undefined;

/** 1,204 */
export function countText(value: number): string {
  whole ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
  return whole.format(value);
}
