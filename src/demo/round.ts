/** A round: every fault once to every group, in an order of the seed's; the groups run beside each other. */
import { FAULTS } from './faults';
import type { Group } from './group';
import { type Patience, until } from './patience';
import type { Random } from './random';
import { type Injection, isWithin } from './verdict';

export interface Player {
  group: Group;
  random: Random;
}

export interface RoundNews {
  began(injection: Injection): void;
}

/** @param stop aborted when one group's faults fail, so that the other's end too */
export async function playRound(
  groups: readonly Player[],
  news: RoundNews,
  stop: AbortController,
): Promise<Injection[]> {
  const played = await Promise.all(
    groups.map((player) =>
      playFaults(player, news, { signal: stop.signal }).catch((error: unknown) => {
        stop.abort(error);
        throw error;
      }),
    ),
  );
  return played.flat().sort((a, b) => a.from - b.from);
}

async function playFaults(
  { group, random }: Player,
  news: RoundNews,
  patience: Patience,
): Promise<Injection[]> {
  const played: Injection[] = [];
  for (const fault of random.shuffled(FAULTS)) {
    const from = played.at(-1)?.until ?? Date.now();
    const injection: Injection = { group: group.id, fault: fault.name, what: '', from, until: null };
    news.began(injection);
    injection.what = await fault.inject(group, random, patience);
    await until(
      `${group.id} was given records again after: ${injection.what}`,
      () => group.tally.redelivered.some((one) => isWithin(injection, one)),
      patience,
    );
    await group.settle(patience);
    injection.until = Date.now();
    played.push(injection);
  }
  return played;
}
