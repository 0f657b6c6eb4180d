/**
 * What `npm run smoke:grafana` says of a Grafana that has everything, and of ones that have not. The server here answers
 * as Grafana does; against a real one it is run by hand (docs/grafana.md).
 */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ALERTS } from '../../dashboards/src/alerts';
import { dashboards } from './dashboards';

const ROOT = join(__dirname, '../..');

interface Shape {
  sources: string[];
  plugins: string[];
  rules: { name: string; health: string; lastError?: string }[];
  /** What who has not logged in may do; null: nothing. */
  anybody?: Record<string, boolean> | null;
  /** Values of a target (of labels: of what they match), or an error. */
  answer: (target: { expr?: string; queryText?: string; label?: string }) => number | string;
}

const WELL: Shape = {
  sources: ['dupescope-prometheus', 'dupescope-traces', 'dupescope-store', 'dupescope-attached'],
  plugins: ['prometheus', 'tempo', 'frser-sqlite-datasource'],
  rules: ALERTS.map(({ name }) => ({ name: `Dupescope${name}`, health: 'ok' })),
  answer: () => 3,
};

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

const ADMIN = `Basic ${Buffer.from('admin:admin').toString('base64')}`;

async function grafana({ sources, plugins, rules, anybody = null, answer }: Shape): Promise<string> {
  const boards = new Map(
    dashboards().map((board) => [`/api/dashboards/uid/${board.uid}`, { dashboard: board }]),
  );
  const server = createServer(async (request, response) => {
    const url = request.url ?? '';
    const body = await text(request);
    const send = (value: unknown, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    const { authorization } = request.headers;
    if (authorization === undefined && anybody !== null) {
      if (url === '/api/access-control/user/actions') return send(anybody);
      if (boards.has(url)) return send(boards.get(url));
    }
    if (authorization !== 'Bearer secret' && authorization !== ADMIN)
      return send({ message: 'Unauthorized' }, 401);
    if (url === '/api/health') return send({ version: '13.2.0' });
    if (url === '/api/datasources') return send(sources.map((uid) => ({ uid })));
    if (url === '/api/plugins?type=datasource') return send(plugins.map((id) => ({ id })));
    if (url === '/api/prometheus/grafana/api/v1/rules') return send({ data: { groups: [{ rules }] } });
    if (boards.has(url)) return send(boards.get(url));
    const labels = /^\/api\/datasources\/uid\/dupescope-prometheus\/resources\/api\/v1\/label\/\w+\/values\?/;
    if (labels.test(url)) {
      const asked = new URL(url, 'http://grafana').searchParams;
      const expr = asked.get('match[]') ?? '$';
      const isWhole = Number(asked.get('start')) > 0 && Number(asked.get('end')) > 0;
      if (expr.includes('$') || !isWhole) return send({ message: 'something is left out' }, 400);
      const given = answer({ expr, label: /label\/(\w+)\//.exec(url)?.[1] ?? '' });
      if (typeof given === 'string') return send({ message: given }, 502);
      return send({ status: 'success', data: Array.from({ length: given }, (_, i) => `name ${i}`) });
    }
    if (url !== '/api/ds/query') return send({ message: 'not found' }, 404);
    const [query] = (JSON.parse(body) as { queries: { refId: string; expr?: string; queryText?: string }[] })
      .queries;
    if (query === undefined) return send({ message: 'no query' }, 400);
    // A browser has put everything in by now.
    if (/\$/.test(query.expr ?? query.queryText ?? '$')) return send({ message: 'a variable is left' }, 400);
    const given = answer(query);
    const result =
      typeof given === 'string'
        ? { error: given }
        : { frames: [{ data: { values: [Array.from({ length: given }, (_, i) => i)] } }] };
    send({ results: { [query.refId]: result } });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function smoke(url: string, token = 'secret'): Promise<{ code: number | null; said: string }> {
  const child = spawn(
    process.execPath,
    ['--require', './test/chaos/register.js', 'dashboards/src/smoke.ts'],
    { cwd: ROOT, env: { PATH: process.env.PATH, GRAFANA_URL: url, GRAFANA_TOKEN: token } },
  );
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, said: out + errors };
}

test('everything is there and answers', async () => {
  const { code, said } = await smoke(await grafana(WELL));
  for (const asked of [
    'Overview, variable group',
    'Evidence, variable cluster',
    'Overview, annotation Rewinds A',
  ]) {
    expect(said).toContain(`ok    data     Dupescope / ${asked}\n`);
  }
  expect(said).toMatch(/(\d+) targets: \1 data, 0 no data, 0 error, 0 not run; 0 missing\n$/);
  expect(code).toBe(0);
});

test('without the SQLite plugin its targets are not run, and that is said', async () => {
  const { code, said } = await smoke(await grafana({ ...WELL, plugins: ['prometheus', 'tempo'] }));
  expect(said).toContain(
    'not run  Dupescope / Evidence, Incidents A: the plugin frser-sqlite-datasource is not installed',
  );
  // Six panels and three variables.
  expect(said).toMatch(/0 error, 9 not run; 0 missing\n$/);
  expect(code).toBe(0);
});

test('errors, empty panels, and what was not provisioned', async () => {
  const shape: Shape = {
    ...WELL,
    sources: ['dupescope-prometheus'],
    rules: WELL.rules
      .slice(1)
      .map((rule, i) => (i === 0 ? { ...rule, health: 'error', lastError: 'bad' } : rule)),
    answer: ({ expr = '', queryText = '', label = '' }) => {
      if (expr.includes('store_bytes') || label === 'topic') return 'cannot reach it';
      if (queryText.startsWith('SELECT DISTINCT "group"')) return 'no such view';
      // Rewinds are marked where there were some.
      return /sessions|sum by \(cluster, group, topic, cause\) \(increase\(dupescope_rewinds/.test(expr) ||
        label === 'group'
        ? 0
        : 1;
    },
  };
  const { code, said } = await smoke(await grafana(shape));
  expect(said).toContain('MISSING  data source dupescope-store');
  expect(said).toContain('MISSING  alert rule redelivery-ratio');
  expect(said).toContain('MISSING  alert rule exposure-growing: bad');
  expect(said).toContain('FAIL  error    Dupescope / Overview, Store A: cannot reach it');
  expect(said).toContain('FAIL  no data  Dupescope / Overview, Living consumers A');
  expect(said).toContain('FAIL  error    Dupescope / Overview, variable topic: 502');
  expect(said).toContain('FAIL  no data  Dupescope / Overview, variable group');
  expect(said).toContain('FAIL  error    Dupescope / Evidence, variable group: no such view');
  expect(said).toContain('ok    no data  Dupescope / Overview, annotation Rewinds A');
  expect(code).toBe(1);
});

test('with no credentials given, what is open to who has not logged in', async () => {
  const open = { 'dashboards:read': true, 'datasources:explore': true };
  const [editor, viewer, nobody] = await Promise.all(
    [open, { 'dashboards:read': true }, null].map(async (anybody) =>
      smoke(await grafana({ ...WELL, anybody }), ''),
    ),
  );
  expect(editor?.said).toMatch(/0 error, 0 not run; 0 missing\n$/);
  expect(editor?.code).toBe(0);
  expect(viewer?.said).toContain('MISSING  without a login: Explore');
  expect(viewer?.said).toMatch(/; 1 missing\n$/);
  expect(viewer?.code).toBe(1);
  expect(nobody?.said).toContain('MISSING  without a login: dashboard dupescope-overview');
  expect(nobody?.said).toMatch(/; 3 missing\n$/);
});

test('no Grafana, or one that refuses', async () => {
  const refused = await smoke(await grafana(WELL), 'wrong');
  expect(refused.said).toContain('401');
  expect(refused.code).toBe(2);
  expect((await smoke('http://127.0.0.1:1')).code).toBe(2);
});
