import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { journalRoot } from '../../src/store/journal-root';
import { createTopic, testBrokers, testKafka, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { ledgerOf, query, truthOf, wrongAnswers } from '../support/ledger';

const folder = testFolder('kills');
const APP = join(__dirname, '../support/consumer-app.js');
const CLI = join(__dirname, '../../dist/cli/main.js');
const children: ChildProcess[] = [];

afterAll(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
});

class Scene {
  readonly truthFiles: string[] = [];
  readonly store: string;
  readonly group: string;

  constructor(
    readonly topic: string,
    readonly handler: 'eachMessage' | 'eachBatch',
  ) {
    this.group = uniqueName(`kills-${handler}`);
    this.store = join(folder, `${this.group}.db`);
  }

  async consumer(): Promise<ChildProcess> {
    const truth = join(folder, `${this.group}.${this.truthFiles.length}.truth`);
    this.truthFiles.push(truth);
    const task = {
      brokers: testBrokers(),
      group: this.group,
      topics: [this.topic],
      store: this.store,
      truth,
      handler: this.handler,
      workMs: 1,
      consumer: { sessionTimeout: 1_500, heartbeatInterval: 200, rebalanceTimeout: 3_000 },
      run: {},
    };
    const child = fork(APP, [JSON.stringify(task)]);
    children.push(child);
    await once(child, 'message');
    return child;
  }

  seen(): number {
    return this.truthFiles.reduce((sum, file) => sum + (existsSync(file) ? readFileSync(file).length : 0), 0);
  }

  truth(): Map<string, number> {
    return truthOf(
      this.truthFiles.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8')),
    );
  }
}

function service(store: string): ChildProcess {
  const child = fork(CLI, ['serve', '--store', store, '--listen', '127.0.0.1:0'], { stdio: 'ignore' });
  children.push(child);
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

async function produce(topic: string, records: number, from: number): Promise<void> {
  const producer = testKafka().producer();
  await producer.connect();
  await producer.send({
    topic,
    messages: Array.from({ length: records }, (_, i) => ({
      key: String(from + i),
      value: `value ${from + i}`,
    })),
  });
  await producer.disconnect();
}

describe('consumers and services killed with SIGKILL', () => {
  test.each(['eachMessage', 'eachBatch'] as const)(
    '10 of each lose no delivery that a handler saw: %s',
    async (handler) => {
      const topic = await createTopic(uniqueName('kills'), 3);
      const scene = new Scene(topic, handler);
      let produced = 0;
      const more = async () => {
        await produce(topic, 600, produced);
        produced += 600;
      };
      await more();
      let survivor = await scene.consumer();
      for (let round = 0; round < 10; round++) {
        const server = service(scene.store);
        const victim = survivor;
        const before = scene.seen();
        await until('the handler has seen some', () => scene.seen() > before + 300, 30_000);
        await kill(victim);
        survivor = await scene.consumer();
        await kill(server);
        await more();
      }
      const wanted = () => new Set(scene.truth().keys()).size;
      await until('everything is consumed', () => wanted() === produced, 60_000);
      const exited = once(survivor, 'exit');
      survivor.send('stop');
      await exited;
      expect(readdirSync(journalRoot(scene.store))).toEqual([]);

      const truth = scene.truth();
      const ledger = ledgerOf(scene.store, scene.group);
      expect(wrongAnswers(ledger, truth)).toEqual([]);
      const deliveries = [...truth.values()].reduce((a, b) => a + b, 0);
      const figures = {
        deliveries,
        records: produced,
        inFlight: ledger.inFlight,
        uncertain: ledger.uncertain,
      };
      console.info(`${handler}: ${JSON.stringify(figures)}`);
      expect(deliveries).toBeGreaterThan(produced);
      // About 1 ms of work a record (a timer that is due fires at once): at most one uncertain record a kill, and of
      // eachMessage one record in flight.
      expect(ledger.uncertain).toBeLessThanOrEqual(10);
      if (handler === 'eachMessage') expect(ledger.inFlight).toBeLessThanOrEqual(10);
      const totals = query<{ deliveries: number; redeliveries: number }>(
        scene.store,
        'SELECT sum(deliveries) AS deliveries, sum(redeliveries) AS redeliveries FROM group_partition',
      )[0];
      const found = query<{ records: number }>(
        scene.store,
        'SELECT coalesce(sum(last - first + 1), 0) AS records FROM redelivery WHERE doubt < 2',
      )[0];
      expect(totals?.redeliveries).toBe(found?.records);
      const died = query<{ sessions: number }>(
        scene.store,
        "SELECT count(*) AS sessions FROM session WHERE ended_how = 'died'",
      );
      expect(died[0]?.sessions).toBe(10);
    },
    180_000,
  );
});
