/**
 * A workload from a seed: producers lose answers, send again, restart, mirror and reuse ids, while the observer is
 * killed and stopped in the middle of it. Held against a bare consumer's reading of the same log: what is found is what
 * stands there twice, each copy at its place, all of it and nothing else, after every act and every restart.
 *
 *     DUPESCOPE_TEST_SEED=7 npx jest test/kafka/topics/faults.test.ts      plays the plan of that seed again
 */
import type { Consumer, Kafka } from 'kafkajs';
import type { Broker } from '../../../src/demo/broker';
import { Random } from '../../../src/demo/random';
import { type Started, start } from '../../cli/command';
import { createTopic, startOwnBroker, testKafka, uniqueName, until } from '../../support/broker';
import { testFolder } from '../../support/folder';
import { type FoundRow, found, recordsOf, storeIn } from './observing';
import { ACTS, actNamed, type PlannedAct, planOf, planText, type Stop } from './workload';

const SEED = Number(process.env.DUPESCOPE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const STOPS = Number(process.env.DUPESCOPE_TEST_STOPS ?? 7);
jest.setTimeout(1_200_000);
const folder = testFolder('observer-faults');
const PARTITIONS = 3;

let broker: Broker;
let direct: Kafka;
beforeAll(async () => {
  broker = await startOwnBroker({ proxy: true });
  direct = testKafka({ brokers: broker.brokers });
});
afterAll(() => broker.stop());

interface Place {
  partition: number;
  offset: number;
  value: string;
}

/** All that stands in the topic, as a bare consumer reads it, by identity. */
class Truth {
  readonly places = new Map<string, Place[]>();
  private read = 0;
  private readonly crashes: string[] = [];
  private readonly consumer: Consumer = direct.consumer({ groupId: uniqueName('truth') });
  private readonly admin = direct.admin();

  constructor(private readonly topic: string) {}

  async start(): Promise<void> {
    await this.admin.connect();
    this.consumer.on(this.consumer.events.CRASH, ({ payload }) => this.crashes.push(String(payload.error)));
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: this.topic, fromBeginning: true });
    await this.consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { offset, headers, value } }) => {
        const id = String(headers?.['message-id'] ?? headers?.id);
        const places = this.places.get(id) ?? [];
        this.places.set(id, [...places, { partition, offset: Number(offset), value: String(value) }]);
        this.read++;
      },
    });
  }

  /** Reads up to the end; answers how many records there are. */
  async caughtUp(): Promise<number> {
    const ends = await this.admin.fetchTopicOffsets(this.topic);
    const total = ends.reduce((sum, { high }) => sum + Number(high), 0);
    await until(`${total} records are the truth`, () => this.read >= total, 60_000).catch((error) => {
      throw new Error(`${this.read} of ${total}: ${this.crashes.join()}`, { cause: error });
    });
    expect(this.read).toBe(total);
    return total;
  }

  async stop(): Promise<void> {
    await this.consumer.disconnect();
    await this.admin.disconnect();
  }
}

/** The service as a process, one life after the other over one store. */
class Observer {
  lives = 0;
  readonly stops: Stop[] = [];
  private life: Started | null = null;

  constructor(
    private readonly store: string,
    private readonly topic: string,
  ) {}

  start(): void {
    const args = ['--store', this.store, '--listen', '127.0.0.1:0', '--brokers', broker.brokers.join(',')];
    this.life = start(['serve', ...args, '--topics', this.topic, '--groups', 'none-of-them'], {}, 600_000);
    this.lives++;
  }

  taken(): number {
    try {
      return recordsOf(this.store, this.topic);
    } catch {
      return 0;
    }
  }

  /** Ends this life once it has taken something in, and begins the next at once. */
  async interrupt(by: Stop, before: number): Promise<void> {
    await until('it observes', () => this.taken() > before, 60_000);
    await this.stop(by);
    this.start();
  }

  /** In the end, whatever happened. */
  kill(): void {
    this.life?.process.kill('SIGKILL');
  }

  async stop(by: Stop): Promise<void> {
    const life = this.life as Started;
    expect(life.process.exitCode).toBeNull();
    life.process.kill(by);
    const { code } = await life.ended;
    if (by === 'SIGTERM') expect(code).toBe(0);
    this.stops.push(by);
  }
}

/** Every finding is a copy at its own place, and every copy is found: all places of an identity but the first. */
function compare(truth: Truth, rows: readonly FoundRow[]): void {
  const byId = new Map<string, FoundRow[]>();
  for (const row of rows) byId.set(String(row.identity), [...(byId.get(String(row.identity)) ?? []), row]);
  const wrong: unknown[] = [];
  const at = ({ partition, offset }: { partition: number; offset: number }) => `${partition}/${offset}`;
  for (const [id, places] of truth.places) {
    const told = byId.get(id) ?? [];
    byId.delete(id);
    const toldAt = new Set(told.map(at));
    const rest = places.filter((place) => !toldAt.has(at(place)));
    const [first] = rest;
    // Which of two partitions is read first is open; within one it is the lowest offset.
    const isFirst =
      first !== undefined &&
      places.every((place) => place.partition !== first.partition || place.offset >= first.offset);
    const isRight =
      rest.length === 1 &&
      told.length === places.length - 1 &&
      toldAt.size === told.length &&
      told.every((row) => places.some((place) => at(place) === at(row))) &&
      isFirst &&
      told.every((row) => row.first === at(first as Place)) &&
      told.every(({ kind }) => kind === (reuses(id) ? 'id_reuse' : 'duplicate'));
    if (!isRight) wrong.push({ id, places, told });
  }
  expect(wrong.slice(0, 5)).toEqual([]);
  expect([...byId.keys()]).toEqual([]);
}

const actOf = (id: string) => String(id).split('.')[0] as string;
const reuses = (id: string) => actNamed(actOf(id))?.reuses === true;

test(`seed ${SEED}: precision and recall 1.0 at every restart, causes named right`, async () => {
  const plan = planOf(SEED, STOPS);
  console.info(`DUPESCOPE_TEST_SEED=${SEED}: ${planText(plan)}`);
  const topic = await createTopic(uniqueName('faults'), PARTITIONS, direct);
  const store = storeIn(folder, topic);
  const truth = new Truth(topic);
  await truth.start();
  const observer = new Observer(store, topic);
  observer.start();
  const proxied = testKafka({ brokers: broker.proxied, requestTimeout: 1_000 });
  /** Outbox ids say nothing of their act. */
  const outbox = new Map<string, string>();

  const play = async ({ name, number, seed, stop }: PlannedAct) => {
    const before = observer.taken();
    let isStopped = false;
    await ACTS[name].run({
      topic,
      broker,
      direct,
      proxied,
      random: new Random(seed),
      ids: (count) => Array.from({ length: count }, (_, i) => `${name}.${number}#${i}`),
      midway: async () => {
        if (stop === null || isStopped) return;
        isStopped = true;
        await observer.interrupt(stop, before);
      },
    });
    expect(isStopped).toBe(stop !== null);
  };

  try {
    for (const act of plan) {
      await play(act);
      const total = await truth.caughtUp();
      await until(`all is observed after ${act.name}`, () => observer.taken() >= total, 90_000);
      expect([act.name, observer.taken()]).toEqual([act.name, total]);
      if (act.name === 'outbox-relay') {
        for (const [id, [place]] of truth.places) {
          if (place?.value.startsWith('row ')) outbox.set(id, 'outbox-relay');
        }
      }
      compare(truth, found(store));
    }
    expect(observer.stops).toEqual(plan.flatMap(({ stop }) => stop ?? []));
    await observer.stop('SIGTERM');
  } finally {
    observer.kill();
    await truth.stop();
  }

  const tally: Record<string, Record<string, number>> = {};
  const provenWrong: FoundRow[] = [];
  const misnamed: Record<string, number> = {};
  let [named, right, tellable, tellableRight] = [0, 0, 0, 0];
  for (const row of found(store).filter(({ kind }) => kind === 'duplicate')) {
    const name = outbox.get(String(row.identity)) ?? actOf(String(row.identity));
    const act = actNamed(name);
    const isRight = row.cause === act?.cause;
    if (row.cause !== 'unknown') named++;
    if (isRight) right++;
    else if (row.cause !== 'unknown') misnamed[name] = (misnamed[name] ?? 0) + 1;
    if (act?.isTellable === true) {
      tellable++;
      if (isRight) tellableRight++;
    }
    if (!isRight && row.certainty === 'proven') provenWrong.push(row);
    tally[name] ??= {};
    const told = `${row.cause} (${row.certainty})`;
    (tally[name] as Record<string, number>)[told] = ((tally[name] as Record<string, number>)[told] ?? 0) + 1;
  }
  console.info(`named ${named}, right ${right}; tellable ${tellable}, right ${tellableRight}`, tally);
  expect(provenWrong).toEqual([]);
  // Each act made copies, but for those that must not.
  const making = Object.keys(ACTS).filter((name) => actNamed(name)?.cause !== null);
  expect(Object.keys(tally).sort()).toEqual(making.sort());
  expect(right / named).toBeGreaterThanOrEqual(0.95);
  const mostlyWrong: string[] = [];
  // Of each act by itself, so that none hides behind a large one. Only what is sent twice at once hangs on the
  // machine: where it takes as long as a retry, it looks like one.
  for (const [name, many] of Object.entries(misnamed)) {
    const all = Object.values(tally[name] ?? {}).reduce((sum, one) => sum + one, 0);
    if (name !== 'resent-at-once' && many > all * 0.05) mostlyWrong.push(`${name}: ${many} of ${all}`);
  }
  expect(mostlyWrong).toEqual([]);
  expect(tellableRight / tellable).toBeGreaterThanOrEqual(0.95);
});
