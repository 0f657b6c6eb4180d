import { join } from 'node:path';
import { until } from '../support/broker';
import { ask, type Running, startService } from './running';
import { Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
const storePath = join(folder.path, 'story.db');
let running: Running;
let writer: Seed;

beforeAll(async () => {
  seedStory(storePath);
  writer = new Seed(storePath);
  running = await startService({ storePath });
});
afterAll(async () => {
  await running.service.close();
  writer.close();
  folder.remove();
});

interface Event {
  id: string | undefined;
  event: string;
  data: { first_offset: number; version: number; change: number; group: string };
}

/** Follows the stream until `enough` says so. */
async function follow(query: string, headers: Record<string, string>, enough: (events: Event[]) => boolean) {
  const stop = new AbortController();
  const response = await fetch(`${running.url}/v1/events${query}`, { headers, signal: stop.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events: Event[] = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += decoder.decode(piece, { stream: true });
    const frames = text.split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1];
      const data = field('data');
      if (data === undefined) continue;
      events.push({ id: field('id'), event: field('event') ?? '', data: JSON.parse(data) as Event['data'] });
    }
    if (enough(events)) break;
  }
  stop.abort();
  return events;
}

const redeliveries = (events: Event[]) => events.filter((event) => event.event === 'redelivery');
const place = () => {
  const row = writer.db.prepare('SELECT gp, run FROM redelivery ORDER BY id LIMIT 1').get();
  return row as { gp: number; run: number };
};
const find = (first: number) => {
  const { gp, run } = place();
  writer.redelivery(gp, run, run, { first, last: first, at: Date.now() });
};

test('begins with what is new, and tells it when it is found', async () => {
  let added = false;
  const events = await follow('', {}, (seen) => {
    if (!added && seen.length > 0) {
      added = true;
      find(1_000);
    }
    return redeliveries(seen).length > 0;
  });
  expect(events[0]).toMatchObject({ event: 'ready', id: '4', data: { change: 4 } });
  expect(redeliveries(events)).toMatchObject([{ id: '5', data: { first_offset: 1_000, version: 5 } }]);
});

test('goes on behind Last-Event-ID, whole changes and in order', async () => {
  const events = await follow('', { 'last-event-id': '2' }, (seen) => redeliveries(seen).length >= 3);
  expect(redeliveries(events).map((event) => event.id)).toEqual(['3', '4', '5']);
});

test('after= does the same for clients without that header, and filters leave out', async () => {
  const events = await follow('?after=0&group=billing', {}, (seen) => redeliveries(seen).length >= 4);
  expect(redeliveries(events).map((event) => event.data.version)).toEqual([1, 2, 3, 5]);
  expect(events.every((event) => event.event === 'ready' || event.data.group === 'billing')).toBe(true);
});

test('the id stands on the last event of a change alone', async () => {
  const version = writer.nextVersion();
  const { gp, run } = place();
  writer.db.transaction(() => {
    for (let i = 0; i < 450; i++) {
      writer.row('redelivery', {
        gp,
        run,
        previous_run: run,
        first: 2_000 + i,
        last: 2_000 + i,
        attempt: 2,
        doubt: 0,
        at: Date.now(),
        previous_at: 0,
        version,
      });
    }
  })();
  const events = redeliveries(
    await follow(`?after=${version - 1}`, {}, (seen) => redeliveries(seen).length >= 450),
  );
  expect(events.filter((event) => event.id !== undefined)).toHaveLength(1);
  expect(events.at(-1)?.id).toBe(String(version));
  expect(new Set(events.map((event) => event.data.first_offset)).size).toBe(450);
});

test('an id of another, longer store begins from the first change', async () => {
  const events = await follow('', { 'last-event-id': '999999' }, (seen) => redeliveries(seen).length >= 1);
  expect(redeliveries(events)[0]?.data.version).toBe(1);
});

test('bad ids and too many streams are refused', async () => {
  expect((await ask(running.port, '/v1/events', { headers: { 'last-event-id': 'x' } })).status).toBe(400);
  expect((await ask(running.port, '/v1/events?since=1h')).status).toBe(400);
  const stops = Array.from({ length: 64 }, () => new AbortController());
  await Promise.all(stops.map((stop) => fetch(`${running.url}/v1/events`, { signal: stop.signal })));
  const refused = await ask(running.port, '/v1/events');
  for (const stop of stops) stop.abort();
  expect(refused.status).toBe(503);
  expect(JSON.parse(refused.text)).toMatchObject({
    code: 'too-many-streams',
    detail: '64 event streams are open, more are not served. Close one, or ask /v1/redeliveries.',
  });
  await until('one is let in again', async () => {
    const stop = new AbortController();
    const { status } = await fetch(`${running.url}/v1/events`, { signal: stop.signal });
    stop.abort();
    return status === 200;
  });
});

test('a quiet stream says that it lives, in comments that no client takes for an event', async () => {
  const heartbeatMs = 500;
  const quiet = await startService({ storePath, heartbeatMs });
  const stop = new AbortController();
  try {
    const since = performance.now();
    const response = await fetch(`${quiet.url}/v1/events`, { signal: stop.signal });
    const decoder = new TextDecoder();
    let text = '';
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(piece, { stream: true });
      if (text.split(': still here').length > 3) break;
    }
    expect(text).toMatch(/^retry: 2000\nid: \d+\nevent: ready\ndata: .*\n\n(: still here\n\n){3}$/);
    // Not at every look at the store: those come each 250 ms.
    expect(performance.now() - since).toBeGreaterThan(2.5 * heartbeatMs);
  } finally {
    stop.abort();
    await quiet.service.close();
  }
});
