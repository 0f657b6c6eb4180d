/** Why, and how sure: a shape and words, so that no colour is needed to tell causes apart. */
import { causeShape, causeWords, kindWords, type Shape } from '../logic/words';

const PATHS: Readonly<Record<Shape, string>> = {
  bolt: 'M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z',
  clock: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM8 4.5V8l2.5 2',
  arrows: 'M2 5.5h10L9.5 3M14 10.5H4L6.5 13',
  back: 'M6 3 2.5 6.5 6 10M2.5 6.5h7a4 4 0 0 1 0 8H6',
  cross: 'M3.5 3.5l9 9M12.5 3.5l-9 9',
  gap: 'M1.5 8h4M10.5 8h4M7 4v8M9 4v8',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  stop: 'M3.5 3.5h9v9h-9z',
  ghost: 'M3.5 14V7a4.5 4.5 0 0 1 9 0v7l-2-1.5L8 14l-2.5-1.5zM6.2 7v.6M9.8 7v.6',
  question: 'M5.5 5.5a2.5 2.5 0 1 1 3.6 2.2C8.3 8.1 8 8.6 8 9.5M8 12.3v.4',
};

export function Icon({ shape }: { shape: Shape }) {
  return (
    <svg class={`icon icon-${shape}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[shape]} />
    </svg>
  );
}

export function iconPath(shape: Shape): string {
  return PATHS[shape];
}

export function Cause({ cause, certainty }: { cause: string; certainty?: string }) {
  return (
    <span class="cause">
      <Icon shape={causeShape(cause)} />
      <span>{causeWords(cause)}</span>
      {certainty === undefined || cause === 'unknown' ? null : <Certainty certainty={certainty} />}
    </span>
  );
}

export function Certainty({ certainty }: { certainty: string }) {
  return <span class={`tag certainty-${certainty}`}>{certainty}</span>;
}

export function Kind({ kind }: { kind: string }) {
  const isLoss = kind === 'premature_commit' || kind === 'skip';
  return <span class={isLoss ? 'tag tag-bad' : 'tag'}>{kindWords(kind)}</span>;
}
