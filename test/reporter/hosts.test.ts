import { join } from 'node:path';
import { createTopic, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { freePort, Host, kill, killAll, produce, ServiceProcess, seenBy } from '../support/hosts';
import { ledgerOf, query, wrongAnswers } from '../support/ledger';

const folder = testFolder('hosts');
const TOKEN = 'token-of-the-hosts';

afterAll(killAll);

async function scene(partitions: number, records: number) {
  const topic = await createTopic(uniqueName('hosts'), partitions);
  await produce(topic, records);
  const group = uniqueName('hosts');
  const service = new ServiceProcess(join(folder, `${group}.db`), await freePort(), TOKEN);
  const task = { topic, group, service: service.url, token: TOKEN, folder, run: { autoCommit: false } };
  const seen = (...hosts: Host[]) => [...seenBy(hosts).values()].reduce((a, b) => a + b, 0);
  const wrong = (...hosts: Host[]) => wrongAnswers(ledgerOf(service.store, group), seenBy(hosts));
  const redeliveries = () =>
    query<{ n: number }>(service.store, 'SELECT sum(redeliveries) AS n FROM group_partition')[0]?.n ?? 0;
  return { group, service, task, seen, wrong, redeliveries };
}

test('a new owner on another host knows the attempt; where the one before is silent it says so', async () => {
  const { service, task, seen, wrong } = await scene(2, 200);
  await service.start();
  const [first, second] = [new Host(task), new Host(task)] as const;
  const consumer = { sessionTimeout: 6_000 };
  const one = await first.start({ consumer });
  await until('the first host has seen all', () => seen(first) === 200);
  const two = await second.start({ consumer });
  await until('the second host has taken a partition over', () => seen(second) > 50);
  const [taken] = second.attempts(0);
  const ofTaken = second.attempts(0).filter(({ partition }) => partition === taken?.partition);
  expect(new Set(ofTaken.map(({ attempt, known, pid }) => `${attempt} ${known} ${pid}`))).toEqual(
    new Set([`2 true ${one.pid}`]),
  );
  await kill(one);
  const other = () => second.attempts(0).filter(({ partition }) => partition !== taken?.partition);
  await until('the second host has all', () => other().length > 20);
  // The first died with what it had not told yet; what it had told is known.
  expect(other().every(({ attempt, known }) => attempt >= 2 && !known)).toBe(true);
  const heir = await first.start();
  await until('its journal is told', () => first.journals().length === 1);
  await first.stop(heir);
  await second.stop(two);
  expect(wrong(first, second)).toEqual([]);
});

test('the journal of a dead process is told after a restart and corrects the ledger', async () => {
  const { service, task, seen, wrong, redeliveries } = await scene(1, 100);
  const [first, second] = [new Host(task), new Host(task)] as const;
  // The service is away for the whole life of the first.
  const one = await first.start({ workMs: 20 });
  await until('the first host has seen some', () => seen(first) > 20);
  await kill(one);
  const before = seen(first);
  await service.start();
  const two = await second.start();
  await until('the second host has seen all', () => seenBy([second]).size === 100);
  await second.stop(two);
  // A slow machine may throw it out of the group: then it gets records again, and says so.
  const again = seen(second) - 100;
  expect(redeliveries()).toBe(again);
  const heir = await first.start({
    topic: await createTopic(uniqueName('other')),
    group: uniqueName('other'),
  });
  await until('the journal is told', () => redeliveries() > again && first.journals().length <= 1);
  await first.stop(heir);
  expect(redeliveries()).toBe(again + before);
  expect(wrong(first, second)).toEqual([]);
  const ended = query(service.store, "SELECT pid, ended_how AS how FROM session WHERE ended_how = 'died'");
  expect(ended).toEqual([{ pid: one.pid, how: 'died' }]);
  expect(first.journals()).toEqual([]);
});

test('a wrong token is told once, the application runs on, and the evidence is kept for the right one', async () => {
  const { service, task, seen, wrong } = await scene(1, 100);
  await service.start();
  const host = new Host({ ...task, workMs: 5 });
  const one = await host.start({ token: 'another-token' });
  await until('everything is consumed', () => seen(host) === 100);
  await host.stop(one);
  expect(host.problems).toEqual([
    { code: 'service-refused', message: expect.stringContaining('it answered 401') },
  ]);
  expect(JSON.stringify(host.problems)).not.toContain('another-token');
  expect(host.journals()).toHaveLength(1);
  const heir = await host.start();
  await until('everything is told', () => host.journals().length === 1);
  await until('everything is consumed again', () => seen(host) === 200);
  await host.stop(heir);
  expect(host.journals()).toEqual([]);
  expect(wrong(host)).toEqual([]);
});
