/** What can be told of a bearer token without its issuer's key: nothing of it is believed, it only helps people. */

/** RFC 6750's b64token; anything else could end the message to the broker early. */
export function isBearer(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9\-._~+/]+=*$/.test(value);
}

export interface Claims {
  /** Whom Kafka takes it for, unless its `sasl.oauthbearer.sub.claim.name` says otherwise. */
  subject: string | null;
  /** Unix ms. */
  expiresAt: number | null;
}

/** All null where it is no JWT (RFC 7519). */
export function claimsOf(token: string): Claims {
  try {
    const { sub, exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      sub?: unknown;
      exp?: unknown;
    };
    return {
      subject: typeof sub === 'string' && sub !== '' ? sub : null,
      expiresAt: typeof exp === 'number' ? exp * 1_000 : null,
    };
  } catch {
    return { subject: null, expiresAt: null };
  }
}
