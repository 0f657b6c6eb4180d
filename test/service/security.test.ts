import { join } from 'node:path';
import pino from 'pino';
import { createService } from '../../src/service';
import { ask, type Running, startService } from './running';
import { seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
const storePath = join(folder.path, 'story.db');
const TOKEN = 'a-token-of-the-test';
let open: Running;
let guarded: Running;

beforeAll(async () => {
  seedStory(storePath);
  open = await startService({ storePath, allowedHosts: ['dupescope.example'] });
  guarded = await startService({ storePath, token: TOKEN });
});
afterAll(async () => {
  await open.service.close();
  await guarded.service.close();
  folder.remove();
});

test.each([
  ['localhost', 200],
  ['LOCALHOST:7475', 200],
  ['127.0.0.1:1', 200],
  ['[::1]:7475', 200],
  ['dupescope.example', 200],
  ['dupescope.example:80', 200],
  ['evil.example', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.evil.example', 403],
  ['10.0.0.1', 403],
])('Host %s: %i', async (host, status) => {
  const answer = await ask(open.port, '/v1/summary', { headers: { host } });
  expect(answer.status).toBe(status);
  if (status === 403) expect(answer.text).toContain('"code":"host-refused"');
});

test.each([
  [undefined, 401],
  ['Bearer wrong', 401],
  [`Basic ${TOKEN}`, 401],
  [`Bearer ${TOKEN}x`, 401],
  [`Bearer ${TOKEN}`, 200],
  [`bearer ${TOKEN}`, 200],
])('Authorization %s: %i', async (authorization, status) => {
  const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
  for (const path of ['/v1/summary', '/v1/status', '/metrics', '/openapi.json']) {
    const answer = await ask(guarded.port, path, { headers });
    expect(answer.status).toBe(status);
    if (status === 401) expect(answer.headers['www-authenticate']).toContain('Bearer');
    expect(answer.text).not.toContain(TOKEN);
  }
});

test('probes and the page, which hold no data, need no token', async () => {
  expect((await ask(guarded.port, '/healthz')).status).toBe(200);
  expect((await ask(guarded.port, '/readyz')).status).toBe(200);
  expect((await ask(guarded.port, '/')).status).toBe(200);
  expect((await ask(guarded.port, '/assets/nothing.js')).status).toBe(404);
});

test('headers allow nothing to be loaded, framed or kept', async () => {
  const { headers } = await ask(open.port, '/v1/summary');
  expect(headers['content-security-policy']).toBe(
    "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  );
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
  expect(headers['x-powered-by']).toBeUndefined();
  expect(headers['access-control-allow-origin']).toBeUndefined();
});

test('a large body is refused unread', async () => {
  const body = 'x'.repeat(20_000);
  const answer = await ask(open.port, '/v1/summary', {
    method: 'POST',
    headers: { 'content-length': '20000' },
    body,
  });
  expect([answer.status, JSON.parse(answer.text).code]).toEqual([413, 'body-too-large']);
  const endless = await ask(open.port, '/v1/summary', {
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked' },
    body,
  });
  expect(endless.status).toBe(413);
});

describe('binding', () => {
  const service = (options: { token?: string; insecureNoToken?: boolean }) =>
    createService({
      storePath,
      allowedHosts: [],
      version: 'x',
      logger: pino({ level: 'silent' }),
      ...options,
    });

  test.each(['0.0.0.0', '::', '192.0.2.1'])('%s is refused without a token', async (host) => {
    await expect(service({}).listen({ host, port: 0 })).rejects.toMatchObject({
      code: 'bad-configuration',
      message: expect.stringContaining('--insecure-no-token'),
    });
  });

  test.each([[{ token: TOKEN }], [{ insecureNoToken: true }]])(
    '0.0.0.0 with %j is taken',
    async (options) => {
      const bound = service(options);
      const { port } = await bound.listen({ host: '0.0.0.0', port: 0 });
      expect((await ask(port, '/healthz')).status).toBe(200);
      await bound.close();
    },
  );

  test('a port that is taken says so', async () => {
    await expect(service({}).listen({ host: '127.0.0.1', port: open.port })).rejects.toMatchObject({
      code: 'bad-configuration',
      message: expect.stringContaining('another program listens there'),
    });
  });
});
