/**
 * Headers that say: this record was published again on purpose. Retry topics and dead-letter queues write them; the
 * copy that carries one is intentional, not a duplicate.
 */
import type { Headers } from './message';

const PROVENANCE =
  /^(?:retry_topic-|kafka_original-|kafka_dlt-original-|__connect\.errors\.|x-failed-attempts$)/;

/** The header that says so, null where none does. */
export function provenanceOf(headers: Headers | undefined): string | null {
  if (headers === undefined) return null;
  for (const name of Object.keys(headers)) {
    // The first characters decide for nearly all of them.
    const c = name.charCodeAt(0);
    if ((c === 0x72 || c === 0x6b || c === 0x78 || c === 0x5f) && PROVENANCE.test(name)) return name;
  }
  return null;
}
