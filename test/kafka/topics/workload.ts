/**
 * What producers do to a topic, as a plan from a seed: acts in an order and of sizes of the seed's, and where the
 * observer is stopped in them. Ids are `<act>.<number of the act>#<n>`, so that each copy tells which act wrote it.
 */
import { randomUUID } from 'node:crypto';
import type { Kafka, Message, ProducerConfig } from 'kafkajs';
import { API, type Broker } from '../../../src/demo/broker';
import { Random } from '../../../src/demo/random';
import { writeByJava } from './java-writer';

/** What happens to the observer in the middle of an act. */
export type Stop = 'SIGKILL' | 'SIGTERM';

export interface PlannedAct {
  name: ActName;
  /** Its number in the plan, and the seed of its details. */
  number: number;
  seed: number;
  /** Null: the observer reads on. */
  stop: Stop | null;
}

export interface Scene {
  topic: string;
  broker: Broker;
  /** Without faults, and by way of the proxy. */
  direct: Kafka;
  proxied: Kafka;
  random: Random;
  /** So many ids of this act. */
  ids(count: number): string[];
  /** Called in the middle of what the act writes. */
  midway(): Promise<void>;
}

interface Act {
  /** Why its second copies stand there. */
  cause: string | null;
  /** False: what is in the log fits other causes as well, or may; `unknown` is a right answer too. */
  isTellable: boolean;
  /** Its copies are other messages. */
  reuses?: boolean;
  run(scene: Scene): Promise<void>;
}

const IDEMPOTENT: ProducerConfig = { idempotent: true, maxInFlightRequests: 1 };

export const ACTS = {
  /** On a busy machine a producer without idempotence may send again by itself. */
  unrelated: act(null, true, async (scene) => {
    await produce(
      scene,
      scene.direct,
      chunks(messages(scene, scene.random.between(500, 3_000)), 100),
      IDEMPOTENT,
    );
  }),
  'kafkajs-retry': act('producer_retry', true, async (scene) => {
    const batches = chunks(messages(scene, scene.random.between(500, 1_000)), scene.random.between(15, 40));
    await losing(scene, scene.random.between(5, 8), () => produce(scene, scene.proxied, batches));
  }),
  /** The broker drops what is repeated. */
  'kafkajs-idempotent': act(null, true, async (scene) => {
    const batches = chunks(messages(scene, 300), 25);
    await losing(scene, 6, () => produce(scene, scene.proxied, batches, IDEMPOTENT));
  }),
  /** Without a key what is repeated goes elsewhere. */
  'kafkajs-keyless': act('producer_retry', true, async (scene) => {
    const batches = chunks(messages(scene, 300, { key: null }), scene.random.between(15, 30));
    await losing(scene, 6, () => produce(scene, scene.proxied, batches));
  }),
  java: act('producer_retry', true, async (scene) => {
    // What the truth's bare consumer reads without more.
    const compression = scene.random.pick(['none', 'gzip'] as const);
    await losing(scene, 8, () => byJava(scene, { count: 600, idempotent: false, compression }));
  }),
  'java-idempotent': act(null, true, async (scene) => {
    await losing(scene, 8, () => byJava(scene, { count: 400, idempotent: true }));
  }),
  resent: act('resent', true, async (scene) => {
    const all = messages(scene, scene.random.between(300, 600));
    const again = all.slice(100, scene.random.between(200, 300));
    await produce(scene, scene.direct, [...chunks(all, 50), ...chunks(again, 3)], IDEMPOTENT);
  }),
  /** Single records out of batches, among others, with kafkajs's default producer. */
  'resent-singly': act('resent', true, async (scene) => {
    const all = messages(scene, 400);
    const again = scene.random.shuffled(all.slice(0, 300)).slice(0, 60);
    await produce(scene, scene.direct, [...chunks(all, 40), ...again.map((one) => [one])]);
  }),
  /** Twice, one right after the other: no client repeats so soon, unless the machine is slow. */
  'resent-at-once': act('resent', false, async (scene) => {
    const producer = scene.direct.producer({ allowAutoTopicCreation: false });
    await producer.connect();
    for (const [i, batch] of chunks(messages(scene, 60), 4).entries()) {
      for (let time = 0; time < 2; time++) {
        await producer.send({ topic: scene.topic, messages: batch, acks: -1 });
      }
      if (i === 7) await scene.midway();
    }
    await producer.disconnect();
  }),
  /** Whole batches, with kafkajs's default producer: as a client's own retry, but for what stands between. */
  'resent-plain': act('resent', false, async (scene) => {
    const all = messages(scene, 300);
    await produce(scene, scene.direct, [...chunks(all, 30), ...chunks(all.slice(60, 180), 30)]);
  }),
  restart: act('producer_restart', true, async (scene) => {
    const all = messages(scene, 400);
    await produce(scene, scene.direct, chunks(all, 40), IDEMPOTENT);
    await produce(scene, scene.direct, chunks(all.slice(scene.random.between(250, 340)), 40), IDEMPOTENT);
  }),
  /** A producer without an id: nothing in the log says that it is another one. */
  'restart-plain': act('producer_restart', false, async (scene) => {
    const all = messages(scene, 400);
    await produce(scene, scene.direct, chunks(all, 40));
    await produce(scene, scene.direct, chunks(all.slice(scene.random.pick([280, 305, 320])), 40));
  }),
  'outbox-relay': act('outbox_relay', true, async (scene) => {
    const rows = scene.ids(200).map((key) => ({ key, value: `row ${key}`, headers: { id: randomUUID() } }));
    await produce(scene, scene.direct, chunks(rows, 25), IDEMPOTENT);
    // Its last stored position is some rows back.
    await produce(scene, scene.direct, chunks(rows.slice(scene.random.between(120, 190)), 25), IDEMPOTENT);
  }),
  mirror: act('replay', true, async (scene) => {
    const at = Date.now() - 3_600_000;
    const all = messages(scene, 600).map((one, i) => ({ ...one, timestamp: String(at + i * 1_000) }));
    await produce(scene, scene.direct, [...chunks(all, 60), ...chunks(all, scene.random.between(15, 25))]);
  }),
  reuse: {
    ...act(null, true, async (scene) => {
      const all = messages(scene, 50);
      await produce(scene, scene.direct, [
        all,
        all.map((one) => ({ ...one, value: `another ${one.value}` })),
      ]);
    }),
    reuses: true,
  },
} satisfies Record<string, Act>;

export type ActName = keyof typeof ACTS;

export const actNamed = (name: string): Act | undefined => (ACTS as Record<string, Act>)[name];

/** Every act once and a few twice, with that many stops of the observer. The same seed gives the same plan. */
export function planOf(seed: number, stops: number): PlannedAct[] {
  const random = new Random(seed);
  const names = Object.keys(ACTS) as ActName[];
  const twice = random.shuffled(names.filter((name) => !name.startsWith('java'))).slice(0, 3);
  const order = random.shuffled([...names, ...twice]);
  const stopped = new Set(random.shuffled(order.map((_, i) => i)).slice(0, stops));
  return order.map((name, number) => ({
    name,
    number,
    seed: random.between(1, 2 ** 31),
    // Two of three by force.
    stop: stopped.has(number) ? random.pick(['SIGKILL', 'SIGKILL', 'SIGTERM'] as const) : null,
  }));
}

export function planText(plan: readonly PlannedAct[]): string {
  return plan.map(({ name, stop }) => (stop === null ? name : `${name} (${stop})`)).join(' | ');
}

function act(cause: string | null, isTellable: boolean, run: (scene: Scene) => Promise<void>): Act {
  return { cause, isTellable, run };
}

function messages({ ids }: Scene, count: number, more: Partial<Message> = {}): Message[] {
  return ids(count).map((id) => ({
    key: id,
    value: `value of ${id}`,
    headers: { 'message-id': id },
    ...more,
  }));
}

async function produce(
  { topic, midway }: Scene,
  kafka: Kafka,
  batches: Message[][],
  config: ProducerConfig = {},
): Promise<void> {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...config });
  await producer.connect();
  for (const [i, batch] of batches.entries()) {
    if (i === batches.length >> 1) await midway();
    await producer.send({ topic, messages: batch, acks: -1 });
  }
  await producer.disconnect();
}

async function byJava(
  { broker, topic, ids, midway }: Scene,
  options: Pick<Parameters<typeof writeByJava>[0], 'count' | 'idempotent' | 'compression'>,
): Promise<void> {
  const prefix = (ids(1)[0] as string).slice(0, -1);
  const writing = writeByJava({
    brokers: broker.proxied,
    topic,
    requestTimeoutMs: 1_000,
    prefix,
    ...options,
  });
  await Promise.all([writing, midway()]);
}

/** Each so manyeth answer to a produce request is lost, while `work` runs. Fails where none was. */
async function losing({ broker }: Scene, every: number, work: () => Promise<void>): Promise<void> {
  const before = broker.proxy?.counters.dropped ?? 0;
  let seen = 0;
  broker.proxy?.dropAnswers(({ apiKey }) => apiKey === API.Produce && ++seen % every === 0);
  try {
    await work();
  } finally {
    broker.proxy?.heal();
  }
  expect((broker.proxy?.counters.dropped ?? 0) - before).toBeGreaterThan(0);
}

const chunks = <T>(all: readonly T[], size: number) =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
