/**
 * Pages by cursor. An answer knows the page behind it alone; those before it are kept with the entry of the browser's
 * history (not in the address: a cursor is 200 characters), so they live through a reload, and an address that was sent
 * begins without them.
 */
import { useApp, useChange } from '../state';

/** Cursors of the pages before this one, the first page ('') first. */
interface Trail {
  before: readonly string[];
}

/** Browsers bound what an entry may hold. */
const KEPT_MAX = 1_000;

function trailOf(state: unknown): Trail {
  const known = state as Partial<Trail> | null;
  return { before: Array.isArray(known?.before) ? known.before : [] };
}

export function Paging({ next, shown }: { next: string | null; shown: number }) {
  const { place } = useApp();
  const change = useChange();
  const { cursor } = place.query;
  const { before } = trailOf(window.history.state);
  const turn = (to: string | null, trail: readonly string[]) => {
    change({ cursor: to });
    window.history.replaceState({ before: trail.slice(-KEPT_MAX) } satisfies Trail, '');
  };
  if (cursor === undefined && next === null) return <p class="paging">{shown} shown, that is all.</p>;
  const previous = before.at(-1);
  return (
    <nav class="paging" aria-label="Pages">
      <span>{shown} shown</span>
      {cursor === undefined ? null : (
        <button type="button" onClick={() => turn(null, [])}>
          First page
        </button>
      )}
      {cursor === undefined || previous === undefined ? null : (
        <button type="button" onClick={() => turn(previous || null, before.slice(0, -1))}>
          Previous page
        </button>
      )}
      {next === null ? (
        <span>the last page</span>
      ) : (
        <button type="button" onClick={() => turn(next, [...before, cursor ?? ''])}>
          Next page
        </button>
      )}
    </nav>
  );
}
