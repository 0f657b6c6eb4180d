/** The service was upgraded under an open page: what is shown was made for the version before. */
import { useRef } from 'preact/hooks';
import { visible } from '../logic/visible';

/** @param now the service's version; null: not known yet */
export function Upgraded({ now }: { now: string | null }) {
  // A service serves the page of its own version: the first that it tells is ours.
  const first = useRef(now);
  first.current ??= now;
  if (now === null || now === first.current) return null;
  return (
    <p class="notice" role="status">
      The service is Dupescope {visible(now, 60)} now; this page is of {visible(first.current ?? '', 60)}.{' '}
      <button type="button" onClick={() => window.location.reload()}>
        Reload the page
      </button>
    </p>
  );
}
