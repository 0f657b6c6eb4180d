import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DupescopeError } from '../../src/errors';
import { launchReporter, type ReporterClient } from '../../src/reporter';
import { journalRoot } from '../../src/store/journal-root';
import { json } from '../service/running';
import { uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { freePort, killAll, ServiceProcess } from '../support/hosts';
import { Recorder } from '../support/recorder';

const folder = testFolder('outage');
const MIB = 1024 * 1024;

afterAll(killAll);

interface Summary {
  deliveries: number;
  dropped_deliveries: number;
  dropped_events: number;
}

/** A process's recorder whose journal is told to a service instead of a store of its own. */
function reporting(service: ServiceProcess, limitBytes: number) {
  const recorder = new Recorder(join(folder, uniqueName('host')), 'group', limitBytes);
  const problems: DupescopeError[] = [];
  const reporter: ReporterClient = launchReporter({
    service: { url: service.url, token: null, tokenFile: null, caFile: null },
    root: journalRoot(recorder.store),
    ownJournal: recorder.journal.id,
    reportEveryMs: 100,
    onApplied: (seq) => recorder.journal.applied(seq),
    onProblem: (problem) => problems.push(problem),
  });
  return { recorder, reporter, problems };
}

test('a long outage: what the journal has room for is told later, the rest is counted and shown', async () => {
  const service = new ServiceProcess(join(folder, 'ledger.db'), await freePort());
  const { recorder, reporter, problems } = reporting(service, 3 * MIB);
  let deliveries = 0;
  for (let round = 0; round < 20_000; round++, deliveries += 5) recorder.deliver(0, 5, 9);
  await until('the outage is told', () => problems.length > 0);
  expect(problems.map(({ code }) => code)).toEqual(['service-unreachable']);
  expect(await reporter.flush(1_000)).toBe(false);
  expect(recorder.journal.losses.deliveries).toBeGreaterThan(0);

  await service.start();
  // Tens of thousands of redeliveries of the same five records, each with its cause.
  await until('everything that was kept is told', () => reporter.flush(5_000), 180_000);
  // With room again, the loss is told with the next line.
  deliveries += 10;
  recorder.deliver(0, 10, 19);
  recorder.track(0).leave();
  await until('the last is told', () => reporter.flush(5_000));
  const summary = await json<Summary>(service.port, '/v1/summary');
  expect(summary.dropped_deliveries).toBe(recorder.journal.losses.deliveries);
  expect(summary.dropped_events).toBe(recorder.journal.losses.events);
  expect(summary.deliveries + summary.dropped_deliveries).toBe(deliveries);
  // The journal may forget what the service has: its segment in use is all that is left.
  const left = readdirSync(recorder.journal.folder).filter((name) => name.startsWith('log-'));
  expect(left).toHaveLength(1);
  expect(problems).toHaveLength(1);
  await reporter.close();
  recorder.journal.close(true);
}, 300_000);

test('a store that was replaced under the service: everything that is left is told anew', async () => {
  const port = await freePort();
  const before = new ServiceProcess(join(folder, 'before.db'), port);
  await before.start();
  const { recorder, reporter } = reporting(before, 3 * MIB);
  recorder.deliver(0, 0, 9);
  recorder.track(0).leave();
  await until('it is told', () => reporter.flush(5_000));
  await before.kill();
  const after = new ServiceProcess(join(folder, 'after.db'), port);
  await after.start();
  recorder.deliver(0, 5, 14);
  recorder.track(0).leave();
  await until('it is told to the new one', () => reporter.flush(5_000));
  expect(await json<Summary>(port, '/v1/summary')).toMatchObject({ deliveries: 20, dropped_events: 0 });
  await reporter.close();
  recorder.journal.close(true);
});
