import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ask, type Running, startService } from '../service/running';
import { temporaryFolder } from '../service/seed';

const PAGE = resolve(__dirname, '../../dist/page');
/** Of the issue. */
const BUDGET_BYTES = 150_000;

const folder = temporaryFolder();
let running: Running;

beforeAll(async () => {
  running = await startService({ storePath: join(folder.path, 'none.db') });
});
afterAll(async () => {
  await running.service.close();
  folder.remove();
});

const files = readdirSync(PAGE, { recursive: true, encoding: 'utf8' }).filter((name) => /\.\w+$/.test(name));

test('the whole page is small', () => {
  const total = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(PAGE, name))).length, 0);
  expect(total).toBeGreaterThan(20_000);
  expect(total).toBeLessThan(BUDGET_BYTES);
});

test('it holds nothing inline and loads nothing from elsewhere', () => {
  const index = readFileSync(join(PAGE, 'index.html'), 'utf8');
  expect(index).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)/i);
  for (const [, address] of index.matchAll(/(?:src|href)="([^"]*)"/g)) expect(address).toMatch(/^\/assets\//);
  const style = files
    .filter((name) => name.endsWith('.css'))
    .map((name) => readFileSync(join(PAGE, name), 'utf8'));
  expect(style.join('')).not.toMatch(/@import|url\((?!#)/);
});

test('it is served under a policy of its own, without a token, packed where that is taken', async () => {
  const { text, headers } = await ask(running.port, '/');
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(String(headers['content-security-policy']).split(';')).toEqual([
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ]);
  const script = /src="([^"]*\.js)"/.exec(text)?.[1] ?? '';
  const plain = await ask(running.port, script);
  expect(plain.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'private, max-age=31536000, immutable',
  });
  const packed = await fetch(`${running.url}${script}`, { headers: { 'accept-encoding': 'gzip' } });
  expect(packed.headers.get('content-encoding')).toBe('gzip');
  expect(await packed.text()).toBe(plain.text);
});

test.each(['/assets/nothing.js', '/assets/..%2findex.html', '/assets/%2e%2e%2f%2e%2e%2fpackage.json'])(
  '%s is not there',
  async (path) => {
    expect((await ask(running.port, path)).status).toBe(404);
  },
);
