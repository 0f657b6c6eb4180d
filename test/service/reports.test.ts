import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Report } from '../../src/journal';
import { startWriter, type WriterClient } from '../../src/store/writer-client';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';
import { ask, json, type Running, startService } from './running';

const folder = testFolder('reports');
const TOKEN = 'token-of-the-reports';
let writer: WriterClient;
let running: Running;

beforeAll(async () => {
  const storePath = join(folder, 'ledger.db');
  writer = await startWriter({ storePath });
  running = await startService({ storePath, reports: writer, token: TOKEN });
  await until('the writer has made its store', () =>
    ask(running.port, '/readyz').then(({ status }) => status === 200),
  );
});
afterAll(async () => {
  await running.service.close();
  await writer.close();
});

type Lines = { seq: number; evidence: object }[];

function report(journal: string, more: object = {}, group = 'g'): Omit<Report, 'lines'> & { lines: Lines } {
  const at = Date.now();
  const run = { t: 'run', run: 1, track: 0, member: -1, first: 0, last: 9, handled: 10, uncertainLast: 9 };
  const facts = [
    {
      t: 'session',
      session: 1,
      key: journal,
      group,
      host: 'far',
      pid: 7,
      bootId: '',
      at,
      version: '0',
      settings: {},
    },
    { t: 'cluster', session: 1, clusterId: 'c' },
    { t: 'topic', topic: 2, name: 'orders', topicId: null },
    { t: 'track', track: 0, session: 1, topic: 2, partition: 0 },
    { ...run, firstAt: at, lastAt: at, outcome: 'handled' },
  ];
  return {
    version: 1,
    journal,
    owner: { host: 'far', bootId: '', pidNamespace: '', pid: 7, pidStart: '' },
    begins: true,
    from: 1,
    to: facts.length,
    lines: facts.map((evidence, i) => ({ seq: i + 1, evidence })),
    slots: [],
    died: false,
    ...more,
  };
}

interface Answer {
  status: number;
  body: { code?: string; detail?: string; applied?: number; next?: number };
}

async function post(
  body: string | Uint8Array | object,
  headers: Record<string, string> = {},
  path = '/v1/reports',
): Promise<Answer> {
  const isPlain = typeof body === 'object' && !(body instanceof Uint8Array);
  const response = await fetch(`${running.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: isPlain ? JSON.stringify(body) : (body as string | Uint8Array<ArrayBuffer>),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function summary(): Promise<{ deliveries: number; redeliveries: number; dropped_events: number }> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return JSON.parse((await ask(running.port, '/v1/summary', { headers })).text);
}

test('is durable when it is answered; the same again changes nothing', async () => {
  const before = await summary();
  const one = report('once');
  const packed = gzipSync(JSON.stringify(one));
  for (let i = 0; i < 3; i++) {
    expect(await post(packed, { 'content-encoding': 'gzip' })).toEqual({
      status: 200,
      body: { applied: 5, next: 6 },
    });
    expect((await summary()).deliveries).toBe(before.deliveries + 10);
  }
  expect((await post({ ...one, died: true })).body).toEqual({ applied: 5, next: 6 });
  expect((await post({ ...one, died: true })).status).toBe(200);
  expect((await summary()).deliveries).toBe(before.deliveries + 10);
});

test('one that others must come before is refused', async () => {
  const before = await summary();
  const { lines, ...rest } = report('gap');
  const second = { ...rest, begins: false, from: 4, to: 5, lines: lines.slice(3) };
  expect(await post(second)).toMatchObject({ status: 409, body: { code: 'report-gap' } });
  expect((await post({ ...rest, to: 2, lines: lines.slice(0, 2) })).body.next).toBe(3);
  expect((await post(second)).status).toBe(409);
  expect((await summary()).deliveries).toBe(before.deliveries);
  expect((await post({ ...rest, begins: false, from: 3, to: 3, lines: lines.slice(2, 3) })).status).toBe(200);
  expect((await post(second)).body).toEqual({ applied: 5, next: 6 });
  expect((await summary()).deliveries).toBe(before.deliveries + 10);
});

test('of a newer version: what is not known is left out and counted, the rest is taken', async () => {
  const before = await summary();
  const one = report('newer', { mood: 'good' });
  const lines: Lines = [
    ...one.lines.map(({ seq, evidence }) => ({ seq, evidence: { ...evidence, added: 1 } })),
    { seq: 6, evidence: { t: 'toString', of: 'tomorrow' } },
    { seq: 7, evidence: { t: 'weather' } },
  ];
  for (let i = 0; i < 2; i++) {
    expect(await post({ ...one, to: 7, lines })).toEqual({ status: 200, body: { applied: 7, next: 8 } });
  }
  const after = await summary();
  expect(after.deliveries).toBe(before.deliveries + 10);
  expect(after.dropped_events).toBe(before.dropped_events + 2);
});

test('bodies too large are refused, before and after decompression', async () => {
  const before = await summary();
  const large = await ask(running.port, '/v1/reports', {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-length': String(2 * 1024 * 1024) },
  });
  expect([large.status, JSON.parse(large.text).code]).toEqual([413, 'body-too-large']);
  const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024), { level: 9 });
  expect(bomb.length).toBeLessThan(1024 * 1024);
  const memory = process.memoryUsage().rss;
  expect(await post(bomb, { 'content-encoding': 'gzip' })).toMatchObject({
    status: 413,
    body: { code: 'body-too-large', detail: expect.stringContaining('decompressed') },
  });
  expect(process.memoryUsage().rss - memory).toBeLessThan(100 * 1024 * 1024);
  const chunked = await ask(running.port, '/v1/reports', {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'transfer-encoding': 'chunked' },
    body: '{}',
  });
  expect(chunked.status).toBe(413);
  expect(await summary()).toMatchObject({ deliveries: before.deliveries });
});

const run = (report('x').lines[4] as Lines[number]).evidence;
const withRun = (change: object) => {
  const one = report('invalid');
  return { ...one, lines: [...one.lines.slice(0, 4), { seq: 5, evidence: { ...run, ...change } }] };
};

test.each<[string, string | object, string]>([
  ['no JSON', '{"version":1,', 'not JSON'],
  ['an array', '[]', 'The body'],
  ['another version', { ...report('invalid'), version: 2 }, 'version'],
  ['a journal that is a path', { ...report('invalid'), journal: '../../etc' }, 'journal'],
  ['lines out of order', { ...report('invalid'), lines: report('x').lines.reverse() }, 'numbered upwards'],
  ['lines beyond its end', { ...report('invalid'), to: 3 }, 'numbered upwards'],
  ['an end before its beginning', { ...report('invalid'), from: 9, to: 3, lines: [] }, 'numbered upwards'],
  ['a negative offset', withRun({ first: -1 }), 'lines[4].evidence.first'],
  ['an offset of 2^53', withRun({ last: 2 ** 53 }), 'lines[4].evidence.last'],
  ['a run backwards', withRun({ first: 20 }), 'lines[4].evidence'],
  ['a run without end', withRun({ last: 1e9, uncertainLast: 1e9 }), 'lines[4].evidence'],
  ['more handled than delivered', withRun({ handled: 30 }), 'lines[4].evidence'],
  ['a text for a number', withRun({ firstAt: 'now' }), 'lines[4].evidence.firstAt'],
  ['a prototype for an object', '{"__proto__":{"version":1}}', 'version'],
])('%s: 400, and nothing is written', async (_what, body, detail) => {
  const before = await summary();
  const answer = await post(body);
  expect(answer).toMatchObject({ status: 400, body: { code: 'bad-report' } });
  expect(answer.body.detail).toContain(detail);
  expect(await summary()).toMatchObject({ deliveries: before.deliveries });
});

test('what a page of another site may send without being asked is refused', async () => {
  const text = { 'content-type': 'text/plain' };
  expect(await post(report('site'), text)).toMatchObject({ status: 400, body: { code: 'bad-report' } });
  const asked = await fetch(`${running.url}/v1/reports`, { method: 'OPTIONS' });
  expect(asked.headers.get('access-control-allow-origin')).toBeNull();
  expect(await post('x', { 'content-encoding': 'br' })).toMatchObject({ status: 400 });
  expect(await post('no gzip', { 'content-encoding': 'gzip' })).toMatchObject({ status: 400 });
});

test('the token is asked for before the body is read', async () => {
  for (const path of ['/v1/reports', '/v1/past']) {
    expect(await post('not even JSON', { authorization: 'Bearer wrong' }, path)).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
    });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const got = await ask(running.port, path, { headers });
    expect([got.status, got.headers.allow]).toEqual([405, 'POST']);
  }
});

test('the past of a partition, and who of the group is silent', async () => {
  const group = 'past-of';
  const question = {
    journal: 'me',
    clusterId: 'c',
    group,
    topic: 'orders',
    topicId: null,
    partition: 0,
    from: 4,
  };
  const past = () => post(question, {}, '/v1/past');
  const spoken = report('past-of', {}, group);
  let answer: Answer | undefined;
  // Silence begins 3 s after the last word, and a busy machine may be as slow with the next request.
  await until('one that has just spoken is not silent', async () => {
    await post(spoken);
    answer = await past();
    return (answer.body as { silent?: number }).silent === 0;
  });
  expect(answer).toMatchObject({ status: 200, body: { cut: false, others: 1, silent: 0 } });
  expect(answer?.body).toHaveProperty('stretches.0', expect.objectContaining({ first: 4, last: 9 }));
  await until('it is silent', async () => ((await past()).body as { silent?: number }).silent === 1);
  expect(await post({ ...question, from: -1 }, {}, '/v1/past')).toMatchObject({ status: 400 });
});

test('a service that only reads takes none', async () => {
  const reading = await startService({ storePath: join(folder, 'ledger.db') });
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(report('none'));
  const answer = await ask(reading.port, '/v1/reports', { method: 'POST', headers, body });
  expect(answer.status).toBe(404);
  expect(await json(reading.port, '/v1/summary')).toHaveProperty('deliveries');
  await reading.service.close();
});
