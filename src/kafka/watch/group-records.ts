/** Records of the offsets log that tell of groups, made into their lives. */
import { readConsumerMember, readGroupEpoch, readMemberAssignment } from '../offsets/consumer-group';
import { readClassicGroup } from '../offsets/group-value';
import { readKey } from '../offsets/key';
import type { RecordPlace } from '../offsets/record-batch';
import { GroupLife } from './group-life';
import type { SkipCount } from './skip-count';

export class GroupRecords {
  private readonly groups = new Map<string, GroupLife>();
  private readonly changed = new Set<GroupLife>();

  constructor(
    private readonly watches: (group: string) => boolean,
    private readonly skipped: SkipCount,
  ) {}

  get hasChanged(): boolean {
    return this.changed.size > 0;
  }

  group(name: string): GroupLife {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const made = new GroupLife(name);
    this.groups.set(name, made);
    return made;
  }

  /** A record of a group itself: of its members, its generation, or its end. */
  record(bytes: Buffer, record: RecordPlace): void {
    const key = readKey(bytes, record.keyStart, record.keyEnd);
    if (key === 'unreadable' || key === 'unknown version') {
      this.skipped.add(key);
      return;
    }
    if (key.kind === 'commit' || !this.watches(key.group)) return;
    const { valueStart: start, valueEnd: end, at } = record;
    const group = this.group(key.group);
    const isTombstone = start < 0;
    switch (key.kind) {
      case 'classic': {
        if (isTombstone) {
          group.deleted(at);
          break;
        }
        const value = readClassicGroup(bytes, start, end);
        if (typeof value === 'string') this.skipped.add(value);
        else group.classic(value, at);
        break;
      }
      case 'epoch': {
        if (isTombstone) {
          group.deleted(at);
          break;
        }
        const epoch = readGroupEpoch(bytes, start, end);
        if (epoch === null) this.skipped.add('unreadable');
        else group.epoch(epoch, at);
        break;
      }
      case 'member': {
        const member = isTombstone ? null : readConsumerMember(bytes, start, end);
        if (!isTombstone && member === null) this.skipped.add('unreadable');
        else group.member(key.memberId, member, at);
        break;
      }
      case 'assignment': {
        const assignment = isTombstone ? null : readMemberAssignment(bytes, start, end);
        if (!isTombstone && assignment === null) this.skipped.add('unreadable');
        else group.assigned(key.memberId, assignment);
        break;
      }
    }
    if (group.changed) this.changed.add(group);
  }

  /** What became of groups since it was asked last. */
  drain(): ReturnType<GroupLife['drain']>[] {
    const told = [...this.changed].map((group) => group.drain());
    this.changed.clear();
    return told;
  }
}
