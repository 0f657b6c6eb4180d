const TEXT_MAX = 500;

/** Name and message of whatever a handler threw, in one line of at most 500 characters. */
export function errorText(thrown: unknown): string {
  try {
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return text.replace(/\s+/g, ' ').trim().slice(0, TEXT_MAX);
  } catch {
    return 'an error that cannot be shown';
  }
}
