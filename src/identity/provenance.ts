/**
 * Headers that say: this record was published again on purpose. Retry topics and dead-letter queues write them; the
 * copy that carries one is intentional, not a duplicate; unless the copy before it says the very same: then one
 * attempt was published twice.
 */
import { type Headers, headerBytes } from './message';

const PROVENANCE =
  /^(?:retry_topic-|kafka_original-|kafka_dlt-original-|__connect\.errors\.|x-failed-attempts$)/;

/** What tells one attempt, or one original, from another. Times and exceptions differ between two copies of one. */
const ATTEMPT =
  /^(?:retry_topic-attempts|kafka_(?:dlt-)?original-(?:topic|partition|offset)|__connect\.errors\.(?:topic|partition|offset)|x-failed-attempts)$/;

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

/** Which attempt it is, as parts to be hashed; empty where its headers do not tell. */
export function attemptOf(headers: Headers | undefined): Buffer[] {
  if (headers === undefined) return [];
  return Object.keys(headers)
    .filter((name) => ATTEMPT.test(name))
    .sort()
    .flatMap((name) => [Buffer.from(name), ...headerBytes(headers, name)]);
}
