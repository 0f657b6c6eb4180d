/** Pages by cursor: forward by the link of the answer, back by the browser's own way, or to the begin. */
import { useApp, useChange } from '../state';

export function Paging({ next, shown }: { next: string | null; shown: number }) {
  const { place } = useApp();
  const change = useChange();
  const isFirst = place.query.cursor === undefined;
  if (isFirst && next === null) return <p class="paging">{shown} shown, that is all.</p>;
  return (
    <nav class="paging" aria-label="Pages">
      <span>{shown} shown</span>
      {isFirst ? null : (
        <>
          <button type="button" onClick={() => change({ cursor: null })}>
            First page
          </button>
          <button type="button" onClick={() => window.history.back()}>
            Previous page
          </button>
        </>
      )}
      {next === null ? (
        <span>the last page</span>
      ) : (
        <button type="button" onClick={() => change({ cursor: next })}>
          Next page
        </button>
      )}
    </nav>
  );
}
