/**
 * The token of one login, for all connections and clients that use it. kafkajs asks when it connects, and again
 * 10 s before the broker's session ends.
 *
 * From an endpoint: one request for all who wait; a token is used for four fifths of its life, as Kafka's own client
 * does, and to its end while the endpoint gives no other. From a file: read every time, so that a token which was
 * renewed is used at once.
 */
import { readFile } from 'node:fs/promises';
import type { OauthLogin } from '../../config';
import { loginError } from './login-error';
import { claimsOf, isBearer } from './token';
import { type IssuedToken, tokenFromEndpoint } from './token-endpoint';

const USED_SHARE = 0.8;
/** A token of unknown life is asked for again after this. */
const UNKNOWN_LIFE_MS = 60_000;
/** With less left a broker's session would end before kafkajs renews it. */
const LEAST_LEFT_MS = 11_000;

export class TokenSource {
  /** The token that was given last; for what a person is told of it. */
  last: string | null = null;
  private kept: (IssuedToken & { renewAt: number }) | null = null;
  private asking: Promise<string> | null = null;

  constructor(private readonly login: OauthLogin) {}

  /** Throws 'kafka-authentication' or 'token-endpoint', one line that says what to check. */
  async token(): Promise<string> {
    this.last = 'tokenFile' in this.login ? await fromFile(this.login.tokenFile) : await this.issued();
    return this.last;
  }

  /** Kafka did not take it: the next is asked for. */
  refused(): void {
    this.kept = null;
  }

  private async issued(): Promise<string> {
    if (this.kept !== null && Date.now() < this.kept.renewAt) return this.kept.value;
    this.asking ??= this.ask().finally(() => {
      this.asking = null;
    });
    return await this.asking;
  }

  private async ask(): Promise<string> {
    if ('tokenFile' in this.login) throw new TypeError('a file is read, not asked');
    const asked = Date.now();
    try {
      const issued = await tokenFromEndpoint(this.login);
      const lifeMs = issued.expiresAt === null ? UNKNOWN_LIFE_MS : issued.expiresAt - asked;
      this.kept = { ...issued, renewAt: asked + Math.min(lifeMs * USED_SHARE, lifeMs - LEAST_LEFT_MS) };
      return issued.value;
    } catch (error) {
      const left = (this.kept?.expiresAt ?? 0) - Date.now();
      if (this.kept !== null && left > LEAST_LEFT_MS) return this.kept.value;
      throw error;
    }
  }
}

const sources = new WeakMap<OauthLogin, TokenSource>();

/** The same for the same login, so that a cluster's clients share one token. */
export function tokenSourceOf(login: OauthLogin): TokenSource {
  const known = sources.get(login);
  if (known !== undefined) return known;
  const made = new TokenSource(login);
  sources.set(login, made);
  return made;
}

async function fromFile(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (error) {
    const code = String((error as { code?: unknown }).code);
    throw loginError('kafka-authentication', `sasl.tokenFile: the file ${path} cannot be read (${code}).`);
  }
  if (isBearer(text)) return text;
  throw loginError(
    'kafka-authentication',
    `sasl.tokenFile: ${path} does not hold a token. Put the token alone into it, as its issuer gave it.`,
  );
}

/** ` It expired at ...`, or nothing: to be put behind a sentence about a refusal. */
export function expiryHint(token: string | null): string {
  const expiresAt = token === null ? null : claimsOf(token).expiresAt;
  if (expiresAt === null || expiresAt > Date.now()) return '';
  return ` It expired at ${new Date(expiresAt).toISOString()}.`;
}
