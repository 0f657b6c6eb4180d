/**
 * One group's life as its records tell it.
 *
 *     unknown --members--> live <--members, last one leaves--> empty --tombstone--> unknown
 */
import type { GroupState, WatchedGeneration, WatchedGroup, WatchedMember } from '../../ledger';
import type { AssignmentById, ConsumerMember } from '../offsets/consumer-group';
import type { ClassicGroup } from '../offsets/group-value';

export class GroupLife {
  state: GroupState = 'unknown';
  stateBefore: GroupState = 'unknown';
  /** Since when it is in this state, unix ms; 0: not known. */
  since = 0;
  generation: number | null = null;
  goneAt: number | null = null;
  changed = false;
  /** The assignor; null: not seen since the start. */
  assignor: string | null = null;
  private protocol: 'classic' | 'consumer' | null = null;
  private members = new Map<string, WatchedMember>();
  private rebalances = 0;
  private begun: { generation: number; at: number } | null = null;
  /** The last that began since the start, as it was told. */
  private current: { generation: number; at: number } | null = null;
  private generations: WatchedGeneration[] = [];

  constructor(readonly name: string) {}

  get memberCount(): number {
    return this.members.size;
  }

  /** Who has that partition. */
  ownerOf(topic: string, topicId: string | null, partition: number): WatchedMember | null {
    for (const member of this.members.values()) {
      const key = this.protocol === 'consumer' ? topicId : topic;
      if (key !== null && member.assignment?.[key]?.includes(partition)) return member;
    }
    return null;
  }

  classic(value: ClassicGroup, recordedAt: number): void {
    const at = value.at ?? recordedAt;
    this.protocol = 'classic';
    this.assignor = value.protocol;
    this.goneAt = null;
    // Those of the generation before are told before they are replaced.
    this.tellBegun();
    this.members = new Map(value.members.map((member) => [member.memberId, member]));
    // The same generation is written again where a static member takes its place again.
    if (value.generation !== this.generation) this.begin(value.generation, at);
    this.enter(value.members.length === 0 ? 'empty' : 'live', at);
  }

  epoch(epoch: number, at: number): void {
    this.protocol = 'consumer';
    this.goneAt = null;
    if (epoch !== this.generation) this.begin(epoch, at);
    this.enter(this.members.size === 0 ? 'empty' : 'live', at);
  }

  member(memberId: string, member: ConsumerMember | null, at: number): void {
    this.protocol = 'consumer';
    if (member === null) this.members.delete(memberId);
    else {
      const assignment = this.members.get(memberId)?.assignment ?? null;
      this.members.set(memberId, { ...member, memberId, sessionTimeoutMs: null, assignment });
    }
    this.enter(this.members.size === 0 ? 'empty' : 'live', at);
  }

  assigned(memberId: string, assignment: AssignmentById | null): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    this.members.set(memberId, { ...member, assignment });
    // Told again, with what its members got.
    this.begun ??= this.current;
    this.changed = true;
  }

  deleted(at: number): void {
    this.tellBegun();
    this.goneAt = at;
    this.generation = null;
    this.members = new Map();
    this.enter('unknown', at);
  }

  /** What is to be told since it was asked last. */
  drain(): { group: WatchedGroup; generations: WatchedGeneration[] } {
    this.tellBegun();
    const { generations, rebalances } = this;
    this.changed = false;
    this.generations = [];
    this.rebalances = 0;
    return {
      generations,
      group: {
        group: this.name,
        protocol: this.protocol,
        state: this.state,
        stateBefore: this.stateBefore,
        generation: this.generation,
        since: this.since,
        members: [...this.members.values()],
        goneAt: this.goneAt,
        rebalances,
      },
    };
  }

  restore(stored: WatchedGroup): void {
    this.protocol = stored.protocol;
    this.state = stored.state;
    this.stateBefore = stored.stateBefore;
    this.generation = stored.generation;
    this.since = stored.since;
    this.goneAt = stored.goneAt;
    this.members = new Map(stored.members.map((member) => [member.memberId, member]));
  }

  private enter(state: GroupState, at: number): void {
    this.changed = true;
    if (state === this.state) return;
    this.stateBefore = this.state;
    this.state = state;
    this.since = at;
  }

  private begin(generation: number, at: number): void {
    this.tellBegun();
    this.generation = generation;
    this.begun = { generation, at };
    this.current = this.begun;
    if (this.members.size > 0) this.rebalances++;
  }

  /** Members of the new protocol come in records of their own, after the epoch's or before it. */
  private tellBegun(): void {
    if (this.begun === null) return;
    this.generations.push({ ...this.begun, group: this.name, members: [...this.members.values()] });
    this.begun = null;
  }
}
