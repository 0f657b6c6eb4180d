/** What a message is to the check: its claim, and the errors about its identity. */
import { hash } from 'node:crypto';
import type { KafkaMessage } from 'kafkajs';
import { DupescopeError } from '../errors';
import { DEFAULT_RULES, type FoundIdentity, IdentityFinder, type IdentityRules } from '../identity';
import type { IdempotentOptions } from './options';
import type { Claim } from './store';

const NOTHING = Buffer.alloc(0);

/** 128 bits of SHA-256 in hex, 0.3 us: identities come from outside, so the hash must not be one to collide at will. */
function digest(data: string | Buffer): string {
  return hash('sha256', data, 'hex').slice(0, 32);
}

/** Hash of key and value; of headers and time nothing, as they differ between copies. */
export function payloadOf({ key, value }: Pick<KafkaMessage, 'key' | 'value'>): string {
  const lengths = Buffer.allocUnsafe(8);
  lengths.writeInt32LE(key?.length ?? -1, 0);
  lengths.writeInt32LE(value?.length ?? -1, 4);
  return digest(Buffer.concat([lengths, key ?? NOTHING, value ?? NOTHING]));
}

type Found = Pick<FoundIdentity, 'family' | 'text'>;

/** The identity of a message; null: it has none. */
export type Finder = (message: KafkaMessage, topic: string) => Found | null;

/** Of the policy for messages without an identity only 'fingerprint' is a rule; see `Checker`. */
export function finderOf({
  identity = DEFAULT_RULES,
  noIdentity,
}: Pick<IdempotentOptions, 'identity' | 'noIdentity'>): Finder {
  const otherwise: IdentityRules = noIdentity === 'fingerprint' ? [{ from: 'fingerprint' }] : [];
  if (typeof identity !== 'function') {
    const finder = new IdentityFinder([...identity, ...otherwise]);
    return (message) => finder.find(message);
  }
  const fallback = new IdentityFinder(otherwise);
  return (message, topic) => {
    const text = identity(message, topic);
    return text === null ? fallback.find(message) : { family: 'own', text };
  };
}

export function claimOf(name: string, topic: string, { family, text }: Found, payload: string): Claim {
  return { key: digest(JSON.stringify([name, topic, family, text])), payload };
}

/** The claim of a reused identity: of identity and payload together, so that its own copies are known as such. */
export function reuseOf({ key, payload }: Claim): Claim {
  return { key: digest(key + payload), payload };
}

/** The same identity with another payload. */
export class IdReuse extends DupescopeError {
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: string,
    readonly identity: string,
  ) {
    super(
      'id-reuse',
      `${topic}/${partition} offset ${offset}: the identity "${identity}" was handled before with another payload. Correct the producer, or give idempotent() an "onReuse" function that decides what to do.`,
    );
    this.name = 'IdReuse';
  }
}
