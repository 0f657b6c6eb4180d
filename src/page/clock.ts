/**
 * The service's clock, as seen from here: `since=1h` is an hour before its now, and the clock of a person's own machine
 * may be minutes away from it. Read from the Date of every answer, which has whole seconds: what is nearer than that is
 * left alone.
 */
const NEAR_MS = 2_000;

let aheadMs = 0;

/** @param date the header of an answer that has just come */
export function noteServiceTime(date: string | null): void {
  const at = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(at)) return;
  const ahead = at - Date.now();
  aheadMs = Math.abs(ahead) < NEAR_MS ? 0 : ahead;
}

/** Unix ms. */
export function serviceNow(): number {
  return Date.now() + aheadMs;
}
