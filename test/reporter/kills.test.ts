import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createTopic, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { freePort, Host, kill, killAll, produce, ServiceProcess, seenBy } from '../support/hosts';
import { ledgerOf, query, wrongAnswers } from '../support/ledger';

const folder = testFolder('hosts');
const TOKEN = 'token-of-the-hosts';
/** The longer variant: DUPESCOPE_TEST_SERVICE_KILLS=20. */
const KILLS = Number(process.env.DUPESCOPE_TEST_SERVICE_KILLS ?? 5);

afterAll(killAll);

test(
  `two hosts, consumers and the service killed ${KILLS} times: no delivery that a handler saw is lost or invented`,
  async () => {
    const topic = await createTopic(uniqueName('hosts'), 4);
    const group = uniqueName('hosts');
    const service = new ServiceProcess(join(folder, 'ledger.db'), await freePort(), TOKEN);
    await service.start();
    const task = { topic, group, service: service.url, token: TOKEN, folder };
    const hosts = [new Host(task), new Host(task)] as const;
    const living: ChildProcess[] = await Promise.all(hosts.map((host) => host.start()));
    const seen = () => [...seenBy(hosts).values()].reduce((a, b) => a + b, 0);
    let produced = 0;
    const more = async () => {
      await produce(topic, 400);
      produced += 400;
    };
    for (let round = 0; round < KILLS; round++) {
      await more();
      const before = seen();
      await until('handlers have seen some', () => seen() > before + 150, 30_000);
      const victim = round % 2;
      // Either of them first: evidence waits for the service, or the service for evidence.
      if (round % 3 === 0) await service.kill();
      await kill(living[victim] as ChildProcess);
      if (round % 3 !== 0) await service.kill();
      living[victim] = await (hosts[victim] as Host).start();
      await service.start();
    }
    await until('everything is consumed', () => seenBy(hosts).size === produced, 60_000);
    const waiting = () => hosts.flatMap((host) => host.journals()).length;
    await until('those who came after the dead have told their journals', () => waiting() === 2);
    await Promise.all(hosts.map((host, i) => host.stop(living[i] as ChildProcess)));
    // Nothing is left behind: the living told the rest at their disconnect.
    expect(waiting()).toBe(0);
    const refused = hosts
      .flatMap((host) => host.problems)
      .filter(({ code }) => code !== 'service-unreachable');
    expect(refused).toEqual([]);

    const truth = seenBy(hosts);
    const ledger = ledgerOf(service.store, group);
    expect(wrongAnswers(ledger, truth)).toEqual([]);
    const deliveries = [...truth.values()].reduce((a, b) => a + b, 0);
    const { inFlight, uncertain } = ledger;
    console.info(
      JSON.stringify({ deliveries, records: produced, inFlight, uncertain, kills: service.kills }),
    );
    expect(deliveries).toBeGreaterThan(produced);
    expect(uncertain).toBe(0);
    expect(inFlight).toBeLessThanOrEqual(KILLS);
    const [died] = query<{ n: number }>(
      service.store,
      "SELECT count(*) AS n FROM session WHERE ended_how = 'died'",
    );
    // One that was killed before its first join has begun no session.
    expect(died?.n).toBeLessThanOrEqual(KILLS);
    expect(died?.n).toBeGreaterThan(KILLS / 2);
    const [dropped] = query<{ n: number }>(service.store, 'SELECT count(*) AS n FROM dropped_detail');
    expect(dropped?.n).toBe(0);
  },
  60_000 + KILLS * 15_000,
);
