/** What became of the copies that the check did not catch: with those that it caught, all copies that ended. */
import { count } from './format';

export interface Copies {
  applied_again: number;
  /** Includes those of `perhaps_again`. */
  failed_again: number;
  perhaps_again: number;
}

/** `10 applied again, 2 perhaps, 62 failed`; what is none is left out, but for the first. */
export function notCaughtWords({ applied_again, failed_again, perhaps_again }: Copies): string {
  const parts = [`${count(applied_again)} applied again`];
  if (perhaps_again > 0) parts.push(`${count(perhaps_again)} perhaps`);
  const failed = failed_again - perhaps_again;
  if (failed > 0) parts.push(`${count(failed)} failed`);
  return parts.join(', ');
}
