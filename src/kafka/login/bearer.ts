/**
 * SASL OAUTHBEARER (RFC 7628) for kafkajs. Its own takes a broker's refusal for a success: Kafka answers a bad token
 * with an error in JSON and waits for one more byte, so that the next request fails as if the network had. Here the
 * answer is read.
 */
import type { OauthLogin } from '../../config';
import { loginError } from './login-error';
import { expiryHint, tokenSourceOf } from './token-source';

/** kafkajs's `sasl` with a way of one's own. */
interface Exchange {
  request: { encode(): Promise<Buffer> };
  response?: { decode(bytes: Buffer): Promise<Buffer>; parse(bytes: Buffer): Promise<Buffer> };
}

interface AuthenticatorParts {
  saslAuthenticate(exchange: Exchange): Promise<Buffer | undefined>;
}

const SEPARATOR = '\x01';
const LENGTH_BYTES = 4;

export function bearerLogin(login: OauthLogin): object {
  const source = tokenSourceOf(login);
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }: AuthenticatorParts) => ({
      authenticate: async () => {
        const token = await source.token();
        const refusal = await saslAuthenticate({
          request: { encode: async () => framed(firstMessage(token, login.extensions)) },
          response: { decode: async (bytes) => bytes.subarray(LENGTH_BYTES), parse: async (bytes) => bytes },
        });
        if (refusal === undefined || refusal.length === 0) return;
        source.refused();
        // What ends the exchange (RFC 7628, 3.2.3); the broker then closes, which is no news.
        await saslAuthenticate({ request: { encode: async () => framed(SEPARATOR) } }).catch(() => undefined);
        throw loginError('kafka-authentication', refused(login, token, refusal));
      },
    }),
  };
}

function firstMessage(token: string, extensions: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(extensions).map(([name, value]) => `${name}=${value}${SEPARATOR}`);
  return `n,,${SEPARATOR}auth=Bearer ${token}${SEPARATOR}${pairs.join('')}${SEPARATOR}`;
}

/** As kafkajs wants the bytes: with their length. */
function framed(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function refused(login: OauthLogin, token: string, refusal: Buffer): string {
  const status = /"status" *: *"([a-z_]{1,40})"/.exec(refusal.toString())?.[1] ?? 'no reason given';
  const from =
    'tokenFile' in login ? `of ${login.tokenFile}` : `that the token endpoint gave to "${login.clientId}"`;
  const check =
    'tokenFile' in login
      ? 'Check that it is renewed, and its issuer and audience'
      : 'Check sasl.scope, and the issuer and audience';
  return `Kafka refused the token ${from} (${status}).${expiryHint(token)} ${check}, against what the brokers expect.`;
}
