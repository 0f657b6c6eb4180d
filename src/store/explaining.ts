/** When the cause of a finding is looked at again, is settled, and is worth an incident. */

/** A proven cause is settled at once, any other when this long has passed without better evidence. */
export const SETTLE_MS = 60_000;
/** What is not settled is explained anew this often, by whichever writer comes first. */
export const AGAIN_MS = 1_000;
/** So long a cause that no rule names may still be found: no incident is made of it. */
const UNNAMED_MS = 10_000;

export function isNamed(cause: string, settled: boolean, ageMs: number): boolean {
  return cause !== 'unknown' || settled || ageMs > UNNAMED_MS;
}
