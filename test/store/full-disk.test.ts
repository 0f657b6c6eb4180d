import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';

const folder = mkdtempSync(join(tmpdir(), 'dupescope-full-'));
const mounted = mount();

/** A real small disk. Only root may mount one: without it these tests cannot run and say so. */
function mount(): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

afterAll(() => {
  if (mounted) execFileSync('umount', [folder]);
  rmSync(folder, { recursive: true });
});

function fill(): void {
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(join(folder, 'filler'), Buffer.alloc(bavail * bsize));
  expect(statfsSync(folder).bavail).toBe(0);
}

function makeRoom(): void {
  rmSync(join(folder, 'filler'));
}

const onDisk = mounted ? test : test.skip;
if (!mounted) console.warn('SKIPPED: the tests on a full disk need root on Linux (they mount a 4 MiB tmpfs)');

describe('a full disk', () => {
  onDisk('keeps the evidence in the journal and stores it when there is room', () => {
    const recorder = new Recorder(join(folder, 'one.db'), 'group', 2 * 1024 * 1024);
    recorder.deliver(0, 0, 99);
    recorder.writer.flush();
    fill();
    // Redeliveries make rows, so that the store really needs room.
    for (let round = 0; round < 40; round++) recorder.deliver(0, round, 99);
    let problem = '';
    for (let turn = 0; turn < 20 && problem === ''; turn++) {
      try {
        for (let more = 0; more < 20; more++) recorder.deliver(0, more, 99);
        recorder.writer.flush();
      } catch (error) {
        problem = (error as { code: string }).code;
      }
    }
    expect(problem).toBe('store-full');
    expect(recorder.journal.losses.events).toBe(0);
    makeRoom();
    recorder.writer.flush();
    const [row] = query<{ deliveries: number; runs: number }>(
      join(folder, 'one.db'),
      `SELECT (SELECT sum(deliveries) FROM group_partition) AS deliveries,
              (SELECT sum(last - first + 1) FROM delivery_run) AS runs`,
    );
    expect(row?.deliveries).toBe(row?.runs);
    const turns = query<{ n: number }>(
      join(folder, 'one.db'),
      'SELECT count(*) AS n FROM delivery_run WHERE first = 0',
    );
    // The first delivery, the first of the 40 rounds, and one for each turn of the loop.
    expect(turns[0]?.n).toBeGreaterThanOrEqual(3);
    recorder.close();
  });

  onDisk('past the journal’s room: the consumer runs on, and the loss is counted and told', () => {
    const store = join(folder, 'two.db');
    const recorder = new Recorder(store, 'group', 2 * 1024 * 1024);
    recorder.deliver(0, 0, 9);
    recorder.writer.flush();
    fill();
    for (let round = 0; round < 12_000; round++) recorder.deliver(0, 5, 9);
    const { events, deliveries } = recorder.journal.losses;
    expect(events).toBeGreaterThan(0);
    expect(deliveries).toBe(5 * events);
    makeRoom();
    recorder.writer.flush();
    recorder.deliver(0, 10, 19);
    recorder.writer.flush();
    recorder.deliver(0, 5, 6);
    recorder.writer.flush();
    const told = query<{ events: number; deliveries: number }>(
      store,
      'SELECT events, deliveries FROM dropped_detail',
    );
    expect(told.reduce((sum, row) => sum + row.deliveries, 0)).toBe(recorder.journal.losses.deliveries);
    const [row] = query<{ n: number }>(store, 'SELECT sum(last - first + 1) AS n FROM delivery_run');
    // Everything that was delivered is either in the store or counted as lost.
    expect((row?.n ?? 0) + recorder.journal.losses.deliveries).toBe(10 + 12_000 * 5 + 10 + 2);
    recorder.close();
  });

  onDisk('at the very start is told as what it is', () => {
    fill();
    let thrown: unknown;
    try {
      new Recorder(join(folder, 'three.db'), 'group');
    } catch (error) {
      thrown = error;
    }
    makeRoom();
    expect((thrown as { code: string }).code).toBe('ENOSPC');
    expect(existsSync(join(folder, 'three.db'))).toBe(false);
  });
});
