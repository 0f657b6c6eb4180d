/**
 * Consumer lag of every group that the watcher sees: log ends asked for in intervals, minus what was committed by
 * then. Committed offsets are known before log ends are asked for, so lag is never below what it was.
 */
import type { WatchedEnds, WatchedLag, WatchedStall } from '../../ledger';
import type { LagValue } from '../lag';
import type { ClusterQuestions } from './cluster-questions';
import { EndSamples } from './end-samples';
import { GroupStalls, STALLED_MS } from './group-stalls';
import type { OffsetsLog } from './offsets-log';
import type { Place } from './place';
import type { RecordTimes } from './record-times';

/** A point is kept at most this often a place, and only where something moved. */
const POINT_EVERY_MS = 60_000;
/**
 * Log ends are stored this often, or less often where so many partitions would be more than ENDS_A_SECOND: a kill loses
 * no more of them.
 */
const ENDS_EVERY_MS = 5_000;
const ENDS_A_SECOND = 200;
/** Of one batch, so that no other writer waits long. */
const ENDS_MAX = 2_000;
/** A topic that is not there is asked for again after so many rounds. */
const MISSING_ROUNDS = 30;

export class GroupLag {
  private readonly topics = new Map<string, Map<number, EndSamples>>();
  private readonly missing = new Map<string, number>();
  private readonly points = new WeakMap<Place, { at: number; committed: number; logEnd: number }>();
  private readonly storedAt = new WeakMap<EndSamples, number>();
  private values = new Map<string, LagValue>();
  private due: WatchedLag[] = [];
  private readonly stalls: GroupStalls;

  constructor(
    private readonly questions: ClusterQuestions,
    stalledMs: number = STALLED_MS,
    private readonly times: Pick<RecordTimes, 'ageOf'> | null = null,
  ) {
    this.stalls = new GroupStalls(stalledMs);
  }

  /** Goes on from what was stored, where nothing is known yet. */
  restore(stored: readonly WatchedEnds[]): void {
    for (const { topic, partition, ends } of stored) {
      const known = this.topics.get(topic) ?? new Map<number, EndSamples>();
      if (!known.has(partition)) known.set(partition, EndSamples.from(ends));
      this.topics.set(topic, known);
    }
  }

  /** One round. Throws when no broker answers; topics that are gone or hidden are left out. */
  async ask(log: OffsetsLog, cluster: string, isStopped: () => boolean): Promise<void> {
    const known = [...log.allPlaces()].filter((place) => place.offset >= 0);
    // Of groups that are gone too: where their logs ended tells whether they read all again when they come back.
    const topics = new Set(known.map((place) => place.topic));
    const places = known.filter((place) => place.goneAt === 0);
    const committed = places.map((place) => place.offset);
    for (const topic of this.topics.keys()) if (!topics.has(topic)) this.topics.delete(topic);
    for (const topic of topics) {
      if (isStopped()) return;
      await this.askTopic(topic);
    }
    this.values = new Map();
    const told = places.flatMap((place, i) => {
      const samples = this.topics.get(place.topic)?.get(place.partition);
      return samples === undefined ? [] : [{ place, samples, committed: committed[i] as number }];
    });
    for (const { place, samples, committed: offset } of told) this.tell(cluster, place, samples, offset);
    this.stalls.look(told);
  }

  all(): readonly LagValue[] {
    return [...this.values.values()];
  }

  of(cluster: string, group: string, topic: string, partition: number): LagValue | null {
    return this.values.get(JSON.stringify([cluster, group, topic, partition])) ?? null;
  }

  /** Where the log had ended by then, at least; null: not known. */
  endBefore(topic: string, partition: number, at: number): number | null {
    return this.topics.get(topic)?.get(partition)?.endBefore(at) ?? null;
  }

  /** Points to be stored since it was asked last. */
  drain(): WatchedLag[] {
    const { due } = this;
    this.due = [];
    return due;
  }

  drainStalls(): WatchedStall[] {
    return this.stalls.drain();
  }

  /** Log ends to be stored. @param all those of late too: nothing is going to be asked for any more */
  drainEnds(all: boolean): WatchedEnds[] {
    const partitions = [...this.topics].flatMap(([topic, known]) =>
      [...known].map(([partition, samples]) => ({ topic, partition, samples })),
    );
    const everyMs = Math.max(ENDS_EVERY_MS, (partitions.length / ENDS_A_SECOND) * 1_000);
    const due = partitions.filter(({ samples }) => {
      const before = this.storedAt.get(samples) ?? 0;
      return all ? samples.at > before : samples.at - before >= everyMs;
    });
    const some = all ? due : due.slice(0, ENDS_MAX);
    for (const { samples } of some) this.storedAt.set(samples, samples.at);
    return some.map(({ topic, partition, samples }) => ({ topic, partition, ends: samples.stored() }));
  }

  private async askTopic(topic: string): Promise<void> {
    const skip = this.missing.get(topic) ?? 0;
    if (skip > 0) {
      this.missing.set(topic, skip - 1);
      return;
    }
    try {
      const bounds = await this.questions.bounds(topic);
      const at = Date.now();
      const known = this.topics.get(topic) ?? new Map<number, EndSamples>();
      for (const [partition, { end }] of bounds) {
        const samples = known.get(partition) ?? new EndSamples();
        samples.add(end, at);
        known.set(partition, samples);
      }
      this.topics.set(topic, known);
      this.missing.delete(topic);
    } catch (error) {
      if (!isAboutTopic(error)) throw error;
      this.topics.delete(topic);
      this.missing.set(topic, MISSING_ROUNDS);
    }
  }

  private tell(cluster: string, place: Place, samples: EndSamples, committed: number): void {
    const logEnd = samples.end;
    if (logEnd === null) return;
    const { topic, topicId, partition } = place;
    const group = place.group.name;
    const age =
      committed >= logEnd
        ? 0
        : (this.times?.ageOf(topic, partition, committed, samples.at) ??
          samples.ageOf(committed, samples.at));
    this.values.set(JSON.stringify([cluster, group, topic, partition]), {
      cluster,
      group,
      topic,
      partition,
      committed,
      logEnd,
      records: Math.max(0, logEnd - committed),
      seconds: age === null ? null : age / 1000,
      at: samples.at,
    });
    const last = this.points.get(place);
    const moved = last === undefined || last.committed !== committed || last.logEnd !== logEnd;
    if (!moved || (last !== undefined && samples.at - last.at < POINT_EVERY_MS)) return;
    this.points.set(place, { at: samples.at, committed, logEnd });
    this.due.push({ group, topic, topicId, partition, at: samples.at, committed, logEnd });
  }
}

/** It is gone, or not ours to see: the others can be asked all the same. */
export function isAboutTopic(error: unknown): boolean {
  for (let next = error, depth = 0; typeof next === 'object' && next !== null && depth < 8; depth++) {
    const { type, cause } = next as { type?: unknown; cause?: unknown };
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION' || type === 'INVALID_TOPIC_EXCEPTION') return true;
    if (type === 'TOPIC_AUTHORIZATION_FAILED') return true;
    next = cause;
  }
  return false;
}
