/**
 * The account of a message that stands at several places of the log, all known, over its deliveries to one group. One of
 * them, at whichever place, applied the message: the others are copies. The place of that one is the message's; every
 * other place that was delivered is a duplicate delivered. `account` tells of each place alone; here is what knowing the
 * places adds to that. A place that the group was not given does not count, and a message known to it from one place
 * adds nothing.
 *
 * Within a partition the deliveries have one order, and the rules of a single record hold for all of them together.
 * Between partitions they have not: a run tells when it began, and lasts seconds. So a delivery that applied the message
 * stands for it also where another partition had a hit that seems to be earlier.
 */
import {
  type Account,
  accountFrom,
  accountOf,
  type Fate,
  type FateOfRun,
  inEffect,
  NO_ACCOUNT,
  originalOf,
} from './account';

/** One place of the message, and its deliveries to one group, in the order of time. */
export interface DeliveredPlace {
  partition: number;
  offset: number;
  deliveries: readonly FateOfRun[];
}

interface Delivery extends FateOfRun {
  /** Number of the place, and of the delivery there. */
  place: number;
  index: number;
  partition: number;
  offset: number;
}

/** What is to be added to the account of each place alone. */
export function correctionsOf(places: readonly DeliveredPlace[]): Account[] {
  const accounts = accountsOf(places);
  return places.map(({ deliveries }, i) => {
    const alone = accountOf(deliveries.map(({ fate }) => fate));
    const correction = { ...NO_ACCOUNT };
    for (const key of Object.keys(alone) as (keyof Account)[]) {
      correction[key] = (accounts[i] as Account)[key] - alone[key];
    }
    return correction;
  });
}

/** The account of each place, in their order. */
export function accountsOf(places: readonly DeliveredPlace[]): Account[] {
  const all = places
    .flatMap(({ partition, offset, deliveries }, place) =>
      deliveries.map((one, index): Delivery => ({ ...one, place, index, partition, offset })),
    )
    .sort(inOrder);
  const original = originalAmong(all);
  const accounts = places.map(({ deliveries }, place): Account => {
    if (deliveries.length === 0) return { ...NO_ACCOUNT };
    const own = original !== null && original.place === place ? original.index : null;
    return accountFrom(
      deliveries.map(({ fate }) => fate),
      own,
    );
  });
  // Nothing is known to be applied: the first of those in flight would be the one that was.
  const lost = all.find(({ fate }) => fate === 'lost');
  if (lost !== undefined && !all.some(({ fate }) => isTelling(fate)) && original?.fate !== 'lost') {
    (accounts[lost.place] as Account).perhapsAgain--;
  }
  return accounts;
}

/** The delivery that is no copy; null: the message was applied at a place that is not among these. */
function originalAmong(all: readonly Delivery[]): Delivery | null {
  const numbers = [...new Set(all.map(({ partition }) => partition))];
  if (numbers.length < 2) return ownOriginal(all);
  const partitions = numbers.map((number) => all.filter(({ partition }) => partition === number));
  const applied = partitions.map(ownOriginal).filter((one) => one?.fate === 'applied') as Delivery[];
  if (applied.length > 0) return applied.sort(inOrder)[0] as Delivery;
  if (!all.some(({ fate }) => isTelling(fate))) return ownOriginal(all);
  // One of those before the hits of their partition must have applied it, and died before it could say so.
  const before = partitions.flatMap((list) => {
    const telling = list.findIndex(({ fate }) => isTelling(fate));
    return telling < 0 ? list : list.slice(0, telling);
  });
  return before.filter(({ fate }) => fate === 'lost' || fate === 'pending').sort(inOrder)[0] ?? null;
}

function ownOriginal(list: readonly Delivery[]): Delivery | null {
  if (list.length === 0) return null;
  const original = originalOf(list.map(({ fate }) => fate));
  return original === null ? null : (list[original] as Delivery);
}

function isTelling(fate: Fate): boolean {
  return fate === 'applied' || fate === 'hit';
}

/** Of one run the records come by offset, but for hits, which have their own time. */
function inOrder(a: Delivery, b: Delivery): number {
  return inEffect(a, b) || a.partition - b.partition || a.offset - b.offset;
}
