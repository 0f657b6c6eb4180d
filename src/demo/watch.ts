/** Follows a running demo twice a second: the truth's files, the service's answers, the faults so far. */
import type { Group as GroupAnswer, Redelivery } from '../service/schemas';
import type { Answers } from './answers';
import type { Finding } from './compare';
import type { Group } from './group';
import { pause } from './patience';
import type { Tally } from './tally';
import { agreement, type Injection, isWithin } from './verdict';

const EVERY_MS = 500;
/** So many looks make up a rate. */
const RATE_LOOKS = 5;
/** The faults that are looked after; of earlier ones the last count stands. */
const RECENT = 16;
/** How long an ended fault waits for what the store has not taken in yet. */
const LATE_MS = 6_000;

/** One fault, and what was found of it so far. */
export interface Sight {
  injection: Injection;
  truth: number;
  found: [least: number, most: number];
  agrees: boolean;
  /** Who had the first copy and who the second, in words: the pair with the most records. */
  sides: string;
  /** Its numbers will hardly change any more, and were told. */
  told: boolean;
}

export interface GroupSight {
  group: Group;
  answer: GroupAnswer | undefined;
  perSecond: number;
}

export class Watch {
  readonly sights: Sight[] = [];
  groups: GroupSight[];
  private looks: { at: number; deliveries: Map<string, number> }[] = [];

  /** @param onLook called after each look, with the faults that are told now */
  constructor(
    groups: readonly Group[],
    private readonly tally: Tally,
    private readonly answers: Answers,
    private readonly onLook: (finished: Sight[]) => void,
  ) {
    this.groups = groups.map((group) => ({ group, answer: undefined, perSecond: 0 }));
  }

  add(injection: Injection): void {
    this.sights.push({ injection, truth: 0, found: [0, 0], agrees: false, sides: '', told: false });
  }

  /** Until the signal. Nothing of the faults depends on it but the truth that it reads. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.tally.poll();
      // An answer that failed is followed by another; the service's end is told by its process.
      await this.look().catch(() => undefined);
      await pause(EVERY_MS, signal).catch(() => undefined);
    }
  }

  private async look(): Promise<void> {
    this.learnTotals(await this.answers.groups());
    const recent = this.sights.slice(-RECENT);
    const since = Math.min(...recent.map(({ injection }) => injection.from));
    if (recent.length > 0) this.learnFindings(recent, await this.answers.redeliveries(since));
    const finished = this.sights.filter((sight) => !sight.told && isFinished(sight));
    for (const sight of finished) sight.told = true;
    this.onLook(finished);
  }

  private learnTotals(answers: readonly GroupAnswer[]): void {
    const deliveries = new Map(answers.map((answer) => [answer.group, answer.deliveries]));
    this.looks = [...this.looks.slice(1 - RATE_LOOKS), { at: performance.now(), deliveries }];
    const [oldest, newest] = [this.looks[0], this.looks.at(-1)];
    const seconds = ((newest?.at ?? 0) - (oldest?.at ?? 0)) / 1_000;
    this.groups = this.groups.map(({ group }) => {
      const grown = (newest?.deliveries.get(group.id) ?? 0) - (oldest?.deliveries.get(group.id) ?? 0);
      const answer = answers.find((one) => one.group === group.id);
      return { group, answer, perSecond: seconds > 0 ? grown / seconds : 0 };
    });
  }

  private learnFindings(recent: readonly Sight[], redeliveries: readonly Redelivery[]): void {
    for (const sight of recent) {
      const { injection } = sight;
      const truth = this.tally.redelivered.filter((one) => isWithin(injection, one)).length;
      const mine = redeliveries.filter((one) => isWithin(injection, findingOf(one)));
      Object.assign(sight, agreement(truth, mine.map(findingOf)), { sides: sidesOf(mine) });
    }
  }
}

export function findingOf({ first_offset: first, last_offset: last, ...more }: Redelivery): Finding {
  const { group, topic, partition, certain, cause } = more;
  return { group, topic, partition, first, last, at: Date.parse(more.at), certain, cause };
}

function isFinished({ injection: { until }, agrees }: Sight): boolean {
  return until !== null && (agrees || Date.now() - until > LATE_MS);
}

function sidesOf(redeliveries: readonly Redelivery[]): string {
  const pairs = new Map<string, number>();
  for (const { previous, delivery, records } of redeliveries) {
    const pair = `${sideText(previous)} -> ${sideText(delivery)}`;
    pairs.set(pair, (pairs.get(pair) ?? 0) + records);
  }
  const [most] = [...pairs].sort((a, b) => b[1] - a[1]);
  if (most === undefined) return '';
  return pairs.size === 1 ? most[0] : `${most[0]} and ${pairs.size - 1} more`;
}

function sideText({ client_id, host, pid }: Redelivery['delivery']): string {
  return `${client_id ?? '?'} (pid ${pid} on ${host})`;
}
