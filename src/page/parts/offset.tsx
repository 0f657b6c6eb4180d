/** One offset, and a button that copies it. */
import { Copy } from './text';

export function Offset({ at }: { at: number }) {
  return (
    <span class="offset">
      {at}
      <Copy text={String(at)} what={`offset ${at}`} />
    </span>
  );
}
