/** Counts as people read them, in every sentence that the ledger writes. Offsets, ids and sequences are names: bare. */

/** One way of writing for all readers, whatever the locale of the machine. */
const WHOLE = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 1,204 */
export function countText(value: number): string {
  return WHOLE.format(value);
}
