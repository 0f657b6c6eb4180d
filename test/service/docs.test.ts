/** Where alerts lead: the pages of docs/, by the service itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALERTS, pageOf } from '../../dashboards/src/alerts';
import { ask, type Running, startService } from './running';
import { seedStory, temporaryFolder } from './seed';

const DOCS = join(__dirname, '../../docs');
const folder = temporaryFolder();
let guarded: Running;

beforeAll(async () => {
  const storePath = join(folder.path, 'story.db');
  seedStory(storePath);
  guarded = await startService({ storePath, token: 'a-token-of-the-test' });
});
afterAll(async () => {
  await guarded.service.close();
  folder.remove();
});

test.each(ALERTS.map((alert) => pageOf(alert)))('the page of %s is shown, without a token', async (page) => {
  const answer = await ask(guarded.port, `/docs/alerts/${page}.md`);
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
  expect(answer.text).toBe(readFileSync(join(DOCS, `alerts/${page}.md`), 'utf8'));
});

test('what those pages lead to is there too', async () => {
  let led = 0;
  for (const page of readdirSync(join(DOCS, 'alerts'))) {
    const at = new URL(`/docs/alerts/${page}`, guarded.url);
    for (const [, to] of readFileSync(join(DOCS, 'alerts', page), 'utf8').matchAll(/\]\(([^)#]+)/g)) {
      const { pathname } = new URL(to as string, at);
      // The benchmarks are not in the package.
      if (pathname === '/bench/README.md') continue;
      expect([pathname, (await ask(guarded.port, pathname)).status]).toEqual([pathname, 200]);
      led++;
    }
  }
  expect(led).toBeGreaterThan(ALERTS.length);
});

test.each([
  '/docs/nothing.md',
  '/docs/page',
  '/docs/alerts/..%2F..%2Fpackage.json',
  '/docs/..%2Fpackage.json',
  '/docs/..%2FREADME.md',
  '/docs/constructor',
])('%s: there is nothing', async (path) => {
  const headers = { authorization: 'Bearer a-token-of-the-test' };
  const answer = await ask(guarded.port, path, { headers });
  expect([answer.status, answer.headers['content-type']]).toEqual([
    404,
    expect.stringContaining('application/problem+json'),
  ]);
});
