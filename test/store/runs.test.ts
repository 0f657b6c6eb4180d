import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { RunSpan } from '../../src/ledger';
import { Deliveries } from '../../src/store/deliveries';
import { openStore, type Store } from '../../src/store/open';
import type { StoredRun } from '../../src/store/runs';
import { Tables } from '../../src/store/tables';
import { expandRedeliveries, expectedAt, runSpans } from '../support/histories';

const folder = mkdtempSync(join(tmpdir(), 'dupescope-runs-'));
const path = join(folder, 'runs.db');
let db: Store;
let tables: Tables;

beforeAll(() => {
  db = openStore(path);
  tables = new Tables(db);
});
afterAll(() => {
  db.close();
  rmSync(folder, { recursive: true, force: true });
});

let histories = 0;

/** A partition and sessions of its own, so that every history begins with nothing. */
function freshPlace(): { gp: number; group: number; topic: number; sessions: Map<string, number> } {
  const { dimensions, facts } = tables;
  const cluster = dimensions.cluster('c');
  const group = dimensions.group(cluster, `g${++histories}`);
  const topic = dimensions.topic(cluster, 't', null, 0);
  const sessions = new Map(
    ['a', 'b', 'c'].map((name) => [
      name,
      facts.session('journal', group, {
        t: 'session',
        session: 1,
        key: `${name}-${histories}`,
        group: 'g',
        host: 'h',
        pid: 1,
        bootId: '',
        at: 0,
        version: '0',
        settings: {},
      }),
    ]),
  );
  return { gp: dimensions.groupPartition(group, topic, 0), group, topic, sessions };
}

type Place = ReturnType<typeof freshPlace>;

function told(place: Place, span: RunSpan): StoredRun {
  return {
    gp: place.gp,
    group: place.group,
    topic: place.topic,
    session: place.sessions.get(span.sessionKey) as number,
    sessionKey: `${span.sessionKey}-${histories}`,
    member: null,
    run: span.run,
    first: span.first,
    last: span.last,
    handled: span.handled,
    uncertainLast: span.uncertainLast,
    firstAt: span.firstAt,
    lastAt: span.lastAt,
    outcome: span.outcome,
    error: null,
  };
}

/** Earlier states of a run while it grew, and its last. */
function tellings(span: RunSpan, steps: number[]): RunSpan[] {
  const earlier = steps
    .map((step) => span.first + (step % (span.last - span.first + 1)))
    .map((last): RunSpan => {
      const handled = Math.min(span.handled, last + 1);
      return { ...span, last, handled, uncertainLast: last, outcome: 'open', lastAt: span.firstAt };
    });
  return [...earlier, span];
}

function stored(gp: number) {
  const ids = new Map(
    (
      db.prepare('SELECT id, run FROM delivery_run WHERE gp = ?').all(gp) as { id: number; run: number }[]
    ).map(({ id, run }) => [id, run]),
  );
  const rows = (
    db
      .prepare(
        'SELECT run, previous_run AS previousRun, first, last, attempt, doubt FROM redelivery WHERE gp = ?',
      )
      .all(gp) as Parameters<typeof expandRedeliveries>[0]
  ).map((row) => ({
    ...row,
    run: ids.get(row.run) as number,
    previousRun: ids.get(row.previousRun) as number,
  }));
  const coverage = db
    .prepare('SELECT first, last, deliveries FROM coverage WHERE gp = ? ORDER BY first')
    .all(gp);
  const totals = db
    .prepare(
      'SELECT deliveries, redeliveries, failed, in_flight, uncertain FROM group_partition WHERE id = ?',
    )
    .get(gp);
  return { found: expandRedeliveries(rows), coverage, totals };
}

/** Expected answers, offset by offset. */
function expected(runs: RunSpan[]) {
  const counts = new Map<number, number>();
  const totals = { deliveries: 0, redeliveries: 0, failed: 0, in_flight: 0, uncertain: 0 };
  for (const run of runs) {
    for (let offset = run.first; offset <= run.uncertainLast; offset++) {
      if (offset > run.last) {
        totals.uncertain++;
        continue;
      }
      const before = counts.get(offset) ?? 0;
      counts.set(offset, before + 1);
      totals.deliveries++;
      if (before > 0) totals.redeliveries++;
      if (offset >= run.handled && run.outcome === 'failed') totals.failed++;
      if (offset >= run.handled && run.outcome === 'in_flight') totals.in_flight++;
    }
  }
  return { counts, totals };
}

function check(place: Place, runs: RunSpan[]): void {
  const { found, coverage, totals } = stored(place.gp);
  const wanted = expected(runs);
  expect(totals).toEqual(wanted.totals);
  const counts = new Map<number, number>();
  for (const { first, last, deliveries } of coverage as {
    first: number;
    last: number;
    deliveries: number;
  }[]) {
    for (let offset = first; offset <= last; offset++) counts.set(offset, deliveries);
  }
  const sorted = (map: Map<number, number>) => [...map].sort((a, b) => a[0] - b[0]);
  expect(sorted(counts)).toEqual(sorted(wanted.counts));
  const offsets = Array.from({ length: 61 }, (_, offset) => offset);
  expect(offsets.map((offset) => ({ offset, told: found.get(offset) ?? [] }))).toEqual(
    offsets.map((offset) => ({ offset, told: expectedAt(runs, offset) })),
  );
}

/** As if every cause had had its time. */
function settleAll(): void {
  while (tables.causes.settle(Date.now() + 3_600_000 * ++settled) > 0);
}

let settled = 0;

describe('runs in the store', () => {
  test('give the answers of a count per offset, in any order, told repeatedly and while growing', () => {
    const history = runSpans.chain((runs) =>
      fc.record({
        runs: fc.constant(runs),
        steps: fc.array(fc.array(fc.nat(20), { maxLength: 3 }), {
          minLength: runs.length,
          maxLength: runs.length,
        }),
        order: fc.infiniteStream(fc.nat(1_000)),
      }),
    );
    fc.assert(
      fc.property(history, ({ runs, steps, order }) => {
        const place = freshPlace();
        const all = runs.flatMap((run, i) => tellings(run, steps[i] ?? []));
        const queue = all
          .map((span) => ({ span, at: order.next().value as number }))
          .sort((a, b) => a.at - b.at);
        db.transaction(() => {
          for (const [i, { span }] of queue.entries()) {
            tables.runs.apply(told(place, span), 1);
            // Causes are settled and counted in between; what is derived anew must not count again.
            if (i % 7 === 3) settleAll();
          }
          for (const { span } of queue.slice(0, 5)) tables.runs.apply(told(place, span), 2);
        })();
        check(place, runs);
        settleAll();
        const counted = db.prepare('SELECT coalesce(sum(records), 0) FROM cause_total WHERE gp = ?').pluck();
        expect(counted.get(place.gp)).toBe(expected(runs).totals.redeliveries);
      }),
      { numRuns: 600 },
    );
  });

  test('in the order of time, as they mostly come', () => {
    fc.assert(
      fc.property(runSpans, (runs) => {
        const place = freshPlace();
        const inTime = [...runs].sort((a, b) => a.firstAt - b.firstAt || a.run - b.run);
        db.transaction(() => {
          for (const span of inTime) {
            for (const telling of tellings(span, [1, 3])) tables.runs.apply(told(place, telling), 1);
          }
        })();
        check(place, runs);
      }),
      { numRuns: 600 },
    );
  });

  test('a record that fails again and again has every attempt, cheaply', () => {
    const place = freshPlace();
    const attempts = 3_000;
    // The account of copies once read every older attempt at each new one.
    const readAll = jest.spyOn(Deliveries.prototype, 'runs');
    db.transaction(() => {
      for (let i = 0; i < attempts; i++) {
        const span: RunSpan = {
          id: 0,
          first: 7,
          last: 7,
          handled: 7,
          uncertainLast: 7,
          outcome: 'failed',
          firstAt: i,
          lastAt: i,
          sessionKey: 'a',
          run: i + 1,
        };
        tables.runs.apply(told(place, span), 1);
      }
    })();
    const rows = db
      .prepare('SELECT count(*) AS rows, max(attempt) AS attempt FROM redelivery WHERE gp = ?')
      .get(place.gp);
    expect(rows).toEqual({ rows: attempts - 1, attempt: attempts });
    expect(readAll.mock.calls.length).toBeLessThan(10);
    readAll.mockRestore();
    const account = db.prepare('SELECT failed_again, applied_again, hits FROM group_partition WHERE id = ?');
    expect(account.get(place.gp)).toEqual({ failed_again: attempts - 1, applied_again: 0, hits: 0 });
  });
});
