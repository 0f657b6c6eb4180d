import { fork } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '../../src/sqlite';
import { journalRoot } from '../../src/store/journal-root';
import { DEFAULT_RETENTION } from '../../src/store/retention';
import { Writer } from '../../src/store/writer';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';

const folder = testFolder('kill');
const CHILD = join(__dirname, '../support/journal-child.js');

interface RunRow {
  first: number;
  last: number;
  handled: number;
  uncertain_last: number;
  outcome: string;
}

async function killOnce(
  store: string,
  truth: string,
  from: number,
  mode: string,
  workUs: number,
  limitBytes?: number,
): Promise<void> {
  const limit = limitBytes === undefined ? [] : [String(limitBytes)];
  const child = fork(CHILD, [journalRoot(store), truth, String(from), mode, String(workUs), ...limit]);
  const exited = once(child, 'exit');
  await once(child, 'message');
  const size = existsSync(truth) ? statSync(truth).size : 0;
  const grown = 500 + Math.random() * 20_000;
  await until('the handler has records', () => existsSync(truth) && statSync(truth).size > size + grown);
  child.kill('SIGKILL');
  await exited;
}

function writerOf(store: string): Writer {
  return new Writer({ storePath: store, ownJournal: null, retention: DEFAULT_RETENTION });
}

function countsOf(truth: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (const line of readFileSync(truth, 'utf8').split('\n')) {
    if (line !== '') counts.set(Number(line), (counts.get(Number(line)) ?? 0) + 1);
  }
  return counts;
}

/** Holds the runs against the truth; answers how many records were in doubt. */
function compare(store: string, truth: string) {
  const db = openDatabase(store, { readonly: true });
  const runs = db
    .prepare('SELECT first, last, handled, uncertain_last, outcome FROM delivery_run')
    .all() as RunRow[];
  const open = db.prepare("SELECT count(*) FROM delivery_run WHERE outcome = 'open'").pluck().get();
  db.close();
  expect(open).toBe(0);
  const counts = countsOf(truth);
  const certain = new Map<number, number>();
  const possible = new Map<number, number>();
  const add = (map: Map<number, number>, offset: number) => map.set(offset, (map.get(offset) ?? 0) + 1);
  const doubt = { inFlight: 0, uncertain: 0 };
  for (const run of runs) {
    for (let offset = run.first; offset <= run.uncertain_last; offset++) {
      add(possible, offset);
      const inFlight = run.outcome === 'in_flight' && offset >= run.handled;
      if (offset <= run.last && !inFlight) add(certain, offset);
      else if (offset <= run.last) doubt.inFlight++;
      else doubt.uncertain++;
    }
  }
  let missed = 0;
  let invented = 0;
  for (const offset of new Set([...counts.keys(), ...possible.keys()])) {
    const truthCount = counts.get(offset) ?? 0;
    if (truthCount > (possible.get(offset) ?? 0)) missed++;
    if (truthCount < (certain.get(offset) ?? 0)) invented++;
  }
  return { missed, invented, deliveries: [...counts.values()].reduce((a, b) => a + b, 0), ...doubt };
}

describe('a process killed with SIGKILL', () => {
  // The bounds on doubt are what the track promises: one record in flight, and a reserve for fast handlers alone.
  test.each([
    { mode: 'message', workUs: 0, kills: 10, inFlight: 1, uncertain: 128 },
    { mode: 'message', workUs: 150, kills: 8, inFlight: 1, uncertain: 1 },
    { mode: 'every', workUs: 0, kills: 6, inFlight: 1, uncertain: 0 },
    { mode: 'batch', workUs: 5, kills: 8, inFlight: 20, uncertain: 0 },
    { mode: 'gaps', workUs: 5, kills: 6, inFlight: 20, uncertain: 0 },
  ])(
    'loses nothing: $mode, $workUs us of work, $kills kills',
    async ({ mode, workUs, kills, inFlight, uncertain }) => {
      const store = join(folder, `${mode}-${workUs}.db`);
      const truth = join(folder, `${mode}-${workUs}.truth`);
      for (let kill = 0; kill < kills; kill++) {
        // Every life begins a little before the last one ended, as a consumer does.
        const seen = existsSync(truth) ? Math.max(...countsOf(truth).keys()) : 0;
        await killOnce(store, truth, Math.max(0, seen - 37), mode, workUs);
        // As a neighbour leaves it who is killed while it removes what it took in: to be swept up, not taken in.
        const root = journalRoot(store);
        for (const id of readdirSync(root))
          cpSync(join(root, id), join(root, `${id}.gone`), { recursive: true });
        const writer = writerOf(store);
        writer.sweep(false);
        writer.close();
      }
      expect(readdirSync(journalRoot(store))).toEqual([]);
      const found = compare(store, truth);
      console.info(`${mode}, ${workUs} us: ${JSON.stringify(found)} over ${kills} kills`);
      expect(found).toMatchObject({ missed: 0, invented: 0 });
      expect(found.inFlight).toBeLessThanOrEqual(kills * inFlight);
      expect(found.uncertain).toBeLessThanOrEqual(kills * uncertain);
      expect(found.deliveries).toBeGreaterThan(kills * 50);
    },
  );

  test.each(['failing', 'gaps'])('past the bound of its journal tells what it lost: %s', async (mode) => {
    const [store, truth] = [join(folder, `full-${mode}.db`), join(folder, `full-${mode}.truth`)];
    const limitBytes = 32 * 1024;
    const kills = 5;
    for (let kill = 0; kill < kills; kill++) await killOnce(store, truth, 0, mode, 5, limitBytes);
    const writer = writerOf(store);
    writer.sweep(false);
    writer.close();
    expect(readdirSync(journalRoot(store))).toEqual([]);
    const db = openDatabase(store, { readonly: true });
    const [stored, told] = [
      'sum(deliveries) FROM group_partition',
      'sum(deliveries) FROM dropped_detail',
    ].map((what) => db.prepare(`SELECT ${what}`).pluck().get() as number) as [number, number];
    db.close();
    const delivered = [...countsOf(truth).values()].reduce((a, b) => a + b, 0);
    console.info(`${mode}: ${JSON.stringify({ delivered, stored, told })} over ${kills} kills`);
    expect(told).toBeGreaterThan(100);
    // What was handed over when the process was killed may not have come to the truth any more.
    const inHand = kills * (mode === 'gaps' ? 20 : 1);
    expect(stored + told).toBeGreaterThanOrEqual(delivered);
    expect(stored + told).toBeLessThanOrEqual(delivered + inHand);
  });

  test('is not taken for dead while it is only stopped', async () => {
    const store = join(folder, 'stopped.db');
    const truth = join(folder, 'stopped.truth');
    const child = fork(CHILD, [journalRoot(store), truth, '0', 'message', '100']);
    const exited = once(child, 'exit');
    try {
      await until('it delivers', () => existsSync(truth) && statSync(truth).size > 500);
      child.kill('SIGSTOP');
      const writer = writerOf(store);
      writer.sweep(true);
      writer.sweep(true);
      writer.close();
      expect(readdirSync(journalRoot(store))).toHaveLength(1);
      const db = openDatabase(store, { readonly: true });
      // What it has delivered so far is in the store all the same.
      expect(db.prepare('SELECT outcome FROM delivery_run ORDER BY id DESC LIMIT 1').pluck().get()).toBe(
        'open',
      );
      db.close();
    } finally {
      child.kill('SIGKILL');
      await exited;
    }
    const writer = writerOf(store);
    writer.sweep(false);
    writer.close();
    expect(compare(store, truth)).toMatchObject({ missed: 0, invented: 0 });
  });
});
