/** Which promise held so far, with a shape of its own each. */
import { verdictWords } from '../logic/words';

const PATHS: Readonly<Record<string, string>> = {
  exactly_once_so_far: 'M3 8.5 6.5 12 13 4.5',
  at_least_once: 'M2 5.5h10L9.5 3M14 10.5H4L6.5 13',
  at_most_once: 'M8 2.2 14.5 13.5h-13zM8 6.5v3M8 11.3v.4',
  nothing_delivered: 'M4 8h8',
};

export function Verdict({ verdict }: { verdict: string }) {
  return (
    <span class={`verdict verdict-${verdict}`}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d={PATHS[verdict] ?? 'M4 8h8'} />
      </svg>
      {verdictWords(verdict)}
    </span>
  );
}
