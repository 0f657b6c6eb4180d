/**
 * Where a report's answers come from: the store file, through the very functions of the routes, or a service over
 * HTTP. Both answer what the route's schema says.
 */
import { z } from 'zod';
import { DupescopeError, ERRORS, type ErrorCode, errorLine, fail } from '../errors';
import { identitySource } from '../service/identities';
import { ROUTES, type Route } from '../service/routes';
import { Problem } from '../service/schemas';
import { NO_SETUP } from '../service/setup';
import { openReader } from '../store/open';
import { VERSION } from '../version';

export interface Question {
  /** Id of the route. */
  route: string;
  path: ReadonlyMap<string, string>;
  query: URLSearchParams;
}

export interface ReportSource {
  ask(question: Question): Promise<unknown>;
  close(): void;
}

const ANSWER_LIMIT_MS = 30_000;
/** The log of 100 million identities is read in a few seconds. */
const IDENTITY_LIMIT_MS = 60_000;

export function storeSource(storePath: string): ReportSource {
  const db = openReader(storePath);
  return {
    async ask({ route, path, query }) {
      const context = {
        now: Date.now(),
        lag: null,
        identities: identitySource((use) => db.transaction(use)(db), IDENTITY_LIMIT_MS),
        version: VERSION,
        setup: NO_SETUP,
        problems: () => [],
      };
      const answer = await routeOf(route).answer({ path, query, context });
      return db.transaction(() => answer(db))();
    },
    close: () => db.close(),
  };
}

export function serviceSource(service: string, token: string | null): ReportSource {
  const base = baseOf(service);
  return {
    async ask({ route, path, query }) {
      const url = new URL(base);
      const below = routeOf(route).path.replace(/\{(\w+)\}/g, (_all, name: string) =>
        encodeURIComponent(path.get(name) ?? ''),
      );
      url.pathname = `${url.pathname.replace(/\/$/, '')}${below}`;
      url.search = query.toString();
      return answerOf(base, await request(base, url, token));
    },
    close: () => undefined,
  };
}

function baseOf(service: string): URL {
  const url = URL.canParse(service) ? new URL(service) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    return fail('bad-usage', '--service must be a URL as http://127.0.0.1:7475, without a user name.');
  }
  return url;
}

async function request(base: URL, url: URL, token: string | null): Promise<Response> {
  try {
    return await fetch(url, {
      headers: {
        accept: 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
  } catch (error) {
    const cause = (error as { cause?: { code?: unknown } }).cause?.code;
    const why = typeof cause === 'string' ? cause : errorLine(error);
    return fail(
      'service-unreachable',
      `No Dupescope service answered at ${base.origin} (${why}). Start \`dupescope serve\`, or correct --service.`,
      error,
    );
  }
}

async function answerOf(base: URL, response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok && body !== null) return body;
  const problem = Problem.safeParse(body);
  if (problem.success && isKnown(problem.data.code)) {
    const advice = problem.data.code === 'unauthorized' ? ' Set DUPESCOPE_TOKEN or --token.' : '';
    throw new DupescopeError(problem.data.code, `${problem.data.detail}${advice}`);
  }
  return fail('service-unreachable', notDupescope(base, `status ${response.status}`));
}

function isKnown(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

export function routeOf(id: string): Route {
  const route = ROUTES.find((known) => known.id === id);
  return route ?? fail('internal', `There is no route ${id}.`);
}

/** Checks an answer against its schema: another version's service may say something else. */
export function checked<T>(schema: z.ZodType<T>, answer: unknown): T {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  return fail('service-unreachable', notDupescope(null, 'its answer has another form'));
}

function notDupescope(base: URL | null, why: string): string {
  const where = base === null ? 'What answered' : `What answers at ${base.origin}`;
  return `${where} is not a Dupescope service of version ${VERSION} (${why}). Correct --service, or use that version's command.`;
}

/** A page of such items. */
export function pageOf<T>(item: z.ZodType<T>): z.ZodType<{ items: T[]; next_cursor: string | null }> {
  return z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() });
}
