/**
 * What a person asks for, as the observer would have found it in a record of a topic: an id in clear is hashed within
 * its family, so the families come from where the topic's identities are known to have stood (`sourceNames`).
 */
import { SOURCE_CLOUDEVENTS, SOURCE_FINGERPRINT, SOURCE_STRUCTURED } from './catalogue';
import { Hasher, scopeOf } from './hash';
import { normalise } from './normalise';

const HASH = /^[0-9a-f]{32}$/i;
const HEADER = 'header ';

/** Four words each: every hash that the text may have in that topic. In hex, it may be a hash itself. */
export function askedHashes(
  text: string,
  topic: string,
  sourceNames: readonly string[],
  seed: Uint8Array,
): Uint32Array[] {
  const hasher = new Hasher(seed);
  const scopes = new Map<string, string>();
  for (const source of sourceNames) {
    const family = familyOf(source);
    const spelled = spelledIn(family, text);
    if (spelled !== null) scopes.set(scopeOf(topic, family), spelled);
  }
  const hashes = [...scopes].map(([scope, spelled]): Uint32Array => {
    hasher.identity(scope, spelled);
    return new Uint32Array(hasher.out);
  });
  const bare = text.trim();
  if (HASH.test(bare)) hashes.push(wordsOf(bare));
  return hashes;
}

/** Every spelling under which a copy's identity may stand in clear. */
export function askedTexts(text: string): string[] {
  return [...new Set([text, normalise(text), spelledIn(CLOUDEVENTS, text) ?? text])];
}

const CLOUDEVENTS = 'cloudevents';

/** As the finder names them: a source says where an identity stood, its family what it is told apart by. */
function familyOf(source: string): string {
  if (source === SOURCE_CLOUDEVENTS || source === SOURCE_STRUCTURED) return CLOUDEVENTS;
  return source.startsWith(HEADER) ? source.slice(HEADER.length) : source;
}

/** Null: no record of that family has such an identity. */
function spelledIn(family: string, text: string): string | null {
  const bare = text.trim();
  if (family === SOURCE_FINGERPRINT) return HASH.test(bare) ? bare.toLowerCase() : null;
  if (family !== CLOUDEVENTS) return normalise(text) || null;
  // Source and id, as they are shown: a source has no space.
  const [, source, id] = /^(\S+) (.+)$/s.exec(bare) ?? [];
  if (source === undefined || id === undefined) return null;
  return `${normalise(source)} ${normalise(id)}`;
}

function wordsOf(hex: string): Uint32Array {
  return Uint32Array.from([0, 8, 16, 24], (at) => Number.parseInt(hex.slice(at, at + 8), 16));
}
