import { join } from 'node:path';
import fc from 'fast-check';
import type { Report } from '../../src/journal';
import type { KafkaMessage } from '../../src/kafka/client-shape';
import { JournalFeed } from '../../src/reporter/feed';
import { journalRoot } from '../../src/store/journal-root';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';
import { uniqueName } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';

const folder = testFolder('permutations');

/** What one host's handlers saw between two reports: stretches of one partition. */
type Step = { first: number; length: number }[];

/** Reports of two hosts, as the real journal and the real feed make them. The last of each says that it died. */
function reportsOf(hosts: readonly Step[][], group: string): Report[] {
  const recorders = hosts.map(() => new Recorder(join(folder, uniqueName('host')), group));
  return recorders.flatMap((recorder, host) => {
    const journal = join(journalRoot(recorder.store), recorder.journal.id);
    const feed = new JournalFeed(journal, false);
    const reports: Report[] = [];
    for (const step of hosts[host] as Step[]) {
      for (const { first, length } of step) recorder.deliver(0, first, first + length - 1);
      feed.read();
      const text = feed.report();
      if (text === null) continue;
      reports.push(JSON.parse(text.json) as Report);
      feed.sent(text, { applied: 0, next: text.to + 1 });
    }
    const last = new JournalFeed(journal, true);
    last.read();
    reports.push(JSON.parse(last.report()?.json ?? '') as Report);
    recorder.journal.close(true);
    return reports;
  });
}

interface Stretch {
  first: number;
  last: number;
}

/** Rows as what they tell of each offset: how stretches are cut into rows depends on what came first. */
function byOffset(rows: readonly Stretch[]): string[] {
  return rows
    .flatMap(({ first, last, ...rest }) =>
      Array.from({ length: last - first + 1 }, (_, i) => `${first + i} ${Object.values(rest).join(' ')}`),
    )
    .sort();
}

/** What the ledger says, without the numbers that rows happen to have. */
function ledgerIn(store: string): unknown {
  return {
    totals: query(
      store,
      'SELECT deliveries, redeliveries, failed, in_flight, uncertain FROM group_partition',
    ),
    coverage: byOffset(query<Stretch>(store, 'SELECT first, last, deliveries FROM coverage')),
    runs: query(
      store,
      `SELECT s.key, d.run, d.first, d.last, d.handled, d.uncertain_last, d.outcome
       FROM delivery_run d JOIN session s ON s.id = d.session ORDER BY s.key, d.run`,
    ),
    redeliveries: byOffset(
      query<Stretch>(
        store,
        `SELECT s.key AS session, d.run, ps.key AS previous, pd.run AS previousRun, r.first, r.last, r.attempt, r.doubt
       FROM redelivery r JOIN delivery_run d ON d.id = r.run JOIN session s ON s.id = d.session
       JOIN delivery_run pd ON pd.id = r.previous_run JOIN session ps ON ps.id = pd.session`,
      ),
    ),
    dropped: query(store, 'SELECT events, deliveries FROM dropped_detail'),
  };
}

class Receiver {
  readonly store = join(folder, `${uniqueName('ledger')}.db`);
  private writer = this.open();

  /** Sends each until it is taken; refused ones come again behind the others. Answers how many were refused. */
  receive(reports: readonly Report[], restartAt: readonly number[] = []): number {
    let refused = 0;
    let waiting = [...reports];
    let sent = 0;
    for (let round = 0; waiting.length > 0; round++) {
      if (round > reports.length + 1) throw new Error('reports are refused for ever');
      const again: Report[] = [];
      for (const report of waiting) {
        if (restartAt.includes(sent++)) this.restart();
        if (this.writer.report(report) === null) again.push(report);
      }
      refused += again.length;
      waiting = again;
    }
    return refused;
  }

  /** As after a SIGKILL: nothing but the file is left, and reporters begin anew. */
  restart(): void {
    this.writer.close();
    this.writer = this.open();
  }

  ledger(): unknown {
    this.writer.close();
    return ledgerIn(this.store);
  }

  private open(): Writer {
    return new Writer({ storePath: this.store, ownJournal: null, retention: DEFAULT_RETENTION });
  }
}

function received(reports: readonly Report[]): unknown {
  const receiver = new Receiver();
  receiver.receive(reports);
  return receiver.ledger();
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, i) =>
    permutations(items.filter((_, j) => j !== i)).map((rest) => [item, ...rest]),
  );
}

test('all orders of five reports of two hosts give the same ledger', () => {
  const reports = reportsOf(
    [
      [[{ first: 0, length: 10 }], [{ first: 5, length: 10 }]],
      [
        [
          { first: 8, length: 4 },
          { first: 0, length: 3 },
        ],
      ],
    ],
    uniqueName('orders'),
  );
  expect(reports).toHaveLength(5);
  const expected = received(reports);
  expect(expected).toMatchObject({ totals: [{ deliveries: 27, redeliveries: 12 }], dropped: [] });
  let refused = 0;
  const all = permutations(reports);
  for (const order of all) {
    const receiver = new Receiver();
    refused += receiver.receive(order);
    expect(receiver.ledger()).toEqual(expected);
  }
  expect(all).toHaveLength(120);
  expect(refused).toBeGreaterThan(0);
});

const step: fc.Arbitrary<Step> = fc.array(
  fc.record({ first: fc.integer({ min: 0, max: 20 }), length: fc.integer({ min: 1, max: 8 }) }),
  { minLength: 1, maxLength: 3 },
);
const host = fc.array(step, { minLength: 1, maxLength: 4 });

test('generated histories: any order, repeated, with the service restarted in between', () => {
  fc.assert(
    fc.property(
      fc.tuple(host, host),
      fc.infiniteStream(fc.nat()),
      fc.array(fc.nat(12)),
      (hosts, dice, restarts) => {
        const reports = reportsOf(hosts, uniqueName('generated'));
        const expected = received(reports);
        const deliveries = hosts.flat(2).reduce((sum, { length }) => sum + length, 0);
        expect(expected).toMatchObject({ totals: [{ deliveries }] });
        const roll = () => dice.next().value as number;
        const twice = [...reports, ...reports.filter(() => roll() % 2 === 0)];
        const shuffled = twice.map((report) => ({ report, at: roll() })).sort((a, b) => a.at - b.at);
        const order = shuffled.map(({ report }) => report);
        const receiver = new Receiver();
        // After a restart a report may be refused whose predecessors were taken before it: reporters begin anew then.
        try {
          receiver.receive(order, restarts);
        } catch {
          receiver.receive(reports);
        }
        expect(receiver.ledger()).toEqual(expected);
      },
    ),
    { numRuns: 40 },
  );
});

test('a part that never came is missed by no one: later ones are refused', () => {
  const [first, second, third] = reportsOf(
    [[[{ first: 0, length: 5 }], [{ first: 0, length: 5 }]]],
    'missing',
  ) as [Report, Report, Report];
  const receiver = new Receiver();
  expect(receiver.receive([first])).toBe(0);
  expect(second.from).toBe(first.to + 1);
  receiver.restart();
  expect(() => receiver.receive([second])).toThrow('for ever');
  // The dead one's last report begins anew, and holds everything.
  expect(third).toMatchObject({ begins: true, died: true });
  expect(receiver.receive([third])).toBe(0);
  expect(receiver.receive([second, first])).toBe(0);
  expect(receiver.ledger()).toMatchObject({ totals: [{ deliveries: 10, redeliveries: 5 }] });
});

test('a batch with gaps that is in hand when the service is restarted ends as it did', () => {
  const recorder = new Recorder(join(folder, uniqueName('gaps')), uniqueName('gaps'));
  const journal = join(journalRoot(recorder.store), recorder.journal.id);
  const feed = new JournalFeed(journal, false);
  const receiver = new Receiver();
  const tell = () => {
    feed.read();
    const text = feed.report();
    const report = JSON.parse(text?.json ?? '') as Report;
    receiver.receive([report]);
    if (text !== null) feed.sent(text, { applied: report.to, next: report.to + 1 });
  };
  const track = recorder.track(0);
  track.beginBatch([0, 1, 4, 5].map((offset) => ({ offset: String(offset) }) as KafkaMessage));
  tell();
  receiver.restart();
  feed.restart();
  tell();
  track.batchSucceeded(true);
  tell();
  recorder.journal.close(true);
  expect(receiver.ledger()).toMatchObject({
    totals: [{ deliveries: 4, redeliveries: 0, in_flight: 0 }],
    runs: [
      { first: 0, last: 1, handled: 2, outcome: 'handled' },
      { first: 4, last: 5, handled: 6, outcome: 'handled' },
    ],
  });
});
