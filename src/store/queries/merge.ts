/**
 * A page over several lists that each have an index in the order of the page: the heads are merged, so that the cost
 * grows with the page and the number of lists, never with what stands in them. One statement over all of them would
 * sort everything that the filter means before it answers the first row.
 */

/** Lists are read in steps of at least this many rows. */
const STEP_MIN = 8;

/**
 * @param lists what tells one list from another
 * @param stepOf reads at most `limit` rows of a list behind `after`; undefined: from where the page begins
 * @param isLater whether the first row stands before the second one on the page
 */
export function mergedPage<List, Row>(
  lists: readonly List[],
  limit: number,
  stepOf: (list: List, after: Row | undefined, limit: number) => Row[],
  isLater: (a: Row, b: Row) => boolean,
): Row[] {
  if (lists.length === 1) return stepOf(lists[0] as List, undefined, limit);
  const step = Math.max(STEP_MIN, Math.ceil((2 * limit) / Math.max(1, lists.length)));
  const heads = lists.map((list) => ({ list, rows: stepOf(list, undefined, step), next: 0 }));
  const page: Row[] = [];
  while (page.length < limit) {
    let best: (typeof heads)[number] | undefined;
    for (const head of heads) {
      const row = head.rows[head.next];
      if (row === undefined) continue;
      if (best === undefined || isLater(row, best.rows[best.next] as Row)) best = head;
    }
    if (best === undefined) break;
    const row = best.rows[best.next++] as Row;
    page.push(row);
    if (best.next === best.rows.length && best.rows.length === step) {
      best.rows = stepOf(best.list, row, step);
      best.next = 0;
    }
  }
  return page;
}
