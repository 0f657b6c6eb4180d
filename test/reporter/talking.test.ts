import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { DupescopeError } from '../../src/errors';
import { REPORT_CHARACTERS_MAX, type Report } from '../../src/journal';
import { Patience } from '../../src/reporter/patience';
import { Reporter } from '../../src/reporter/reporter';
import { ServiceClient } from '../../src/reporter/service-client';
import { journalRoot } from '../../src/store/journal-root';
import { uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { Recorder } from '../support/recorder';

const folder = testFolder('talking');
const servers: Server[] = [];

afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

interface Received {
  at: number;
  bytes: number;
  isPacked: boolean;
  json: string;
  report: Report;
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Takes every report, and keeps it. @param refuse answers in its place while that says true */
function taking(received: Received[], refuse: (count: number) => Record<string, string> | null = () => null) {
  const listener: RequestListener = async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const isPacked = request.headers['content-encoding'] === 'gzip';
    const json = (isPacked ? gunzipSync(body) : body).toString();
    const report = JSON.parse(json) as Report;
    received.push({ at: performance.now(), bytes: body.length, isPacked, json, report });
    const refused = refuse(received.length);
    response.writeHead(refused === null ? 200 : 429, { 'content-type': 'application/json', ...refused });
    response.end(JSON.stringify(refused === null ? { applied: report.to, next: report.to + 1 } : {}));
  };
  return listener;
}

function reporterOf(recorder: Recorder, url: string, caFile: string | null = null) {
  const problems: (DupescopeError | null)[] = [];
  const reporter = new Reporter(
    {
      service: { url, token: null, tokenFile: null, caFile },
      root: journalRoot(recorder.store),
      ownJournal: recorder.journal.id,
      reportEveryMs: 50,
    },
    (seq) => recorder.journal.applied(seq),
    (problem) => problems.push(problem),
  );
  return { reporter, problems };
}

test('the lines of many runs go together, packed, in reports of the allowed size', async () => {
  const received: Received[] = [];
  const port = await listening(createServer(taking(received)));
  const recorder = new Recorder(join(folder, uniqueName('host')), 'group');
  for (let round = 0; round < 6_000; round++) recorder.deliver(0, 5, 9);
  recorder.track(0).leave();
  const { reporter } = reporterOf(recorder, `http://127.0.0.1:${port}`);
  expect(await reporter.flush()).toBe(true);
  reporter.close();

  const lines = received.flatMap(({ report }) => report.lines);
  expect(lines.map(({ seq }) => seq)).toEqual(
    Array.from({ length: recorder.journal.lastSeq }, (_, i) => i + 1),
  );
  expect(lines.filter(({ evidence }) => evidence.t === 'run')).toHaveLength(6_000);
  // More than one report holds, so they are split.
  expect(received.length).toBeGreaterThan(1);
  expect(received.length).toBeLessThan(10);
  for (const { json } of received) expect(json.length).toBeLessThanOrEqual(REPORT_CHARACTERS_MAX);
  const large = received.filter(({ json }) => json.length > 1024);
  expect(large.every(({ isPacked }) => isPacked)).toBe(true);
  for (const { json, bytes } of large) expect(bytes).toBeLessThan(json.length / 4);
  recorder.journal.close(true);
});

test('429 with Retry-After: it comes again, not before that, and nothing is lost', async () => {
  const received: Received[] = [];
  const refuse = (count: number) => (count === 1 ? { 'retry-after': '2' } : null);
  const port = await listening(createServer(taking(received, refuse)));
  const recorder = new Recorder(join(folder, uniqueName('host')), 'group');
  recorder.deliver(0, 0, 9);
  recorder.track(0).leave();
  const { reporter, problems } = reporterOf(recorder, `http://127.0.0.1:${port}`);
  await until('the second report has come', async () => {
    await reporter.turn();
    return received.length > 1;
  });
  reporter.close();
  const [first, second] = received as [Received, Received];
  expect(second.at - first.at).toBeGreaterThan(1_900);
  expect(second.report).toEqual(first.report);
  expect(problems[0]).toMatchObject({
    code: 'service-unreachable',
    message: expect.stringContaining('it answered 429'),
  });
  recorder.journal.close(true);
});

test('Retry-After as a date is understood, and never waited for longer than 75 s', async () => {
  const dates = [new Date(Date.now() + 40_000).toUTCString(), '7', 'nonsense', undefined];
  const answers: (number | null)[] = [];
  const port = await listening(
    createServer((request, response) => {
      request.resume();
      const date = dates.shift();
      response.writeHead(503, date === undefined ? {} : { 'retry-after': date });
      response.end('{}');
    }),
  );
  const client = new ServiceClient({
    url: `http://127.0.0.1:${port}`,
    token: null,
    tokenFile: null,
    caFile: null,
  });
  for (let i = 0; i < 4; i++) answers.push((await client.post('v1/reports', '{}', 20_000)).retryAfterMs);
  client.close();
  expect(answers[0]).toBeGreaterThan(5_000);
  expect(answers.slice(1)).toEqual([7_000, null, null]);
  for (let i = 0; i < 50; i++) {
    const patience = new Patience();
    patience.failed(0, 'away', 10_000);
    expect([patience.mayTry(9_999), patience.mayTry(12_501)]).toEqual([false, true]);
    patience.failed(0, 'away', 3_600_000);
    expect([patience.mayTry(59_999), patience.mayTry(75_001)]).toEqual([false, true]);
    patience.succeeded();
    expect(patience.mayTry(0)).toBe(true);
  }
});

test('TLS: an authority of one’s own is trusted where it is named, and nowhere else', async () => {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const names = ['-subj', '/CN=dupescope', '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'key.pem',
    '-out',
    'ca.pem',
    '-days',
    '2',
    ...names,
  );
  const [key, cert] = ['key.pem', 'ca.pem'].map((name) => readFileSync(join(folder, name)));
  const received: Received[] = [];
  const port = await listening(createSecureServer({ key, cert }, taking(received)) as unknown as Server);
  const recorder = new Recorder(join(folder, uniqueName('host')), 'group');
  recorder.deliver(0, 0, 9);
  const url = `https://127.0.0.1:${port}/behind/a/path`;

  const stranger = reporterOf(recorder, url);
  expect(await stranger.reporter.flush()).toBe(false);
  stranger.reporter.close();
  expect(stranger.problems).toMatchObject([
    { code: 'service-unreachable', message: expect.stringContaining('certificate') },
  ]);
  expect(received).toEqual([]);

  const friend = reporterOf(recorder, url, join(folder, 'ca.pem'));
  expect(await friend.reporter.flush()).toBe(true);
  friend.reporter.close();
  expect(received[0]?.report.lines.length).toBeGreaterThan(3);
  recorder.journal.close(true);
});
