/**
 * Who may ask. Three walls, in this order: the Host header must name this service (a page of another site that
 * points its own name at 127.0.0.1 sends that name: DNS rebinding); a body is needed by few routes, so a large one
 * is refused unread; the bearer token, where one is configured.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { RequestHandler } from 'express';
import helmet from 'helmet';
import { DupescopeError, fail } from '../errors';
import { sendProblem } from './problem';

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
const BODY_MAX_BYTES = 16 * 1024;
/** Probes of an orchestrator and a browser's address line carry no token; these paths tell nothing of the data. */
const WITHOUT_TOKEN = /^\/(healthz|readyz|assets\/[\w.-]+|docs\/(alerts\/)?[\w.-]+)?$/;

/** Headers for every answer: nothing may be loaded, framed or guessed. */
export function headers(): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    // The service speaks plain HTTP; whoever puts TLS in front of it decides about HSTS.
    strictTransportSecurity: false,
    xFrameOptions: { action: 'deny' },
  });
}

/** Loopback names, the allowed ones, and the very address that the connection came to. */
export function hostCheck(allowedHosts: readonly string[]): RequestHandler {
  const allowed = new Set([...LOOPBACK, ...allowedHosts].map((host) => host.toLowerCase()));
  return (request, response, next) => {
    const host = hostOf(request.headers.host ?? '');
    const own = plainAddress(request.socket.localAddress ?? '');
    // An address cannot be rebound; only names can.
    if (allowed.has(host) || (host !== '' && (host === own || host === `[${own}]`))) return next();
    sendProblem(
      request,
      response,
      new DupescopeError(
        'host-refused',
        'The Host header names none of the hosts of this service. Ask by localhost, or add the name to allowedHosts.',
      ),
    );
  };
}

function hostOf(header: string): string {
  return header.toLowerCase().replace(/:\d*$/, '');
}

/** ::ffff:10.0.0.1 is 10.0.0.1 on a socket that listens to both. */
function plainAddress(address: string): string {
  return address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
}

/** @param larger paths that take larger bodies, and how large, in bytes */
export function bodyLimit(larger: Readonly<Record<string, number>>): RequestHandler {
  return (request, response, next) => {
    const limit = Object.hasOwn(larger, request.path) ? (larger[request.path] as number) : BODY_MAX_BYTES;
    const length = Number(request.headers['content-length'] ?? 0);
    const isEndless = request.headers['transfer-encoding'] !== undefined;
    if (length <= limit && !isEndless) return next();
    response.set('Connection', 'close');
    sendProblem(
      request,
      response,
      new DupescopeError(
        'body-too-large',
        `A body here may have ${limit} bytes, and must say how many by Content-Length.`,
      ),
    );
  };
}

export function tokenCheck(token: string | null): RequestHandler {
  if (token === null) return (_request, _response, next) => next();
  const expected = digest(token);
  return (request, response, next) => {
    const given = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
    // Equal lengths by hashing; compared in constant time.
    if (
      WITHOUT_TOKEN.test(request.path) ||
      (given !== undefined && timingSafeEqual(digest(given), expected))
    ) {
      return next();
    }
    const detail =
      given === undefined
        ? 'Send the header "Authorization: Bearer ...".'
        : 'The token is not the right one.';
    sendProblem(request, response, new DupescopeError('unauthorized', detail));
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Throws 'bad-configuration' when other machines could ask without a token. */
export function checkBinding(host: string, token: string | null, insecureNoToken: boolean): void {
  if (token !== null || insecureNoToken || isLoopback(host)) return;
  fail(
    'bad-configuration',
    `listen: ${host} can be reached from other machines, and no token is set. Set DUPESCOPE_TOKEN or --token-file, listen on 127.0.0.1, or say --insecure-no-token.`,
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
