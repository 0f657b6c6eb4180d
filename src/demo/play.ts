/** The demo on a broker: places the pieces, plays the rounds, and judges the one of `--once`. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DupescopeError } from '../errors';
import type { Redelivery } from '../service/schemas';
import { journalRoot } from '../store/journal-root';
import type { Answers } from './answers';
import type { Ending } from './ending';
import { Group } from './group';
import { readRuns } from './ledger-rows';
import { until } from './patience';
import { clearPlace, makePlace, type Place } from './place';
import { Payments } from './producer';
import { Random } from './random';
import { playRound } from './round';
import { beganLine, clock, finishedLine, invitation, screenLines } from './screen';
import { givenService, startService } from './service';
import { Tally } from './tally';
import type { Terminal } from './terminal';
import { type Injection, judge, type Verdict } from './verdict';
import { findingOf, Watch } from './watch';
import { MEMBERS, ROLES } from './workload';

/** How long the causes of the last findings may take, in ms. */
const EXPLAINED_MS = 4_000;

export interface PlayOptions {
  brokers: string[];
  isOwnBroker: boolean;
  folder: string;
  seed: number;
  /** Of performance.now(). */
  since: number;
  once: boolean;
  keep: boolean;
  listen: string | undefined;
  service: string | undefined;
  terminal: Terminal;
  ending: Ending;
  /** Aborted by Ctrl-C, and here when a piece is lost. */
  stop: AbortController;
}

/** Answers with `once`; else plays until the signal. */
export async function play(options: PlayOptions): Promise<Verdict> {
  const { brokers, folder, seed, since, terminal, ending, stop } = options;
  const { signal } = stop;
  const patience = { signal };
  const onLost = (why: string) => stop.abort(new DupescopeError('internal', `The demo cannot go on: ${why}`));
  const say = (line: string) => terminal.line(`${clock(since)} ${line}`);

  say('Making the topic');
  const place = await makePlace(brokers, folder);
  ending.add('topic', () => clearPlace(place, options.isOwnBroker));

  say(
    options.service === undefined ? 'Starting the service' : `Waiting for the service at ${options.service}`,
  );
  const service =
    options.service === undefined
      ? await startService(place, { listen: options.listen, keep: options.keep, onLost }, patience)
      : await givenService(options.service, patience);
  ending.add('service', () => service.stop());

  const tally = new Tally(join(folder, 'truth'), options.once);
  const groups = ROLES.map((role) => new Group(role, place, options.service, tally, onLost));
  ending.add('consumers', async () => {
    await Promise.all(groups.map((group) => group.end()));
  });
  say(`Starting ${groups.length} groups of ${MEMBERS} consumer processes: ${ROLES.join(', ')}`);
  for (const group of groups) for (let i = 0; i < MEMBERS; i++) group.add();
  await Promise.all(groups.map((group) => group.settle(patience)));

  const payments = await Payments.start(place, onLost);
  ending.add('producer', () => payments.stop());
  say('Payments flow');
  for (const line of invitation(service.answers)) terminal.line(line);

  const stage = { payments, answers: service.answers, seed, since, round: 0 };
  const watch = new Watch(groups, tally, service.answers, (finished) => {
    if (terminal.isScreen) terminal.draw(screenLines({ ...stage, watch }));
    else for (const sight of finished) terminal.line(finishedLine(sight, since));
  });
  const watching = new AbortController();
  const watched = watch.run(watching.signal);
  ending.add('watch', () => watching.abort());

  await Promise.all(groups.map((group) => group.warmUp(patience)));
  const players = groups.map((group, i) => ({ group, random: new Random(seed * ROLES.length + i) }));
  const news = {
    began: (injection: Injection) => {
      watch.add(injection);
      if (!terminal.isScreen) terminal.line(beganLine(injection, since));
    },
  };
  let injections: Injection[];
  do {
    stage.round++;
    injections = await playRound(players, news, stop);
  } while (!options.once);

  say('The round is over; waiting until everything is consumed, committed and stored');
  await payments.stop();
  await Promise.all(groups.map((group) => group.catchUp(patience)));
  await Promise.all(groups.map((group) => group.stopAll()));
  await until('the store has every journal', () => isStored(place), patience);
  watching.abort();
  await watched;
  terminal.keep();
  return verdictOf(place, tally, service.answers, injections);
}

function isStored({ store }: Place): boolean {
  const root = journalRoot(store);
  return !existsSync(root) || readdirSync(root).length === 0;
}

/** The findings, once their causes are looked into: that is a second's work, and some stay unknown. */
async function explained(answers: Answers): Promise<Redelivery[]> {
  const until = Date.now() + EXPLAINED_MS;
  for (;;) {
    const found = await answers.redeliveries(0);
    if (Date.now() > until || found.every(({ cause }) => cause !== 'unknown')) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function verdictOf(
  { store }: Place,
  tally: Tally,
  answers: Answers,
  injections: readonly Injection[],
): Promise<Verdict> {
  tally.poll();
  const findings = (await explained(answers)).map(findingOf);
  return judge({ injections, truth: tally.deliveries, runs: readRuns(store), findings });
}
