/** Answers of an address that changes while the person looks. */
import { useRef } from 'preact/hooks';
import type { Answer } from './state';

/**
 * The last answer stays until the one at the new address is there, and when that fails: for what shows the same thing,
 * only more of it.
 */
export function useKept<T>(answer: Answer<T>): Answer<T> {
  const last = useRef(answer);
  if (answer.value !== null) last.current = answer;
  else if (answer.error !== null) last.current = { ...answer, value: last.current.value };
  return last.current;
}
