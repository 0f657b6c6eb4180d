/**
 * A token by OAuth 2.0's client credentials grant (RFC 6749, 4.4). Id and secret go in the Authorization header, as
 * every server must take them (2.3.1). Nothing that the server says is repeated but its error code: it may hold what
 * it was sent.
 */
import type { EndpointLogin } from '../../config';
import { errorLine } from '../../errors';
import { loginError } from './login-error';
import { claimsOf, isBearer } from './token';

/** Within kafkajs's own limit of an authentication. */
const LIMIT_MS = 5_000;

export interface IssuedToken {
  value: string;
  /** Unix ms; null where neither the answer nor the token itself tells. */
  expiresAt: number | null;
}

/** Throws 'kafka-authentication' or 'token-endpoint', one line that says what to check. */
export async function tokenFromEndpoint(login: EndpointLogin): Promise<IssuedToken> {
  const where = endpointOf(login);
  const asked = Date.now();
  const { status, body } = await answerOf(login, where);
  const { access_token: value, expires_in: seconds, error } = body;
  if (status >= 300 && status < 400) {
    throw loginError(
      'token-endpoint',
      `The token endpoint ${where} answers ${status}, elsewhere. Secrets are not sent on: set sasl.tokenUrl to where it leads.`,
    );
  }
  if (status !== 200) throw refusal(login, where, status, error);
  if (!isBearer(value)) {
    throw loginError(
      'token-endpoint',
      `The token endpoint ${where} answered without an access_token. Check sasl.tokenUrl: it is the address of tokens, not the issuer's.`,
    );
  }
  const lifeMs = typeof seconds === 'number' || typeof seconds === 'string' ? Number(seconds) * 1_000 : NaN;
  return { value, expiresAt: lifeMs > 0 ? asked + lifeMs : claimsOf(value).expiresAt };
}

async function answerOf(
  login: EndpointLogin,
  where: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const { tokenUrl, clientId, clientSecret, scope } = login;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  const credentials = Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64');
  try {
    const response = await fetch(tokenUrl, {
      method: 'POST',
      headers: { accept: 'application/json', authorization: `Basic ${credentials}` },
      body: form,
      redirect: 'manual',
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return { status: response.status, body: objectOf(await response.text()) };
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } };
    const late = (error as { name?: unknown }).name === 'TimeoutError';
    const why = late
      ? `no answer within ${LIMIT_MS / 1_000} s`
      : typeof cause?.code === 'string'
        ? cause.code
        : errorLine(error);
    throw loginError(
      'token-endpoint',
      `The token endpoint ${where} cannot be reached (${why}). Check sasl.tokenUrl, that it can be reached from here and, for TLS, that its certificate is trusted (NODE_EXTRA_CA_CERTS).`,
    );
  }
}

function refusal(login: EndpointLogin, where: string, status: number, error: unknown): Error {
  const code = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? `${status} ${error}` : `${status}`;
  if (error === 'invalid_scope') {
    return loginError(
      'kafka-authentication',
      `The token endpoint ${where} refused the scope (${code}). Check sasl.scope.`,
    );
  }
  if (status === 400 || status === 401 || status === 403) {
    return loginError(
      'kafka-authentication',
      `The token endpoint ${where} refused the client "${login.clientId}" (${code}). Check sasl.clientId and its secret (DUPESCOPE_SASL_CLIENT_SECRET or sasl.clientSecretFile), and that client credentials are allowed to it.`,
    );
  }
  return loginError(
    'token-endpoint',
    `The token endpoint ${where} answered ${code}. Check sasl.tokenUrl, or what its server says.`,
  );
}

/** Without its query, which may hold a secret. */
function endpointOf({ tokenUrl }: EndpointLogin): string {
  const { origin, pathname } = new URL(tokenUrl);
  return `${origin}${pathname}`;
}

/** RFC 6749, appendix B: a secret with a colon or a percent sign must not change the header's meaning. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
