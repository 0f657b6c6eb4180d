/**
 * One partition as one group commits it, and what each commit makes of it.
 *
 *     never --commit--> committed --tombstone--> gone --commit--> committed
 *                           |  --commit of -1 or -2--> reset --commit--> committed
 *
 * `offset` keeps the last one through `gone` and `reset`: what is committed next below it is a rewind, whatever lies
 * between.
 */
import type { OpenRewind, StoredReset, WatchedOffset } from '../../ledger';
import type { CommitValue } from '../offsets/commit-value';
import type { GroupLife } from './group-life';

export class Place {
  /** -1: never committed. */
  offset = -1;
  leaderEpoch = -1;
  at = 0;
  /** When another offset was committed than before; after a restart, the last commit. */
  movedAt = 0;
  metadata = '';
  topicId: string | null = null;
  /** Its 16 bytes, so that they are compared and not written out. */
  private topicIdBytes: Buffer | null = null;
  /** 0: it stands. */
  goneAt = 0;
  /** See `WatchedOffset`. */
  idleMs = 0;
  reset: Reset | null = null;
  lowered: OpenRewind | null = null;
  /** Commits since the last batch. */
  commits = 0;
  /** The record that stands. */
  sourceOffset = -1;
  changed = false;

  constructor(
    readonly group: GroupLife,
    readonly topic: string,
    readonly partition: number,
    /** Partition of the offsets log; -1: it was asked for. */
    public sourcePartition: number,
  ) {}

  /** Whether the topic's id is another one than before. */
  learnTopicId(bytes: Buffer, at: number): void {
    const known = this.topicIdBytes;
    if (known !== null) {
      let same = 0;
      while (same < 16 && known[same] === bytes[at + same]) same++;
      if (same === 16) return;
    }
    this.topicIdBytes = Buffer.from(bytes.subarray(at, at + 16));
    const id = this.topicIdBytes.toString('hex');
    this.topicId = /^0+$/.test(id) ? null : id;
  }

  learnMetadata(bytes: Buffer, value: CommitValue): void {
    if (value.metadataStart === value.metadataEnd) {
      if (this.metadata !== '') this.metadata = '';
    } else {
      this.metadata = bytes.toString('utf8', value.metadataStart, value.metadataEnd).slice(0, METADATA_MAX);
    }
  }

  snapshot(): WatchedOffset {
    return {
      group: this.group.name,
      topic: this.topic,
      topicId: this.topicId,
      partition: this.partition,
      committed: this.offset < 0 ? null : this.offset,
      reset:
        this.reset === null
          ? null
          : {
              to: this.reset.to,
              from: this.reset.from,
              at: this.reset.at,
              sourceOffset: this.reset.sourceOffset,
              passed: this.reset.passed,
              ...(this.reset.startedOver === undefined ? {} : { startedOver: this.reset.startedOver }),
              ...(this.reset.lower === undefined ? {} : { lower: this.reset.lower }),
            },
      metadata: this.metadata,
      leaderEpoch: this.leaderEpoch < 0 ? null : this.leaderEpoch,
      at: this.at,
      goneAt: this.goneAt === 0 ? null : this.goneAt,
      idleMs: this.goneAt === 0 ? null : this.idleMs,
      commits: this.commits,
      lowered: this.lowered,
      source: { partition: this.sourcePartition, offset: this.sourceOffset },
    };
  }

  restore(stored: WatchedOffset): void {
    this.offset = stored.committed ?? -1;
    this.leaderEpoch = stored.leaderEpoch ?? -1;
    this.at = stored.at;
    this.movedAt = stored.at;
    this.metadata = stored.metadata;
    this.topicId = stored.topicId;
    this.topicIdBytes = stored.topicId === null ? null : Buffer.from(stored.topicId, 'hex');
    this.goneAt = stored.goneAt ?? 0;
    this.idleMs = stored.idleMs ?? 0;
    this.sourceOffset = stored.source.offset;
    this.lowered = stored.lowered;
    this.reset = stored.reset === null ? null : { ...stored.reset, place: this };
  }
}

/** kafkajs committed -1 or -2: where that leads to has to be asked. */
export interface Reset extends StoredReset {
  place: Place;
}

/** Kafka's own bound is offset.metadata.max.bytes, 4096 by default; more than a glimpse is of no use here. */
export const METADATA_MAX = 500;
