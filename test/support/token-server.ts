/** An issuer of tokens (RFC 6749, client credentials) on this machine, with its keys (RFC 7517) for the broker. */
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TokenRequest {
  authorization: string;
  form: URLSearchParams;
}

export interface TokenServer {
  tokenUrl: string;
  keysUrl: string;
  /** All that came, in order. */
  requests: TokenRequest[];
  /** Every token that was given. */
  issued: string[];
  /** Answers this instead, while it is set. */
  instead: { status: number; headers?: Record<string, string>; body: string } | null;
  /** Of what is given, as told beside the token. */
  expiresInSeconds: number;
  /** A token of that subject, good for so long. */
  token(subject: string, seconds: number, audience?: string): string;
  close(): Promise<void>;
}

/** @param clients secrets by client id; a token's subject is the client's id */
export async function startTokenServer(clients: ReadonlyMap<string, string>): Promise<TokenServer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }];
  const token = (subject: string, seconds: number, audience = 'kafka') => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { sub: subject, aud: audience, iat: now - 300, exp: now + seconds, jti: randomUUID() };
    const parts = [
      { alg: 'RS256', typ: 'JWT', kid: 'one' },
      { ...claims, scope: 'kafka' },
    ];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`;
  };
  const found: TokenServer = {
    ...{ tokenUrl: '', keysUrl: '', requests: [], issued: [], instead: null, expiresInSeconds: 3_600, token },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const answer = (request: TokenRequest): [status: number, body: object] => {
    if (request.form.get('grant_type') !== 'client_credentials')
      return [400, { error: 'unsupported_grant_type' }];
    const [id, secret] = Buffer.from(request.authorization.replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':')
      .map((part) => new URLSearchParams(`v=${part}`).get('v') ?? '');
    if (id === undefined || clients.get(id) !== secret) return [401, { error: 'invalid_client' }];
    if (request.form.get('scope') === 'unknown') return [400, { error: 'invalid_scope' }];
    const value = token(id, 3_600);
    found.issued.push(value);
    return [200, { access_token: value, token_type: 'Bearer', expires_in: found.expiresInSeconds }];
  };
  const server = createServer(async (request, response) => {
    if (request.url === '/keys') return void response.end(JSON.stringify({ keys }));
    const form = new URLSearchParams(await textOf(request));
    const asked = { authorization: request.headers.authorization ?? '', form };
    found.requests.push(asked);
    if (found.instead !== null) {
      return void response.writeHead(found.instead.status, found.instead.headers).end(found.instead.body);
    }
    const [status, body] = answer(asked);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  found.tokenUrl = `${origin}/token`;
  found.keysUrl = `${origin}/keys`;
  return found;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
}
