import { join } from 'node:path';
import fc from 'fast-check';
import { JournalReader } from '../../src/journal';
import type { Account, HitSpan, RunSpan } from '../../src/ledger';
import { openStore, type Store } from '../../src/store/open';
import { Tables } from '../../src/store/tables';
import { checkedHistories, expectedAccount } from '../support/accounts';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';

const folder = testFolder('hits');
let db: Store;
let tables: Tables;

beforeAll(() => {
  db = openStore(join(folder, 'hits.db'));
  tables = new Tables(db);
});
afterAll(() => db.close());

let histories = 0;

function freshPlace() {
  const { dimensions, facts } = tables;
  const cluster = dimensions.cluster('c');
  const group = dimensions.group(cluster, `g${++histories}`);
  const topic = dimensions.topic(cluster, 't', null, 0);
  const started = { t: 'session', session: 1, group: 'g', host: 'h', pid: 1, bootId: '', at: 0 } as const;
  const sessions = new Map(
    ['a', 'b', 'c'].map((name) => {
      const fact = { ...started, key: `${name}-${histories}`, version: '0', settings: {} };
      return [name, facts.session('journal', group, fact)] as const;
    }),
  );
  return { gp: dimensions.groupPartition(group, topic, 0), group, topic, sessions };
}

function totals(gp: number): Account & { redeliveries: number } {
  return db
    .prepare(
      `SELECT redeliveries, duplicates_delivered AS duplicates, hits, applied_again AS appliedAgain,
         failed_again AS failedAgain, perhaps_again AS perhapsAgain FROM group_partition WHERE id = ?`,
    )
    .get(gp) as Account;
}

/** What /metrics tells: the most that the account ever had. */
function counted(gp: number): { again: number; perhaps: number } {
  return db
    .prepare(
      'SELECT applied_again_counted AS again, perhaps_again_counted AS perhaps FROM group_partition WHERE id = ?',
    )
    .get(gp) as { again: number; perhaps: number };
}

/** A run, once or twice while it grew, and its hits in any number of tellings. */
type Telling = { run: RunSpan } | { hit: HitSpan };

describe('the account of copies in the store', () => {
  test('is that of the whole history, in whatever order and however often it was told', () => {
    const shuffled = checkedHistories.chain(({ runs, hits }) => {
      const tellings: Telling[] = [];
      for (const run of runs) {
        const middle = run.first + Math.floor((run.last - run.first) / 2);
        const earlier: RunSpan = {
          ...run,
          last: middle,
          handled: Math.min(run.handled, middle + 1),
          uncertainLast: middle,
          outcome: 'open',
        };
        tellings.push({ run: earlier }, { run });
      }
      for (const hit of hits) {
        // What has grown was told later.
        const at = hit.last > hit.first ? hit.at - 5 : hit.at;
        tellings.push({ hit: { ...hit, last: hit.first, at } }, { hit });
      }
      return fc.shuffledSubarray(tellings, { minLength: tellings.length }).map((order) => {
        // An earlier state that is told later says nothing new.
        return { runs, hits, order: [...order, ...order.slice(0, 3)] };
      });
    });
    fc.assert(
      fc.property(shuffled, ({ runs, hits, order }) => {
        const place = freshPlace();
        const session = (key: string) => place.sessions.get(key) as number;
        let before = counted(place.gp);
        for (const telling of order) {
          if ('hit' in telling) {
            const { sessionKey, fate, ...stretch } = telling.hit;
            const about = { gp: place.gp, session: session(sessionKey) };
            if (fate === 'applied') tables.hits.cover({ ...stretch, ...about }, 1);
            else tables.hits.apply({ ...stretch, ...about, ageMs: 5, windowMs: null }, 1);
          } else {
            const { id: _, ...run } = telling.run;
            const sessionKey = `${run.sessionKey}-${histories}`;
            const row = { ...place, ...run, session: session(run.sessionKey), sessionKey };
            tables.runs.apply({ ...row, member: null, error: null }, 1);
          }
          const [now, told] = [counted(place.gp), totals(place.gp)];
          expect(now.again).toBe(Math.max(before.again, told.appliedAgain));
          expect(now.perhaps).toBe(Math.max(before.perhaps, told.perhapsAgain));
          before = now;
        }
        const { pending, ...expected } = expectedAccount(runs, hits, 60);
        const found = totals(place.gp);
        expect(found).toEqual(expected);
        const { duplicates, redeliveries } = found;
        expect(found.hits + found.appliedAgain + found.failedAgain + pending).toBe(redeliveries + duplicates);
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  test('is that of the whole history where more attempts failed than the latest that are looked at', () => {
    const ends = fc.constantFrom<RunSpan['outcome']>('failed', 'failed', 'unresolved', 'open');
    const poison = fc.record({
      // What the long row of failures must not be taken to have forgotten.
      early: fc.array(fc.constantFrom<RunSpan['outcome']>('failed', 'handled', 'in_flight'), {
        maxLength: 4,
      }),
      fails: fc.array(ends, { minLength: 40, maxLength: 60 }),
      late: fc.array(fc.constantFrom<RunSpan['outcome']>('failed', 'handled', 'in_flight'), { maxLength: 4 }),
      length: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(poison, ({ early, fails, late, length }) => {
        const place = freshPlace();
        const runs = [...early, ...fails, ...late].map((outcome, i): RunSpan => {
          const handled = outcome === 'handled' ? 7 + length : 7 + (i % length);
          const times = { firstAt: i * 10, lastAt: i * 10 + 5, run: i + 1, sessionKey: 'a' };
          return { id: 0, first: 7, last: 6 + length, handled, uncertainLast: 6 + length, outcome, ...times };
        });
        const tell = (run: RunSpan) => {
          const sessionKey = `${run.sessionKey}-${histories}`;
          const row = { ...place, ...run, session: place.sessions.get('a') as number, sessionKey };
          tables.runs.apply({ ...row, member: null, error: null }, 1);
        };
        db.transaction(() => {
          for (const run of runs) {
            tell({ ...run, handled: 7, outcome: 'open' });
            tell(run);
          }
        })();
        const { pending: _, ...expected } = expectedAccount(runs, [], 60);
        expect(totals(place.gp)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});

describe('hits in the journal', () => {
  test('of 10,000 contiguous deliveries are a few lines, and one stretch of the store', () => {
    const store = join(folder, 'journal.db');
    const recorder = new Recorder(store, 'g');
    recorder.deliver(0, 0, 9_999);
    const track = recorder.track(0);
    // As a rewind does it: delivered again, and every one recognised.
    const linesBefore = recorder.journal.lastSeq;
    for (let offset = 0; offset < 10_000; offset++) {
      track.begin(offset, { offset: String(offset) } as never);
      track.hit(offset, offset, 1_000 + offset, 3_600_000);
      track.succeeded();
    }
    track.endBatch();
    expect(recorder.journal.lastSeq - linesBefore).toBeLessThan(10);
    recorder.writer.flush();
    // Before the run is closed, by its slot.
    expect(query(store, 'SELECT first, last, age_ms FROM idempotency_hit')).toEqual([
      { first: 0, last: 9_999, age_ms: 10_999 },
    ]);
    recorder.close();
    expect(query(store, 'SELECT first, last, age_ms, window_ms FROM idempotency_hit')).toEqual([
      { first: 0, last: 9_999, age_ms: 10_999, window_ms: 3_600_000 },
    ]);
    const sums =
      'SELECT redeliveries, hits, applied_again, failed_again, duplicates_delivered FROM group_partition';
    expect(query(store, sums)).toEqual([
      { redeliveries: 10_000, hits: 10_000, applied_again: 0, failed_again: 0, duplicates_delivered: 0 },
    ]);
  });

  test('are quick, and still leave no record uncertain that comes after them', () => {
    const store = join(folder, 'uncertain.db');
    const recorder = new Recorder(store, 'g');
    const track = recorder.track(0);
    for (let offset = 0; offset < 200; offset++) {
      track.begin(offset, { offset: String(offset) } as never);
      track.hit(offset, offset, null, null);
      track.succeeded();
    }
    track.begin(200, { offset: '200' } as never);
    const { slots } = new JournalReader(recorder.journal.folder).read();
    // A kill now leaves that one in flight, and nothing reserved behind it.
    expect(slots.map(({ state: { last, reserved, busy } }) => ({ last, reserved, busy }))).toEqual([
      { last: 200, reserved: 200, busy: true },
    ]);
    recorder.close();
  });

  test('of batches with gaps belong to the runs of their ranges', () => {
    const store = join(folder, 'gaps.db');
    const recorder = new Recorder(store, 'g');
    const track = recorder.track(0);
    const messages = [0, 1, 5, 6, 7, 20].map((offset) => ({ offset: String(offset) }) as never);
    for (let round = 0; round < 2; round++) {
      track.beginBatch(messages);
      if (round === 1) track.hit(1, 6, 10, null);
      track.batchSucceeded(true);
    }
    recorder.close();
    expect(query(store, 'SELECT first, last FROM idempotency_hit ORDER BY first')).toEqual([
      { first: 1, last: 1 },
      { first: 5, last: 6 },
    ]);
    expect(query(store, 'SELECT redeliveries, hits, applied_again FROM group_partition')).toEqual([
      { redeliveries: 6, hits: 3, applied_again: 3 },
    ]);
  });
});
