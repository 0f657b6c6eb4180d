import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { DupescopeError } from '../../src/errors';
import { launchReporter } from '../../src/reporter';
import { journalRoot } from '../../src/store/journal-root';
import { startWriter } from '../../src/store/writer-client';
import { json, startService } from '../service/running';
import { until } from '../support/broker';
import { testFolder } from '../support/folder';
import { query } from '../support/ledger';
import { Recorder } from '../support/recorder';
import { onSmallDisk, smallDisk } from '../support/small-disk';

const folder = testFolder('full-disks');
const MIB = 1024 * 1024;

interface Summary {
  deliveries: number;
  dropped_deliveries: number;
}

/** A service whose store stands in `store`, and a host that reports to it. */
async function scene(store: string, host: string) {
  const writer = await startWriter({ storePath: store });
  const { service, port } = await startService({ storePath: store, reports: writer });
  const recorder = new Recorder(host, 'group', 4 * MIB);
  const problems: DupescopeError[] = [];
  const reporter = launchReporter({
    service: { url: `http://127.0.0.1:${port}`, token: null, tokenFile: null, caFile: null },
    root: journalRoot(host),
    ownJournal: recorder.journal.id,
    reportEveryMs: 50,
    onApplied: (seq) => recorder.journal.applied(seq),
    onProblem: (problem) => problems.push(problem),
  });
  const close = async () => {
    await reporter.close();
    recorder.journal.close(true);
    await service.close();
    await writer.close();
  };
  return { recorder, reporter, problems, port, close };
}

describe('a full disk', () => {
  onSmallDisk('of the service: the report is refused, kept, and taken when there is room', async () => {
    const disk = smallDisk('full-service');
    const { recorder, reporter, problems, port, close } = await scene(
      join(disk.folder, 'ledger.db'),
      join(folder, 'host-one'),
    );
    recorder.deliver(0, 0, 99);
    recorder.track(0).leave();
    await until('the first is told', () => reporter.flush(5_000));
    disk.fill();
    let deliveries = 100;
    await until('the service says that its disk is full', async () => {
      // Redeliveries make rows, so that the store really needs room.
      for (let round = 0; round < 50; round++, deliveries += 50) recorder.deliver(0, 50, 99);
      await reporter.flush(5_000);
      return problems.length > 0;
    });
    expect(problems).toMatchObject([
      { code: 'service-unreachable', message: expect.stringMatching(/answered 503: The disk of .* is full/) },
    ]);
    disk.makeRoom();
    recorder.track(0).leave();
    await until('everything is told', () => reporter.flush(5_000));
    await until('the loss, if any, is told too', () =>
      reporter.flush(5_000).then((done) => done && !recorder.journal.owes),
    );
    const { dropped_deliveries: dropped, ...told } = await json<Summary>(port, '/v1/summary');
    expect(told.deliveries + dropped).toBe(deliveries);
    expect(dropped).toBe(recorder.journal.losses.deliveries);
    await close();
    disk.remove();
  });

  onSmallDisk('of a host that reports: what the journal had no room for is counted and told', async () => {
    const disk = smallDisk('full-host');
    const store = join(folder, 'ledger.db');
    const { recorder, reporter, port, close } = await scene(store, join(disk.folder, 'host-two'));
    recorder.deliver(0, 0, 9);
    recorder.track(0).leave();
    await until('the first is told', () => reporter.flush(5_000));
    disk.fill();
    let deliveries = 10;
    while (recorder.journal.losses.events === 0) {
      recorder.deliver(0, 5, 9);
      deliveries += 5;
    }
    expect(recorder.journal.losses.reason).toMatch(/ENOSPC|no space left/);
    expect(statfsSync(disk.folder).bavail).toBe(0);
    // A partition is acquired now: its definition has no room.
    for (let round = 0; round < 20; round++, deliveries += 5) recorder.deliver(1, 5, 9);
    disk.makeRoom();
    for (let round = 0; round < 20; round++, deliveries += 5) recorder.deliver(1, 5, 9);
    for (const partition of [0, 1]) recorder.track(partition).leave();
    await until('everything is told', () => reporter.flush(5_000));
    const { dropped_deliveries: dropped, ...told } = await json<Summary>(port, '/v1/summary');
    expect(dropped).toBe(recorder.journal.losses.deliveries);
    expect(told.deliveries + dropped).toBe(deliveries);
    const [later] = query<{ n: number }>(
      store,
      'SELECT deliveries AS n FROM group_partition WHERE partition = 1',
    );
    expect(later?.n).toBeGreaterThanOrEqual(100);
    await close();
    disk.remove();
  });
});
