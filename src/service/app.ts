/** The express app: walls first, then the routes of the table, then the few that answer something else. */
import express, { type Express, type Request, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import { DupescopeError, errorLine, fail } from '../errors';
import { fileFacts } from '../store/queries';
import type { AnswerContext } from './answers';
import { DocFiles } from './doc-files';
import type { EventStreams } from './events';
import { CONTENT_TYPES, toCsv, toNdjson } from './format';
import type { IdentitySource } from './identities';
import type { LagSource, Watching } from './lag';
import { Metrics } from './metrics';
import { openApi } from './openapi';
import { PageFiles } from './page-files';
import { readQuery, searchOf } from './parameters';
import { problemHandler } from './problem';
import { pastHandler, REPORT_MAX_BYTES, type ReportSink, reportHandler } from './reports';
import { type ListRoute, ROUTES, type Route } from './routes';
import type { Health } from './schemas';
import { bodyLimit, headers, hostCheck, tokenCheck } from './security';
import type { Setup } from './setup';
import type { StoreAccess } from './store-access';

export interface AppParts {
  store: StoreAccess;
  identities: IdentitySource;
  streams: EventStreams;
  token: string | null;
  allowedHosts: readonly string[];
  lag: LagSource | null;
  observers: readonly Watching[];
  /** Null: reports are not taken. */
  reports: ReportSink | null;
  setup: Setup;
  version: string;
  logger: Logger;
}

export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.set('case sensitive routing', true);
  app.use(
    headers(),
    hostCheck(parts.allowedHosts),
    bodyLimit({ '/v1/reports': REPORT_MAX_BYTES }),
    tokenCheck(parts.token),
    uncached,
  );
  for (const route of ROUTES) get(app, route.path, answering(parts, route));
  for (const [path, handler] of others(parts)) get(app, path, handler);
  answer(app, 'post', '/v1/reports', reportHandler(parts.reports));
  answer(app, 'post', '/v1/past', pastHandler(parts.reports));
  app.use((request) => {
    fail('not-found', `There is nothing at ${request.path.slice(0, 100)}. GET / lists the routes.`);
  });
  app.use(problemHandler(parts.logger));
  return app;
}

function get(app: Express, path: string, handler: RequestHandler): void {
  answer(app, 'get', path, handler);
}

function answer(app: Express, method: 'get' | 'post', path: string, handler: RequestHandler): void {
  const pattern = path.replace(/\{(\w+)\}/g, ':$1');
  app[method](pattern, handler);
  app.all(pattern, (request, response) => {
    response.set('Allow', method === 'get' ? 'GET, HEAD' : 'POST');
    fail('method-not-allowed', `${request.method} is not answered here. Use ${method.toUpperCase()}.`);
  });
}

const uncached: RequestHandler = (_request, response, next) => {
  response.set('Cache-Control', 'no-store');
  next();
};

function contextOf(parts: AppParts): AnswerContext {
  return {
    now: Date.now(),
    lag: parts.lag,
    identities: parts.identities,
    version: parts.version,
    setup: parts.setup,
    problems: () => problemsOf(parts),
  };
}

function answering(parts: AppParts, route: Route): RequestHandler {
  return async (request, response) => {
    const path = new Map(Object.entries(request.params).map(([name, value]) => [name, String(value)]));
    const query = searchOf(request.url);
    const call = { path, query, context: contextOf(parts) };
    if (route.kind === 'object') {
      response.json(parts.store.read(await route.answer(call)));
    } else {
      sendList(parts, route, query, response, route.answer(call));
    }
  };
}

function sendList(
  parts: AppParts,
  route: ListRoute,
  query: URLSearchParams,
  response: Response,
  answer: ReturnType<ListRoute['answer']>,
): void {
  const asked = query.get('format');
  const { format } = readQuery(['format'], new URLSearchParams(asked === null ? [] : [['format', asked]]));
  const page = parts.store.read(answer);
  if (page.next_cursor !== null) {
    const next = new URLSearchParams(query);
    next.set('cursor', page.next_cursor);
    response.set('Link', `<${route.path}?${next}>; rel="next"`);
  }
  response.set('Content-Type', CONTENT_TYPES[format]);
  if (format === 'json') response.send(JSON.stringify(page));
  else response.send(format === 'csv' ? toCsv(route.schema, page.items) : toNdjson(page.items));
}

/** What is neither an object nor a list of the table. */
function others(parts: AppParts): [string, RequestHandler][] {
  const metrics = new Metrics(parts.logger, parts.observers);
  const description = openApi(parts.version);
  const page = new PageFiles();
  const docs = new DocFiles();
  const plain =
    (handler: (request: Request, response: Response) => void | Promise<void>): RequestHandler =>
    (request, response) => {
      readQuery([], searchOf(request.url));
      return handler(request, response);
    };
  return [
    // HEAD would never end.
    [
      '/v1/events',
      (request, response) =>
        request.method === 'HEAD' ? void response.end() : parts.streams.serve(request, response),
    ],
    [
      '/metrics',
      plain(async (request, response) => {
        const accept = request.headers.accept ?? '';
        const text = parts.store.read((db) => metrics.scrape(db, accept, contextOf(parts)));
        response.set('Content-Type', text.type);
        response.send(await text.body());
      }),
    ],
    [
      '/healthz',
      plain((_request, response) => void response.json({ status: 'ok', problems: [] } satisfies Health)),
    ],
    ['/readyz', plain((_request, response) => sendReadiness(parts, response))],
    ['/openapi.json', plain((_request, response) => void response.json(description))],
    ['/', plain((request, response) => page.sendIndex(request, response))],
    ['/assets/{name}', plain((request, response) => page.sendAsset(request, response))],
    ['/docs/{name}', plain(({ params }, response) => docs.send(String(params.name), response))],
    ['/docs/alerts/{name}', plain(({ params }, response) => docs.send(`alerts/${params.name}`, response))],
  ];
}

function sendReadiness(parts: AppParts, response: Response): void {
  const problems = problemsOf(parts);
  const status = problems.length === 0 ? 'ok' : 'failing';
  response.status(problems.length === 0 ? 200 : 503).json({ status, problems } satisfies Health);
}

/** Why it is not ready, a line each. */
function problemsOf({ store, lag, observers }: AppParts): string[] {
  const problems: string[] = [];
  try {
    store.read(fileFacts);
  } catch (error) {
    problems.push(error instanceof DupescopeError ? errorLine(error) : 'The store cannot be read.');
  }
  if (lag !== null && !lag.ready()) problems.push(lag.problem() ?? 'Consumer lag has not been read yet.');
  for (const observer of observers) {
    if (observer.ready()) continue;
    const problem = observer.problem() ?? 'Topics are still being read.';
    // A cluster that cannot be reached is told once, not by each that watches it.
    if (!problems.some((told) => told.includes(problem))) problems.push(problem);
  }
  return problems;
}
