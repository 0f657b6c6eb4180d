/**
 * A run: places the lanes, plays their faults side by side until the time is over, lets everything come to rest, and
 * holds the ledger against the truth.
 *
 *     brokers, service, disk -> lanes open -> faults -> rest -> processes end -> stores finished -> judged
 *
 * Nothing is left over however this process ends: the children are on a leash, the brokers have their supervisor, the
 * folder its keeper.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ending } from '../../src/demo/ending';
import { Random } from '../../src/demo/random';
import { type TruthDelivery, TruthReader } from '../../src/demo/truth';
import { startOwnBroker, until } from '../support/broker';
import { freePort } from '../support/hosts';
import { type PostgresServer, startPostgres, testPool } from '../support/postgres';
import { readActs } from './acts';
import { killAll, monotonic } from './child';
import { Lane, type LanePlace, type LaneSpec } from './lane';
import { accountOf, droppedIn, finish, readLedger } from './ledger';
import { Payments } from './payments';
import { laneRandom, planOf } from './plan';
import type { ChaosReport, LaneReport } from './report';
import { Fragile, Ground, Service, type Stage } from './stage';
import { Turns } from './turns';
import { judge } from './verdict';

export interface ChaosOptions {
  seed: number;
  lanes: readonly LaneSpec[];
  /** Of a broker that is not killed; null: one is started. */
  brokers: string[] | null;
  /** Whether a lane goes on after so many rounds of its faults, asked before each episode. */
  goesOn: (rounds: number) => boolean;
  say: (line: string) => void;
  /** The folder with truth, acts, logs and stores stays. */
  keep?: boolean;
  /** What has to be ended, in the reverse order of its making; the caller runs it. */
  ending: Ending;
}

const TOKEN = 'token-of-the-chaos';
/** Dozens of processes share the machine: what the group's offsets are at a join is worth some waiting. */
const PAST_MS = 1_200;
const PROGRESS_MS = 30_000;
/** Episodes at once, a core: more of them starve one another out of their sessions. */
const EPISODES_A_CORE = 4;
/** Evidence that waits for room on a full disk: small, as the disk is. */
const SMALL_JOURNAL_BYTES = 4 * 1024 * 1024;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, ending } = options;
  const since = monotonic();
  const say = (line: string) => options.say(`${clock(monotonic() - since)} ${line}`);
  const problems: string[] = [];
  const onLost = (why: string) => {
    problems.push(why);
    say(`PROBLEM ${why}`);
  };
  const folder = mkdtempSync(join(tmpdir(), 'dupescope-chaos-'));
  const ground = Ground.make(folder, options.keep === true);
  if (options.keep) say(`Kept: ${folder}`);
  ending.add('folder', () => ground.remove());
  const specs = options.lanes.filter((spec) => spec.disk !== true || ground.disk !== null);
  for (const { name } of options.lanes.filter((spec) => !specs.includes(spec))) {
    say(`SKIPPED ${name}: only root on Linux may mount its small disk`);
  }

  say('Starting the brokers and the service');
  const fragile = new Fragile(await startOwnBroker({ proxy: true }));
  ending.add('fragile broker', () => fragile.broker.stop());
  let { brokers } = options;
  if (brokers === null) {
    const steady = await startOwnBroker();
    ending.add('broker', () => steady.stop());
    brokers = steady.brokers;
  }
  const service = new Service(
    join(folder, 'service.db'),
    await freePort(),
    TOKEN,
    join(folder, 'service.log'),
    onLost,
  );
  ending.add('children', killAll);
  await service.start();

  let bank: PostgresServer | null = null;
  if (specs.some(({ payments }) => payments === 'postgres')) {
    bank = await startPostgres();
    ending.add('PostgreSQL', bank.stop.bind(bank));
  }
  const paymentsOf = async ({ name, payments }: LaneSpec) => {
    if (payments === undefined) return null;
    if (payments === 'sqlite' || bank === null) return new Payments(folder, name, null);
    const pool = await testPool(bank);
    ending.add(`pool of ${name}`, () => pool.end());
    return new Payments(folder, name, { server: bank, pool });
  };

  const stage: Stage = { fragile, service, disk: ground.disk };
  const suffix = randomBytes(3).toString('hex');
  const lanes: Lane[] = [];
  for (const spec of specs) {
    const store = join(
      spec.disk ? join(folder, 'disk') : folder,
      `${spec.ledger === 'own' ? spec.name : spec.ledger}.db`,
    );
    const place: LanePlace = {
      folder,
      suffix,
      brokers: spec.fragile ? fragile.broker.proxied : brokers,
      directBrokers: spec.fragile ? fragile.broker.brokers : brokers,
      store,
      payments: await paymentsOf(spec),
      onLost,
      onReplaced: (why) => say(`replaced: ${why}`),
      options: (number) =>
        spec.ledger === 'service'
          ? {
              pastLimitMs: PAST_MS,
              service: service.url,
              token: TOKEN,
              reportEveryMs: 500,
              journal: hostOf(folder, spec, number),
            }
          : { pastLimitMs: PAST_MS, store, ...(spec.disk ? { journalLimitBytes: SMALL_JOURNAL_BYTES } : {}) },
    };
    const lane = new Lane(spec, place, laneRandom(seed, `${spec.name} processes`));
    if (spec.fragile) fragile.acts.push(lane.acts);
    ending.add(spec.name, () => lane.close());
    lanes.push(lane);
  }
  say(`Opening ${lanes.length} lanes`);
  // Not all at once: dozens of processes that start together starve one another out of their sessions.
  for (let i = 0; i < lanes.length; i += 3)
    await Promise.all(lanes.slice(i, i + 3).map((lane) => lane.open()));

  const episodes = new Map(lanes.map((lane) => [lane, new Map<string, number>()]));
  const progress = setInterval(() => {
    const done = [...episodes.values()].flatMap((of) => [...of.values()]).reduce((a, b) => a + b, 0);
    const kills = lanes.reduce((sum, lane) => sum + lane.kills, 0);
    const produced = lanes.reduce((sum, lane) => sum + lane.produced, 0);
    say(
      `... ${done} episodes, ${kills} kills, ${service.kills} of the service, ${produced} records, ${problems.length} problems`,
    );
  }, PROGRESS_MS);
  ending.add('progress', () => clearInterval(progress));
  const turns = new Turns(EPISODES_A_CORE * availableParallelism());
  const play = async (lane: Lane) => {
    const counts = episodes.get(lane) as Map<string, number>;
    let played = 0;
    try {
      for (const { fault, seed: own } of planOf(seed, lane.spec)) {
        if (!options.goesOn(played / lane.spec.faults.length)) break;
        const words = await turns.within(async () => {
          const done = await fault.inject(lane, new Random(own), stage);
          await lane.settle();
          return done;
        });
        say(`${lane.spec.name}: ${fault.name}: ${words}`);
        counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
        played++;
      }
    } catch (error) {
      onLost(`${lane.spec.name} cannot go on: ${(error as Error).message}`);
    }
    await leaveNoOrphans(lane).catch((error: Error) => onLost(error.message));
  };
  await Promise.all(lanes.map(play));
  clearInterval(progress);
  const written = new Map<Lane, number>();
  for (const lane of lanes.filter(({ place }) => place.payments !== null)) {
    written.set(
      lane,
      [...(await lane.ends()).values()].reduce((sum, end) => sum + end, 0),
    );
  }
  say('Everything is consumed; the ledgers are finished');
  await service.stop();

  const reports: LaneReport[] = [];
  const dropped = { events: 0, deliveries: 0 };
  for (const store of new Set(lanes.map((lane) => storeOf(lane, service)))) {
    const mine = lanes.filter((lane) => storeOf(lane, service) === store);
    finish(store);
    const { events, deliveries } = droppedIn(store);
    dropped.events += events;
    dropped.deliveries += deliveries;
    const side = readLedger(store, (name, topicId) => lifeOf(mine, name, topicId));
    for (const lane of mine) {
      const own = <Row extends { group: string }>(rows: Row[]) =>
        rows.filter(({ group }) => group === lane.group);
      const truth: TruthDelivery[] = new TruthReader(lane.truthFolder).poll();
      const verdict = judge(lane.spec.name, truth, readActs(lane.actsFolder), {
        runs: own(side.runs),
        found: own(side.found),
        losses: own(side.losses),
      });
      reports.push({
        ...verdict,
        handler: lane.spec.handler,
        complaints: lane.complaints(),
        said: lane.said(),
        payments:
          (await lane.place.payments?.report(accountOf(store, lane.group), written.get(lane) ?? 0)) ?? null,
        kills: lane.kills,
        hung: lane.hung,
        episodes: episodes.get(lane) ?? new Map(),
      });
    }
  }
  const brokerKills = [...episodes.values()].reduce(
    (sum, of) => sum + (of.get('broker killed with SIGKILL') ?? 0),
    0,
  );
  const order = (name: string) => specs.findIndex((spec) => spec.name === name);
  reports.sort((a, b) => order(a.name) - order(b.name));
  const seconds = (monotonic() - since) / 1000;
  return { seed, seconds, lanes: reports, serviceKills: service.kills, brokerKills, dropped, problems };
}

function storeOf(lane: Lane, service: Service): string {
  return lane.spec.ledger === 'service' ? service.store : lane.place.store;
}

/** So often heirs are started to tell what others left. */
const HEIR_ROUNDS = 5;

/** Two hosts a lane: they share nothing but Kafka and the service. */
function hostOf(folder: string, spec: LaneSpec, number: number): string {
  return join(folder, `${spec.name}-host-${number % 2}.journal`);
}

/**
 * Ends the lane's processes. What the killed left on a host, and what one that ended could not tell within its limit
 * (the service may be away), is told by a neighbour: each host of a lane that reports gets a living process until
 * nothing is left.
 */
async function leaveNoOrphans(lane: Lane): Promise<void> {
  if (lane.spec.ledger !== 'service') return lane.stopAll();
  const waiting = () =>
    [1, 2].flatMap((number) => {
      const journal = hostOf(lane.place.folder, lane.spec, number);
      if (!existsSync(journal)) return [];
      return readdirSync(journal).flatMap((of) => readdirSync(join(journal, of)));
    }).length;
  for (let round = 0; round < HEIR_ROUNDS; round++) {
    await heirsTell(lane, waiting);
    await lane.stopAll();
    if (waiting() === 0) return;
  }
  throw new Error(`${waiting()} journals of ${lane.spec.name} are still not told`);
}

async function heirsTell(lane: Lane, waiting: () => number): Promise<void> {
  for (let more = 0; more < 2; more++) lane.start();
  await until(
    `the orphan journals of ${lane.spec.name} are told`,
    () => waiting() === lane.workers.length,
    30_000,
  );
}

/** Where the broker told no id in time, a topic that had one life alone is that. */
function lifeOf(lanes: readonly Lane[], name: string, topicId: string | null): string {
  const ids = lanes.find((lane) => lane.topic === name)?.topicIds ?? [];
  const life = topicId === null && ids.length === 1 ? 0 : ids.indexOf(topicId ?? '');
  return `${name}@${life < 0 ? topicId : life}`;
}

function clock(ms: number): string {
  const seconds = ms / 1000;
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;
}
