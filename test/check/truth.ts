/** What the paying consumers wrote down of each delivery, before and after: the truth that the ledger is held against. */
import { readFileSync } from 'node:fs';
import { type Account, accountOf, addAccount, type Fate, NO_ACCOUNT } from '../../src/ledger';

interface Delivery {
  pid: string;
  id: string;
  isHit: boolean;
  /** Its effect was begun. */
  isApplied: boolean;
  end: 'returned' | 'threw' | 'killed';
}

export interface Truth {
  deliveries: number;
  ids: Set<string>;
  account: Account;
  /** Deliveries that ended by a kill, or by an error. */
  unfinished: number;
  /** Those of them whose effect was begun. */
  appliedUnfinished: number;
  /** Deliveries that ended by a kill, of messages that had been delivered before. */
  copiesKilled: number;
  /** Records of the ledger that the truth may lack: a kill after the ledger's note and before the handler's own line. */
  unseen: number;
}

/** @param file of `paying-app.js`: all processes but the last one were killed */
export function truthOf(file: string): Truth {
  const places = new Map<string, Delivery[]>();
  const all: Delivery[] = [];
  const open = new Map<string, number>();
  const largest = { now: 0, before: '', most: 0 };
  for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
    const [what, pid, partition, offset, id] = line.split(' ') as [string, string, string, string, string];
    const place = `${partition}/${offset}`;
    const deliveries = places.get(place) ?? [];
    places.set(place, deliveries);
    if (what === 'd') {
      const delivery: Delivery = { pid, id, isHit: false, isApplied: false, end: 'killed' };
      deliveries.push(delivery);
      all.push(delivery);
      open.set(pid, (open.get(pid) ?? 0) + 1);
      // Of one batch: the lines of one write.
      largest.now = largest.before === pid ? largest.now + 1 : 1;
      largest.most = Math.max(largest.most, largest.now);
      largest.before = pid;
      continue;
    }
    largest.before = '';
    const delivery = deliveries.findLast((one) => one.pid === pid && one.end === 'killed');
    if (delivery === undefined) throw new Error(`no delivery for "${line}"`);
    if (what === 'h') delivery.isHit = true;
    else if (what === 'e') delivery.isApplied = true;
    else {
      delivery.end = what === 'r' ? 'returned' : 'threw';
      open.set(pid, (open.get(pid) ?? 0) - 1);
    }
  }
  const account = { ...NO_ACCOUNT };
  for (const deliveries of places.values()) addAccount(account, accountOf(deliveries.map(fateOf)), 1);
  const unfinished = all.filter(({ end }) => end !== 'returned');
  const known = new Set<string>();
  let copiesKilled = 0;
  for (const { id, end } of all) {
    if (end === 'killed' && known.has(id)) copiesKilled++;
    known.add(id);
  }
  // Whoever was killed within a delivery left none that was not written down. The last one was not killed.
  const idle = [...open.values()].filter((count) => count === 0).length - 1;
  return {
    deliveries: all.length,
    ids: known,
    account,
    unfinished: unfinished.length,
    appliedUnfinished: unfinished.filter(({ isApplied }) => isApplied).length,
    copiesKilled,
    unseen: idle * largest.most,
  };
}

function fateOf({ isHit, isApplied, end }: Delivery): Fate {
  if (isHit) return 'hit';
  return isApplied && end !== 'threw' ? 'applied' : 'failed';
}
