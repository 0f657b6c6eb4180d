import { join } from 'node:path';
import { type IdentityRules, RecordReader } from '../../src/identity';
import { identitySource } from '../../src/service/identities';
import type { Identity, ObservedTopic, Page, RecordHistory } from '../../src/service/schemas';
import { IdentityIndex } from '../../src/store/identity';
import { openReader, openStore } from '../../src/store/open';
import { scanLog, wantedHashes } from '../../src/store/queries';
import { launchWriter, type WriterClient } from '../../src/store/writer-client';
import { run } from '../cli/command';
import { json, startService } from './running';
import { BEGIN, temporaryFolder } from './seed';

const folder = temporaryFolder();
const store = join(folder.path, 'identities.db');
const RECORDS = 1_000;
const UUID = 'ABCDEF01-2345-6789-abcd-ef0123456789';

interface Written {
  key?: string;
  value?: string;
  headers?: Record<string, string>;
}

/** What an observer of that topic hands over, in batches: what a window gives up, it gives up between two. */
function observe(
  index: IdentityIndex,
  topic: string,
  rules: IdentityRules,
  written: readonly Written[],
): void {
  const reader = new RecordReader({ topic, rules, seed: index.seed });
  const records = written.map(({ key, value, headers }, i) => ({
    key: key === undefined ? null : Buffer.from(key),
    value: Buffer.from(value ?? `value ${i}`),
    headers: headers ?? {},
    offset: i,
    timestamp: BEGIN + i * 1_000,
    // That of `own` is an idempotent producer's.
    ...(topic === 'own'
      ? {
          batchContext: {
            ...{ firstOffset: 0, lastOffsetDelta: written.length - 1, firstSequence: 10 },
            ...{ producerId: '4', producerEpoch: 1 },
          },
        }
      : {}),
  }));
  for (let first = 0; first < records.length; first += 100) {
    const batch = records.slice(first, first + 100);
    index.observe({
      cluster: 'c1',
      topic,
      topicId: null,
      partition: 3,
      firstOffset: first,
      nextOffset: first + batch.length,
      live: true,
      observedAt: Date.now(),
      records: reader.read(batch),
    });
  }
}

beforeAll(() => {
  const db = openStore(store);
  const index = new IdentityIndex(db, {
    snapshotPath: null,
    limits: (topic) => ({ ageMs: 365 * 86_400_000 * 100, records: topic === 'short' ? 300 : 1_000_000 }),
  });
  const many = Array.from({ length: RECORDS }, (_, i) => ({ headers: { 'message-id': `order-${i}` } }));
  // The last one is a copy of the first.
  observe(
    index,
    'orders',
    [{ from: 'headers' }],
    [
      ...many,
      { headers: { ce_id: 'e-1', ce_source: '/shop' } },
      { headers: { 'message-id': UUID } },
      { headers: { 'message-id': 'order-0' }, value: 'value 0' },
    ],
  );
  observe(
    index,
    'own',
    [
      { from: 'header', name: 'x-id' },
      { from: 'json', path: '$.id' },
    ],
    [{ headers: { 'x-id': 'own-1' } }, { value: '{"id": "json-1"}' }],
  );
  observe(index, 'keyed', [{ from: 'key' }], [{ key: 'order-7' }]);
  observe(
    index,
    'short',
    [{ from: 'headers' }],
    many.map((_, i) => ({ headers: { 'message-id': `short-${i}` } })),
  );
  observe(index, 'nameless', [{ from: 'headers' }], [{ value: 'no identity' }]);
  index.close();
  db.close();
});
afterAll(() => folder.remove());

const placesIn = ({ places }: Identity) =>
  places.map(({ topic, partition, offset }) => [topic, partition, offset]);
const EXPECTED: [string, [string, number, number][]][] = [
  ['order-5', [['orders', 3, 5]]],
  [
    'order-7',
    [
      ['keyed', 3, 0],
      ['orders', 3, 7],
    ],
  ],
  ['/shop e-1', [['orders', 3, RECORDS]]],
  // In another spelling than the record's.
  [`{${UUID.toLowerCase()}}`, [['orders', 3, RECORDS + 1]]],
  ['own-1', [['own', 3, 0]]],
  ['json-1', [['own', 3, 1]]],
  ['short-999', [['short', 3, 999]]],
];

describe.each(['the store alone', 'the index of the writer'] as const)('asked of %s', (way) => {
  let running: Awaited<ReturnType<typeof startService>>;
  let writer: WriterClient | null = null;
  const asked: (readonly unknown[] | null)[] = [];

  beforeAll(async () => {
    if (way === 'the index of the writer') {
      writer = launchWriter({ storePath: store });
      // Opens the index, as an observer does.
      await writer.observerState('c1');
    }
    running = await startService({
      storePath: store,
      ...(writer === null
        ? {}
        : {
            askIndex: async (text, limitMs) => {
              const places = (await writer?.find(text, limitMs)) ?? null;
              asked.push(places);
              return places;
            },
          }),
    });
  });
  afterAll(async () => {
    await running.service.close();
    await writer?.close();
    if (writer !== null) expect(asked.every((places) => places !== null)).toBe(true);
    expect(asked.length > 0).toBe(writer !== null);
  });

  const identity = (id: string) => json<Identity>(running.port, `/v1/identities/${encodeURIComponent(id)}`);

  test.each(EXPECTED)('%s has its place, though no copy of it was found', async (id, places) => {
    const answer = await identity(id);
    expect(placesIn(answer).sort()).toEqual(places);
    expect(answer).toMatchObject({ copies: [], complete: true });
    for (const { topic, offset, producer, producer_known: isKnown } of answer.places) {
      expect(isKnown).toBe(true);
      expect(producer).toEqual(topic === 'own' ? { id: 4, epoch: 1, sequence: 10 + offset } : null);
    }
  });

  test('the record of each place knows its message, its time and its producer, copied or not', async () => {
    for (const id of ['order-5', 'order-0', 'order-999', 'own-1', 'json-1', 'short-999']) {
      const { places } = await identity(id);
      for (const { topic, partition, offset, at, producer } of places) {
        const { written } = await json<RecordHistory>(
          running.port,
          `/v1/records/${topic}/${partition}/${offset}`,
        );
        expect(written).toEqual([
          { cluster: 'c1', topic_id: null, at, producer, identity_hash: expect.any(String) },
        ]);
        // Of copies the log keeps the latest alone; those that were found tell the others, by the whole hash.
        if (id === 'order-0') continue;
        const again = await identity(written[0]?.identity_hash ?? '');
        expect(placesIn(again)).toEqual(placesIn({ places } as Identity));
      }
    }
    // What the window has forgotten, what has no identity, what was never written.
    for (const place of ['short/3/1', 'nameless/3/0', 'orders/3/5000']) {
      await json(running.port, `/v1/records/${place}`, 404);
    }
  });

  test('a message with a copy has both places, each once', async () => {
    const answer = await identity('order-0');
    expect(placesIn(answer)).toEqual([
      ['orders', 3, 0],
      ['orders', 3, RECORDS + 2],
    ]);
    const [copy] = answer.copies;
    expect(placesIn(await identity(copy?.identity_hash ?? ''))).toEqual(placesIn(answer));
  });

  test('a time within the window, and how far it reaches', async () => {
    const answer = await identity('short-999');
    expect(answer.places[0]?.at).toBe(new Date(BEGIN + 999_000).toISOString());
    expect(answer.remembered).toEqual([
      expect.objectContaining({ topic: 'short', ended_by: 'records', since: expect.any(String) }),
    ]);
    expect((await identity('order-5')).remembered).toEqual([
      expect.objectContaining({ topic: 'orders', ended_by: null, since: null }),
    ]);
  });

  test('what the window has forgotten is told as such', async () => {
    const missing = await json<{ detail: string }>(running.port, '/v1/identities/short-1', 404);
    expect(missing.detail).toMatch(
      /of short what was written before \S+ is no longer remembered \(the window ended by records\)/,
    );
  });
});

test('a topic without identities tells no window', async () => {
  const running = await startService({ storePath: store });
  const { items } = await json<Page<ObservedTopic>>(running.port, '/v1/topics?topic=nameless');
  await running.service.close();
  expect(items).toMatchObject([{ records: 1, identity_ratio: 0, window: null }]);
});

test('the command answers from the store file', async () => {
  const found = await run(['report', 'identity', 'order-5', '--store', store]);
  expect(found.stdout).toMatch(/^order-5 stands at 1 place:\n.*orders\/3\/5\n\nNo copy of it was found\.\n/);
  const missing = await run(['report', 'identity', 'nobody', '--store', store]);
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).toContain('of short what was written before');
});

test('a log that cannot be read in time is told to be incomplete', async () => {
  const db = openReader(store);
  try {
    const wanted = wantedHashes(db, 'order-5');
    const first = scanLog(db, wanted, 0, 1);
    expect(first.next).not.toBeNull();
    // Steps of one block come to the same as one step.
    const places = [...first.places];
    for (let next = first.next; next !== null; ) {
      const step = scanLog(db, wanted, next, 1);
      places.push(...step.places);
      next = step.next;
    }
    expect(places).toEqual(scanLog(db, wanted, 0, 1_000_000).places);
    expect((await identitySource((use) => use(db), 1_000).find('order-5')).complete).toBe(true);
  } finally {
    db.close();
  }
});
