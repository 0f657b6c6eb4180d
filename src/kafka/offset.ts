/**
 * The number of an offset as kafkajs gives it: NaN where the text is none.
 *
 * For the hot path: `Number` takes 60 ns for a text that it has not seen, its digits 35 (Node 20, 2026-11-27).
 */
export function toOffset(text: string): number {
  // Up to 15 digits every step is exact.
  if (text.length > 15) return Number(text);
  let offset = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return Number(text);
    offset = offset * 10 + digit;
  }
  return offset;
}
