/**
 * The HTTP service: answers from the store what was delivered more than once, to whom and when.
 *
 * A request's way: `security` (Host, body, token) -> `routes` (a table of path, parameters and schema) -> `answers`
 * (the store's rows in the shapes of `schemas`) through `store-access` (one read-only connection that comes and goes
 * with the file) -> `format`. Errors end in `problem`. `events` follows the store, `metrics` reads it at each scrape. `reports` takes the evidence of other hosts to the writer.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import type { Logger } from 'pino';
import { DupescopeError, errorLine } from '../errors';
import { createApp } from './app';
import { EventStreams } from './events';
import { type AskIndex, identitySource } from './identities';
import type { LagSource, Watching } from './lag';
import type { ReportSink } from './reports';
import { checkBinding } from './security';
import { NO_SETUP, type Setup } from './setup';
import { StoreAccess } from './store-access';

export type { AskIndex } from './identities';
export type { LagSource, PartitionLag, Watching } from './lag';
export type { ReportSink } from './reports';
export { NO_SETUP, type Setup } from './setup';

export interface ServiceOptions {
  /** SQLite file; need not exist yet. */
  storePath: string;
  /** Bearer token that every request but /healthz and /readyz needs. */
  token?: string | undefined;
  /** Names that the Host header may carry, besides the loopback ones. */
  allowedHosts: readonly string[];
  /** Answer other machines without a token. Default false. */
  insecureNoToken?: boolean;
  /** Consumer lag; none: no lag is told, and readiness does not wait for it. */
  lag?: LagSource;
  /** What else readiness waits for. */
  observers?: readonly Watching[];
  /** Who writes what other hosts report; none: reports are not taken. */
  reports?: ReportSink;
  /** Asks the process that observes where a message stands; none: the store's log of identities is read. */
  askIndex?: AskIndex;
  /** What it tells of its setup; none: nothing is known. */
  setup?: Setup;
  /** After so long without an event a stream says that it lives. Default 15000. */
  heartbeatMs?: number;
  /** Of Dupescope, for /openapi.json and the summary. */
  version: string;
  logger: Logger;
}

export interface Service {
  app: Express;
  /** Throws 'bad-configuration' when the address may not or cannot be used. Port 0 takes a free one. */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number; url: string }>;
  /** Ends event streams and idle connections at once, requests under way within a second. */
  close(): Promise<void>;
}

const CLOSE_LIMIT_MS = 1_000;
/** How long the log of identities may be read for one request. */
const IDENTITY_LIMIT_MS = 5_000;
/**
 * Bytes of a request's first line and headers. The longest name of a group is 32,767 bytes, 98,301 where each is
 * written as %XX; the rest is for a topic, filters and what a proxy adds. Node's own 16 kB end at a fifth of that.
 */
export const REQUEST_HEAD_MAX = 128 * 1024;

export function createService(options: ServiceOptions): Service {
  const store = new StoreAccess(options.storePath);
  const streams = new EventStreams(store, options.heartbeatMs);
  const token = options.token ?? null;
  const {
    allowedHosts,
    version,
    logger,
    lag = null,
    observers = [],
    reports = null,
    setup = NO_SETUP,
  } = options;
  const app = createApp({
    store,
    identities: identitySource((use) => store.read(use), IDENTITY_LIMIT_MS, options.askIndex),
    streams,
    token,
    allowedHosts,
    lag,
    observers,
    reports,
    setup,
    version,
    logger,
  });
  let server: Server | null = null;

  return {
    app,
    async listen(address) {
      checkBinding(address.host, token, options.insecureNoToken ?? false);
      server = createServer(
        { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: REQUEST_HEAD_MAX },
        app,
      );
      return bound(server, address);
    },
    async close() {
      streams.closeAll();
      if (server?.listening) await closed(server);
      store.close();
    },
  };
}

function bound(server: Server, address: { host: string; port: number }): ReturnType<Service['listen']> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const place = `${address.host}:${address.port}`;
      const text = `listen: ${place} cannot be used: ${whyNot(error)}.`;
      reject(new DupescopeError('bad-configuration', text, { cause: error }));
    });
    server.listen(address.port, address.host, () => {
      const { port } = server.address() as AddressInfo;
      const name = address.host.includes(':') ? `[${address.host}]` : address.host;
      resolve({ host: address.host, port, url: `http://${name}:${port}` });
    });
  });
}

function whyNot(error: Error): string {
  switch ((error as { code?: unknown }).code) {
    case 'EADDRINUSE':
      return 'another program listens there; take another port or end that program';
    case 'EACCES':
      return 'this user may not listen on that port; take one above 1023';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address';
    default:
      return errorLine(error);
  }
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(() => server.closeAllConnections(), CLOSE_LIMIT_MS);
    server.close(() => {
      clearTimeout(limit);
      resolve();
    });
    server.closeIdleConnections();
  });
}
