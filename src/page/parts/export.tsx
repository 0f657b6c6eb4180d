/** What is seen, as a file: the same question to the API in another form, so that a spreadsheet gets it safely. */
import { useState } from 'preact/hooks';
import { ask } from '../logic/api';
import { useApp } from '../state';

const GONE_MS = 10_000;

export function Export({ address, name, lists }: { address: string; name: string; lists: boolean }) {
  const { token } = useApp();
  const [failed, setFailed] = useState(false);
  const save = async (format: 'csv' | 'json') => {
    try {
      const sign = address.includes('?') ? '&' : '?';
      const response = await ask(lists ? `${address}${sign}format=${format}` : address, token);
      const link = document.createElement('a');
      link.href = URL.createObjectURL(await response.blob());
      link.download = `dupescope-${name}.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), GONE_MS);
      setFailed(false);
    } catch {
      setFailed(true);
    }
  };
  return (
    <span class="export">
      {failed ? <span role="alert">not saved</span> : null}
      {lists ? (
        <button type="button" onClick={() => save('csv')}>
          CSV
        </button>
      ) : null}
      <button type="button" onClick={() => save('json')}>
        JSON
      </button>
    </span>
  );
}
