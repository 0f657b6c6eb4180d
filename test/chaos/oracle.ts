/**
 * Which causes are right for a redelivery, decided by the truth alone: who was given the record before and now (the
 * ground truth, ordered by the machine's monotonic clock), and what was done in between (the acts). The ledger is never
 * asked. The fate of the member that had the copy before decides; a *member* is a process between two of its joins.
 *
 * - The handler threw at this very record: `handler_error`, whoever gets it next.
 * - Whoever gets it had sought to it, or to one before it: `seek`, whoever had the copy before.
 * - The same member again: its handler threw in that batch (also kafkajs's own error, which a heartbeat or a commit had
 *   thrown at it), or it returned and left records unresolved. If none of these was done, no cause is right but
 *   `unknown`.
 * - Another process whose member is older than that of the copy before: `zombie`.
 * - Somebody changed the group's offsets, or the log, while the group was empty: that.
 * - Its last commit of the partition named this very record: `off_by_one`.
 * - Its consumer crashed by its handler's error in that batch: `handler_error`.
 * - Its process was killed as that member, or ended by itself without disconnecting: `killed_before_commit`. One that had joined anew before its end lost its position by
 *   that join, and not by its end.
 * - kafkajs was told that the group does not know it any more: `session_timeout`.
 * - Its last commit of the partition was refused: `commit_failed`.
 * - Otherwise the partition moved: `rebalance_before_commit`. So it is for the other members of a group one of which was
 *   killed, froze, came or left: their own members end by the rebalance.
 *
 * Two causes are right at once only where two faults overlap in one member's life:
 * - while its connections are disturbed its commits fail (`commit_failed`), and its member ends as it was said above;
 * - a member that was thrown out delivers a record a moment before or after its new owner (within a session time-out):
 *   one copy is a zombie's, the other comes because that member was thrown out, and the ledger has the times of whole
 *   runs, not of each record;
 * - a member was thrown out, and its process ended before it joined again;
 * - the group refused a member's commits, and on a busy machine it was thrown out besides;
 * - a member that commits each record instead of the next ended while the next such commit was under way: that record
 *   comes again with the one before it, and it may have been the one before whose commit counts;
 * - a member's handler threw, and its partition moved before the next try: the rest of that batch comes again for both;
 * - the group announced a rebalance to a member, and threw it out because it did not come in time;
 * - the broker failed a commit of a member (a coordinator that is loading), and its partition moved besides;
 * - a member sought back, and its partition moved before it had read on: kafkajs commits what was sought, so the seek
 *   is what counts, also when neither copy is of that member.
 */
import type { TruthDelivery } from '../../src/demo/truth';
import type { Cause } from '../../src/ledger';
import type { Act } from './acts';
import { SESSION_MS } from './lane';

interface Member {
  worker: string;
  epoch: number;
}

type Of<Kind extends Act['act']> = Extract<Act, { act: Kind }>;

export function memberOf({ worker }: TruthDelivery): Member {
  const hash = worker.lastIndexOf('#');
  return { worker: worker.slice(0, hash), epoch: Number(worker.slice(hash + 1)) };
}

/** A join is known to the application when it tells it: on a busy machine that long after the group knows it. */
const KNOWN_LATER_MS = 1_000;

/** The acts of one group, for looking up. */
export class Oracle {
  private readonly joins = new Map<string, number>();
  private readonly lastEpoch = new Map<string, number>();
  private readonly killed = new Set<string>();
  private readonly evicted = new Set<string>();
  private readonly announced = new Set<string>();
  private readonly failedCommits = new Map<string, number[]>();
  private readonly crashed = new Map<string, Of<'crashed'>>();
  private readonly places = new Map<string, Act[]>();
  private readonly operator: Of<'operator'>[] = [];
  private readonly network: Of<'network'>[] = [];

  constructor(acts: readonly Act[]) {
    for (const act of acts) this.learn(act);
  }

  /** @param before the delivery of the same record before it */
  right(before: TruthDelivery, copy: TruthDelivery): Set<Cause> {
    const [first, second] = [memberOf(before), memberOf(copy)];
    const same = first.worker === second.worker && first.epoch === second.epoch;
    const within = ({ at }: { at: number }) => at >= before.at && at <= copy.at;
    const between = this.actsOf(first, before.partition).filter(within);
    if (between.some((act) => act.act === 'threw' && act.offset === before.offset)) {
      return new Set(['handler_error']);
    }
    if (this.wentBack(second, copy, within)) return new Set(['seek']);
    if (same) return this.rightForSame(between);
    if (first.worker !== second.worker && this.joinedAt(second) < this.joinedAt(first)) {
      const atOnce = this.evicted.has(keyOf(second)) && copy.at - before.at < SESSION_MS;
      return new Set(atOnce ? ['zombie', 'session_timeout'] : ['zombie']);
    }
    const changed = this.operator.findLast(({ at }) => at > before.at && at < copy.at);
    if (changed !== undefined) return new Set([changed.right]);
    // The batch that a crash of its handler cut off: what of it had not been reached yet follows from that.
    const crash = this.crashed.get(keyOf(first));
    const cutOff = between.some((act) => act.act === 'threw' && act.offset <= before.offset);
    if (crash !== undefined && cutOff) return new Set(['handler_error']);
    const right = this.rightForFate(first, before, copy);
    if (cutOff) right.add('handler_error');
    if (this.evicted.has(keyOf(first)) && this.announced.has(keyOf(first)))
      right.add('rebalance_before_commit');
    if (this.failedCommits.get(keyOf(first))?.some((at) => within({ at }))) right.add('commit_failed');
    if (this.committedShort(first, before)) right.add('off_by_one');
    if (this.sought(copy).some(within)) right.add('seek');
    // The old member's own late delivery came first by a moment: both copies follow from its being thrown out.
    const late = first.worker !== second.worker && before.at > this.joinedAt(second) - KNOWN_LATER_MS;
    if (late && right.has('session_timeout')) right.add('zombie');
    return right;
  }

  /** That member sought to that record, or to one before it. */
  private wentBack(
    member: Member,
    { partition, offset }: TruthDelivery,
    within: (act: Act) => boolean,
  ): boolean {
    return this.actsOf(member, partition).some(
      (act) => act.act === 'sought' && act.offset <= offset && within(act),
    );
  }

  /** That member committed the record before in the place of this one; or this one, and then the next, which may not count. */
  private committedShort(member: Member, { partition, offset }: TruthDelivery): boolean {
    const commits = this.actsOf(member, partition).filter(({ act }) => /commit/.test(act));
    const [former, last] = [commits.at(-2), commits.at(-1)];
    const isShort = (act: Act | undefined, of: number) => act?.act === 'short-commit' && act.offset === of;
    return isShort(last, offset - 1) || (isShort(last, offset + 1) && isShort(former, offset));
  }

  /** Seeks of anybody to that record, or to one before it. */
  private sought({ partition, offset }: TruthDelivery): Act[] {
    return [...this.places]
      .filter(([place]) => place.endsWith(` ${partition}`))
      .flatMap(([, acts]) => acts)
      .filter((act) => act.act === 'sought' && act.offset <= offset);
  }

  private rightForSame(between: readonly Act[]): Set<Cause> {
    const did = (what: Act['act']) => between.some(({ act }) => act === what);
    if (did('threw') || did('passed-on')) return new Set(['handler_error']);
    if (did('returned')) return new Set(['left_unresolved']);
    return new Set();
  }

  private rightForFate(member: Member, before: TruthDelivery, copy: TruthDelivery): Set<Cause> {
    const commits = this.actsOf(member, before.partition).filter(
      ({ act, at }) => /commit/.test(act) && at <= copy.at,
    ) as Of<'commit' | 'short-commit' | 'commit-refused'>[];
    const last = commits.at(-1);
    if (last?.act === 'short-commit' && last.offset === before.offset) return new Set(['off_by_one']);
    const key = keyOf(member);
    const disturbed = this.network.some(({ at, until }) => at <= copy.at && until >= before.at);
    if (this.killed.has(key)) {
      return new Set([
        'killed_before_commit',
        ...(this.evicted.has(key) ? (['session_timeout'] as const) : []),
        ...(disturbed ? (['commit_failed'] as const) : []),
      ]);
    }
    const refused = last?.act === 'commit-refused' && last.offset >= before.offset;
    if (refused)
      return new Set(['commit_failed', ...(this.evicted.has(key) ? (['session_timeout'] as const) : [])]);
    const fate = this.evicted.has(key) ? 'session_timeout' : 'rebalance_before_commit';
    return new Set(disturbed ? [fate, 'commit_failed'] : [fate]);
  }

  private joinedAt(member: Member): number {
    return this.joins.get(keyOf(member)) ?? 0;
  }

  private actsOf({ worker, epoch }: Member, partition: number): Act[] {
    return this.places.get(`${worker}#${epoch} ${partition}`) ?? [];
  }

  private learn(act: Act): void {
    if (act.act === 'operator') this.operator.push(act);
    else if (act.act === 'network') this.network.push(act);
    else if (act.act === 'killed' || act.act === 'ended') {
      this.killed.add(keyOf({ worker: act.worker, epoch: this.lastEpoch.get(act.worker) ?? 0 }));
    } else if (act.act === 'joined') {
      this.joins.set(keyOf(act), act.at);
      this.lastEpoch.set(act.worker, act.epoch);
    } else if (act.act === 'thrown-out') this.evicted.add(keyOf(act));
    else if (act.act === 'rebalancing') this.announced.add(keyOf(act));
    else if (act.act === 'commit-failed') {
      const key = keyOf(act);
      this.failedCommits.set(key, [...(this.failedCommits.get(key) ?? []), act.at]);
    } else if (act.act === 'crashed') this.crashed.set(keyOf(act), act);
    else if ('partition' in act) {
      const place = `${keyOf(act)} ${act.partition}`;
      const acts = this.places.get(place);
      if (acts === undefined) this.places.set(place, [act]);
      else acts.push(act);
    }
  }
}

function keyOf({ worker, epoch }: Member): string {
  return `${worker}#${epoch}`;
}
