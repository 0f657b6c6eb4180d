import { join } from 'node:path';
import { IdentityIndex } from '../../../src/store/identity';
import { openStore } from '../../../src/store/open';
import { testFolder } from '../../support/folder';
import { observed } from '../../support/records';

const folder = testFolder('attempts');
const spring = (attempt: number, at: number) => ({
  'retry_topic-attempts': Buffer.from([0, 0, 0, attempt]),
  'retry_topic-backoff-timestamp': Buffer.from(`${at}`),
});
const dead = (offset: number) => ({
  'kafka_dlt-original-topic': Buffer.from('orders'),
  'kafka_dlt-original-offset': Buffer.from(`${offset}`),
  'kafka_dlt-exception-message': Buffer.from(`at ${Math.random()}`),
});

test.each([
  [
    'another attempt is meant, the same one twice is not',
    [spring(1, 5), spring(2, 6), spring(2, 7), spring(3, 8)],
  ],
  ['one original published to a dead-letter topic twice', [dead(1), dead(2), dead(2), dead(3)]],
])('%s', (name, headers) => {
  const db = openStore(join(folder, `${name}.db`));
  const index = new IdentityIndex(db, { snapshotPath: null, firstSlots: 16 });
  const records = headers.map((one, i) => ({ offset: i, at: 1_000 + i, id: 'm', headers: one }));
  // In two turns, so that one of them is met in the index and one in the batch.
  index.observe(observed(index, 't', 0, records.slice(0, 2)));
  index.observe(observed(index, 't', 0, records.slice(2)));
  const rows = db.prepare('SELECT kind, cause FROM duplicate ORDER BY record_offset').all();
  expect(rows).toMatchObject([
    { kind: 'intentional', cause: 'retry_topic' },
    { kind: 'duplicate', cause: expect.not.stringMatching('retry_topic') },
    { kind: 'intentional', cause: 'retry_topic' },
  ]);
  db.close();
});

test('headers that do not tell the attempt: meant, as before', () => {
  const db = openStore(join(folder, 'untold.db'));
  const index = new IdentityIndex(db, { snapshotPath: null, firstSlots: 16 });
  const headers = { 'retry_topic-original-timestamp': Buffer.from('1') };
  const records = [0, 1].map((i) => ({ offset: i, at: 1_000 + i, id: 'm', headers }));
  index.observe(observed(index, 't', 0, records));
  expect(db.prepare('SELECT kind FROM duplicate').pluck().all()).toEqual(['intentional']);
  db.close();
});
