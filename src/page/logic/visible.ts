/**
 * Names and ids are other people's text. What would change the direction of a line, hide, or break it is shown by its
 * number; what is very long is cut, with its length said. The whole of it is what a copy button takes.
 */

const SHOWN_MAX = 160;
/** Controls, soft hyphen, marks of direction and width, separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

export function visible(text: string, max = SHOWN_MAX): string {
  const shown = text.length > max ? text.slice(0, max) : text;
  const plain = shown.replace(
    UNSEEN,
    (c) => `\u27e8U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`,
  );
  return text.length > max ? `${plain}\u2026 (${text.length.toLocaleString('en-US')} characters)` : plain;
}
