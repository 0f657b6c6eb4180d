/** What the terminal shows while the demo runs. */
import type { Answers } from './answers';
import type { Payments } from './producer';
import { role } from './report';
import { type Column, range, table } from './table';
import type { GroupSight, Sight, Watch } from './watch';

/** So many faults stand on the screen, the latest below. */
const FAULTS_SHOWN = 8;

const GROUPS: Column<GroupSight>[] = [
  { title: 'group', text: ({ group }) => group.role },
  { title: 'members', text: ({ group }) => String(group.workers.length), right: true },
  { title: 'deliveries/s', text: ({ perSecond }) => perSecond.toFixed(0), right: true },
  { title: 'deliveries', text: ({ answer }) => String(answer?.deliveries ?? 0), right: true },
  { title: 'redelivered', text: ({ answer }) => String(answer?.redeliveries ?? 0), right: true },
  { title: 'in flight', text: ({ answer }) => String(answer?.in_flight ?? 0), right: true },
  { title: 'uncertain', text: ({ answer }) => String(answer?.uncertain ?? 0), right: true },
  { title: 'lag', text: ({ answer }) => String(answer?.lag_records ?? '-'), right: true },
];

const FAULTS: Column<Sight>[] = [
  { title: 'group', text: ({ injection }) => role(injection.group) },
  { title: 'injected', text: ({ injection }) => injection.fault },
  { title: 'truth', text: ({ truth }) => String(truth), right: true },
  { title: 'found', text: ({ found }) => range(found), right: true },
  { title: '', text: ({ agrees, injection }) => (injection.until === null ? '...' : agrees ? 'ok' : '?') },
  { title: 'first copy -> second copy', text: ({ sides, injection }) => sides || injection.what },
];

export interface Stage {
  watch: Watch;
  payments: Payments;
  answers: Answers;
  seed: number;
  round: number;
  /** Of performance.now(). */
  since: number;
}

export function screenLines({ watch, payments, answers, seed, round, since }: Stage): string[] {
  const seconds = Math.round((performance.now() - since) / 1_000);
  return [
    '',
    `Round ${round}, ${seconds} s, seed ${seed}, ${payments.sent} payments sent. Service: ${answers.url} (Ctrl-C ends)`,
    '',
    ...table(GROUPS, watch.groups),
    '',
    ...table(FAULTS, watch.sights.slice(-FAULTS_SHOWN)),
  ];
}

/** For those without a screen. */
export function beganLine({ group, fault }: Sight['injection'], since: number): string {
  return `${clock(since)} ${role(group).padEnd(8)}  injecting: ${fault}`;
}

export function finishedLine({ injection, truth, found, agrees, sides }: Sight, since: number): string {
  const sight = `delivered again ${truth}, found ${range(found)}${agrees ? '' : ' so far'}`;
  const who = sides === '' ? '' : `; ${sides}`;
  return `${clock(since)} ${role(injection.group).padEnd(8)}  ${injection.fault}: ${injection.what}. ${sight}${who}`;
}

export function clock(since: number): string {
  return `[${((performance.now() - since) / 1_000).toFixed(1).padStart(5)} s]`;
}

/** What to ask the service by hand. */
export function invitation({ url }: Answers): string[] {
  return [
    `The service answers at ${url}. Open it in a browser, or try, in another terminal:`,
    `  curl '${url}/v1/groups'`,
    `  curl '${url}/v1/redeliveries?limit=3'`,
    `  curl '${url}/v1/redeliveries?since=1m&format=csv'`,
  ];
}
