/** Which names are meant: globs (`*` any text, `?` one character) or regular expressions between slashes. */

/** True where the name matches one of `include` (none given: all) and none of `exclude`. Throws SyntaxError. */
export function nameFilter(
  include: readonly string[],
  exclude: readonly string[],
): (name: string) => boolean {
  const wanted = include.map(patternOf);
  const unwanted = exclude.map(patternOf);
  return (name) =>
    (wanted.length === 0 || wanted.some((pattern) => pattern.test(name))) &&
    !unwanted.some((pattern) => pattern.test(name));
}

function patternOf(text: string): RegExp {
  if (text.length > 2 && text.startsWith('/') && text.endsWith('/'))
    return new RegExp(text.slice(1, -1), 'u');
  const escaped = text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${escaped.replaceAll('\\*', '[^]*').replaceAll('\\?', '[^]')}$`, 'u');
}
