import pino from 'pino';
import { createApp } from '../../src/service/app';
import { EventStreams } from '../../src/service/events';
import { openApi } from '../../src/service/openapi';
import { PARAMETERS } from '../../src/service/parameters';
import { ROUTES } from '../../src/service/routes';
import { NO_SETUP } from '../../src/service/setup';
import { StoreAccess } from '../../src/service/store-access';

interface Operation {
  operationId: string;
  parameters: { name: string; in: string }[];
  requestBody?: object;
  responses: object;
}

interface Description {
  openapi: string;
  paths: Record<string, { get?: Operation; post?: Operation }>;
  components: { schemas: Record<string, { type: string; additionalProperties: boolean }> };
}

const description = openApi('1.2.3') as Description;

/** What express really answers. */
function servedPaths(): string[] {
  const store = new StoreAccess('/nowhere/at/all.db');
  const app = createApp({
    store,
    streams: new EventStreams(store),
    token: null,
    allowedHosts: [],
    lag: null,
    identities: { find: async () => ({ places: [], complete: true }) },
    observers: [],
    reports: null,
    setup: NO_SETUP,
    version: 'x',
    logger: pino({ level: 'silent' }),
  });
  const layers = app.router.stack as { route?: { path: string } }[];
  const paths = layers.flatMap((layer) => (layer.route === undefined ? [] : [layer.route.path]));
  return [...new Set(paths)].map((path) => path.replace(/:(\w+)/g, '{$1}'));
}

test('describes every path that is served, and no other', () => {
  expect(description.openapi).toBe('3.1.0');
  expect(Object.keys(description.paths).sort()).toEqual(servedPaths().sort());
});

test('every parameter of every route stands in it', () => {
  for (const route of ROUTES) {
    const described = description.paths[route.path]?.get?.parameters ?? [];
    expect(described.filter((p) => p.in === 'query').map((p) => p.name)).toEqual(route.query);
    expect(described.filter((p) => p.in === 'path').map((p) => `{${p.name}}`)).toEqual(
      route.path.match(/\{\w+\}/g) ?? [],
    );
  }
  expect(Object.values(PARAMETERS).every((parameter) => parameter.description.length > 0)).toBe(true);
});

test('what is sent is described too', () => {
  for (const path of ['/v1/reports', '/v1/past']) {
    expect(description.paths[path]?.get).toBeUndefined();
    expect(description.paths[path]?.post).toMatchObject({ requestBody: { required: true } });
  }
});

test('every reference leads somewhere, every name is used once', () => {
  const text = JSON.stringify(description);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    expect(Object.keys(description.components.schemas)).toContain(name);
  }
  const ids = Object.values(description.paths).map((path) => (path.get ?? path.post)?.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(text).not.toMatch(/"\$(id|schema)"/);
});

test('answers are closed objects', () => {
  for (const schema of Object.values(description.components.schemas)) {
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
  }
});
