/**
 * One consumer object's life in this process.
 *
 *     created -> running (run) -> joined (GROUP_JOIN, again at every rebalance) -> ended (STOP, DISCONNECT, CRASH)
 *                     ^------------------------------------------------------------------'
 *
 * At every join: a new member (its generation comes with the first heartbeat), the cluster's and topics' ids are
 * asked anew, and each partition's first delivery waits, within `pastLimitMs`, for what the ledger knows of it.
 */
import { randomUUID } from 'node:crypto';
import { thisProcess } from '../journal';
import type { MemberJoined, Ref, RunStarted, SessionSettings } from '../ledger';
import { type Tracing, warnOfOtherTracing } from '../telemetry';
import { VERSION } from '../version';
import type { Kafka } from './client-shape';
import { errorText } from './error-text';
import { type ClusterMetadata, readMetadata } from './metadata';
import type { HandlerError } from './observing-logger';
import { transactions } from './open-transactions';
import type { PastStretch, Sink } from './sink';
import { readStarts, type Starts } from './start';
import { SessionTelemetry } from './telemetry';
import { Track } from './track';

export interface SessionConfig {
  group: string;
  settings: SessionSettings;
  pastLimitMs: number;
  everyRecord: boolean;
  /** `handlerThrew` will be called: ends of fast handlers may be inferred. */
  inferEnds: boolean;
  tracing: Tracing;
}

/** What is known of a partition's deliveries before this session's present stretch. */
export interface KnownPast {
  stretches: PastStretch[];
  /** False: the ledger did not answer in time, or knows more than it told. */
  complete: boolean;
}

/** Sessions whose handlers may have a message now: where `deliveryOf` looks. */
export const liveSessions = new Set<Session>();

const METADATA_RETRY_MS = 2_000;
/** Whether OpenTelemetry's providers are registered is looked at this often. */
const TELEMETRY_EVERY_MS = 1_000;

export class Session {
  readonly ref: Ref;
  readonly key = randomUUID();
  /** Every track of the session, by topic and partition. */
  readonly tracks = new Map<string, Map<number, Track>>();
  readonly pasts = new WeakMap<Track, KnownPast>();
  epoch = 0;
  clientId: string | null = null;
  clusterId: string | null = null;
  /** Where the application has OpenTelemetry. */
  telemetry: SessionTelemetry | null = null;
  /** Another instrumentation's spans of the same deliveries, and where it stands; see `telemetry/other-tracing`. */
  otherTracing: 'inside' | 'outside' | null = null;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private readonly topicRefs = new Map<string, { ref: Ref; id: string | null }>();
  private member: { ref: Ref; memberId: string; generation: number | null } | null = null;
  private metadata: Promise<void> = Promise.resolve();
  private retry: NodeJS.Timeout | null = null;
  private begun = false;
  private rebalancing = false;
  /** When the group last answered, by performance.now(); 0: never in this life. */
  private heardAt = 0;
  private starts: Starts | null = null;
  private startsAsked: Promise<unknown> = Promise.resolve();
  /** Partitions of which the present member has committed: what the group had before cannot be asked for any more. */
  private readonly committedSince = new Set<string>();
  /** The last seek of the present member, by topic and partition. */
  private readonly seeks = new Map<string, { target: number; at: number }>();
  private told: RunStarted | null = null;
  /**
   * Whether its offsets are committed by transactions:
   *
   *     no -> expected (run with autoCommit off, where a producer has a transactionalId) -> seen (sendOffsets for the
   *     group) ; expected, seen -> mixed (the consumer commits by itself too): as `no` from then on
   */
  private transactional: 'no' | 'expected' | 'seen' | 'mixed' = 'no';
  /** Offsets that the application commits by name right now, by topic and partition. */
  private readonly byHand = new Map<string, number>();
  /** Batches that began before the track of their partition was made. */
  private readonly firstBatches = new Map<string, { first: number; last: number; whole: boolean }>();

  constructor(
    readonly sink: Sink,
    readonly kafka: Kafka,
    readonly config: SessionConfig,
  ) {
    this.ref = sink.journal.nextRef();
  }

  /** How `run` was called; told when the first join is. */
  running(fact: Omit<RunStarted, 't' | 'session' | 'at'>): void {
    if (this.transactional === 'no' && !fact.autoCommit && transactions.producers > 0) {
      this.transactional = 'expected';
      for (const track of this.allTracks()) track.withhold();
    }
    this.told = { t: 'running', session: this.ref, at: Date.now(), ...fact };
    if (this.transactional !== 'no') this.told.transactional = this.transactional;
    if (this.begun) this.sink.journal.append(this.told);
  }

  /**
   * The session begins for the ledger with its first join: what is told before waits for a cluster that may never be
   * known, and everything behind it in the journal would wait too.
   */
  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    const { host, pid, bootId } = thisProcess();
    this.sink.journal.define({
      t: 'session',
      session: this.ref,
      key: this.key,
      group: this.config.group,
      host,
      pid,
      bootId,
      at: Date.now(),
      version: VERSION,
      settings: {
        ...this.config.settings,
        clockMs: Date.now() - Number(process.hrtime.bigint()) / 1e6,
      },
    });
    if (this.told !== null) this.sink.journal.append(this.told);
  }

  get memberId(): string | null {
    return this.member?.memberId ?? null;
  }

  get memberGeneration(): number | null {
    return this.member?.generation ?? null;
  }

  joined(memberId: string, leader: boolean, assignment: Record<string, number[]>): void {
    this.epoch++;
    this.begin();
    const now = performance.now();
    const ref = this.sink.journal.nextRef();
    this.clientId = clientIdOf(memberId);
    const fact: MemberJoined = {
      t: 'join',
      clientId: this.clientId,
      member: ref,
      session: this.ref,
      memberId,
      leader,
      at: Date.now(),
      announced: this.member === null || this.rebalancing,
      silentMs: this.heardAt === 0 ? 0 : now - this.heardAt,
      assignment,
    };
    this.rebalancing = false;
    this.seeks.clear();
    this.heardAt = now;
    // Of earlier members only runs that are closed tell: the dictionary need not repeat them.
    const before = this.member?.ref;
    this.sink.journal.forget((known) => known.t === 'join' && known.member === before);
    this.sink.journal.define(fact);
    this.member = { ref, memberId, generation: null };
    for (const track of this.allTracks()) {
      if (assignment[track.topic]?.includes(track.partition) === true) track.rest();
      else track.leave();
    }
    this.askMetadata(Object.keys(assignment));
    this.askStarts(Object.keys(assignment));
  }

  /** kafkajs says that the group rebalances: the join that follows is no surprise. */
  rebalanceAnnounced(): void {
    this.rebalancing = true;
  }

  /** The group has answered this member, in that generation. */
  generation(memberId: string, generation: number): void {
    this.heardAt = performance.now();
    const { member } = this;
    if (member === null || member.memberId !== memberId || member.generation === generation) return;
    member.generation = generation;
    this.sink.journal.append({ t: 'generation', member: member.ref, generation });
  }

  /** The track of a partition; made at its first delivery. */
  track(topic: string, partition: number): Track {
    let partitions = this.tracks.get(topic);
    if (partitions === undefined) {
      partitions = new Map();
      this.tracks.set(topic, partitions);
    }
    let track = partitions.get(partition);
    if (track === undefined) {
      track = this.makeTrack(topic, partition);
      const batch = this.firstBatches.get(`${partition} ${topic}`);
      if (batch !== undefined) track.beginFetched(batch.first, batch.last, batch.whole);
      this.firstBatches.delete(`${partition} ${topic}`);
      partitions.set(partition, track);
    }
    return track;
  }

  *allTracks(): Generator<Track> {
    for (const partitions of this.tracks.values()) yield* partitions.values();
  }

  /**
   * Lets a partition's deliveries of the present member begin. Waits for the ids and the ledger's word, both together
   * within the limit; later news is taken in when it comes.
   */
  async acquire(topic: string, partition: number, from: number): Promise<Track> {
    const { epoch } = this;
    const since = performance.now();
    await withinMs(Promise.all([this.metadata, this.startsAsked]), this.config.pastLimitMs);
    const track = this.track(topic, partition);
    this.firstBatches.delete(`${partition} ${topic}`);
    track.resume();
    if (track.epoch !== epoch) this.tellStart(track);
    const topicId = this.topicRefs.get(topic)?.id ?? null;
    if (this.clusterId !== null) {
      const { clusterId } = this;
      const { group, pastLimitMs } = this.config;
      const question = { clusterId, group, topic, topicId, partition, from };
      const leftMs = Math.max(0, pastLimitMs - (performance.now() - since));
      const past = await this.sink.past(question, leftMs).catch(() => null);
      this.pasts.set(track, { stretches: past?.stretches ?? [], complete: past !== null && !past.cut });
    }
    if (track.epoch !== epoch) track.take(epoch, this.member?.ref ?? -1);
    const known = this.pasts.get(track)?.stretches.at(-1)?.last ?? -1;
    track.repeatsUpTo = Math.max(track.repeatsUpTo, known);
    return track;
  }

  /** The application names an offset to commit; `settled` when that was answered. */
  committingByHand(topic: string, partition: number, offset: number): void {
    this.byHand.set(`${partition} ${topic}`, offset);
  }

  commitByHandSettled(topic: string, partition: number): void {
    this.byHand.delete(`${partition} ${topic}`);
  }

  seeked(topic: string, partition: number, offset: string): void {
    const over = this.tracks.get(topic)?.get(partition)?.jumpedOver(Number(offset)) ?? null;
    const at = Date.now();
    this.seeks.set(`${partition} ${topic}`, { target: Number(offset), at });
    this.sink.journal.append({
      t: 'seek',
      session: this.ref,
      topic,
      partition,
      offset,
      at,
      ...(over === null ? {} : { over }),
    });
  }

  /** The last seek of this member on that partition; null: none. `target` below 0: an end of the log. */
  seekOf({ topic, partition }: Track): { target: number; at: number } | null {
    return this.seeks.get(`${partition} ${topic}`) ?? null;
  }

  /** kafkajs begins with a fetched batch of `size` records. */
  batchBegins(topic: string, partition: number, first: number, last: number, size: number): void {
    if (!Number.isSafeInteger(last)) return;
    this.lookForTelemetry();
    const whole = last - first + 1 === size;
    const track = this.tracks.get(topic)?.get(partition);
    // Of a suspended track too: it may turn out to be one of another topic.
    if (track === undefined || track.epoch < -1) {
      this.firstBatches.set(`${partition} ${topic}`, { first, last, whole });
    }
    track?.beginFetched(first, last, whole);
  }

  /** The application itself has committed: the offset in hand instead of the next one is a mistake worth telling. */
  committedByHand(topic: string, partition: number, offset: number): void {
    const track = this.tracks.get(topic)?.get(partition);
    if (track === undefined || track.lastOffset !== offset) return;
    this.sink.journal.append({ t: 'short-commit', track: track.ref, at: Date.now(), offset });
  }

  /** A commit was refused, or is not known to have taken place. Never throws: kafkajs's own lines tell of it. */
  commitFailed(reason: string): void {
    if (!this.begun) return;
    try {
      this.sink.journal.append({ t: 'commit-failed', session: this.ref, at: Date.now(), reason });
    } catch (own) {
      this.sink.problem(own);
    }
  }

  /**
   * kafkajs found its offset outside of the log and begins anew. The topic may be another one by now, deleted and made
   * again within a moment, and the group has not heard of it: the next deliveries wait for its id.
   */
  outOfRange(topic: string, partition: number): void {
    try {
      const track = this.tracks.get(topic)?.get(partition);
      if (track === undefined || track.epoch !== this.epoch) return;
      track.suspend();
      this.askMetadata([topic]);
    } catch (own) {
      this.sink.problem(own);
    }
  }

  /** kafkajs logged that a handler threw. */
  handlerThrew({ topic, partition, offset, error }: HandlerError): void {
    try {
      this.tracks.get(topic)?.get(partition)?.threw(Number(offset), error);
    } catch (own) {
      this.sink.problem(own);
    }
  }

  /** A commit of this session was acknowledged. */
  committed(topic: string, partition: number, offset: number): void {
    const track = this.tracks.get(topic)?.get(partition);
    // Nothing of it was delivered to this session yet (a reset that kafkajs commits, or one for a friend).
    this.committedSince.add(`${partition} ${topic}`);
    if (track === undefined || !Number.isSafeInteger(offset)) return;
    const byHand = this.byHand.get(`${partition} ${topic}`) === offset;
    const from = track.committed(offset, byHand);
    this.telemetry?.committed(topic, partition, offset, from);
    if (from === null) return;
    this.sink.journal.append({ t: 'rewind', track: track.ref, at: Date.now(), from, to: offset });
  }

  /** A transaction was given offsets of this group. */
  offersOffsets(): void {
    if (this.transactional === 'seen' || this.transactional === 'mixed') return;
    this.becomes('seen');
    for (const track of this.allTracks()) track.withhold();
  }

  /** The consumer itself has committed. */
  commitsItself(): void {
    if (this.transactional === 'no' || this.transactional === 'mixed') return;
    this.becomes('mixed');
    for (const track of this.allTracks()) track.release();
  }

  /** A transaction is about to commit this offset; -1: it was aborted. */
  promised(topic: string, partition: number, offset: number): void {
    // From here on what the group has committed may be this.
    this.committedSince.add(`${partition} ${topic}`);
    this.tracks.get(topic)?.get(partition)?.promise(offset);
  }

  /** The commit of a transaction was answered. */
  transacted(topic: string, partition: number, offset: number): void {
    const track = this.tracks.get(topic)?.get(partition);
    this.committedSince.add(`${partition} ${topic}`);
    if (track === undefined || !Number.isSafeInteger(offset)) return;
    const from = track.transacted(offset);
    this.telemetry?.committed(topic, partition, offset, from);
    if (from === null) return;
    this.sink.journal.append({ t: 'rewind', track: track.ref, at: Date.now(), from, to: offset });
  }

  /** The commit of a transaction failed, or was not answered: it may have taken place all the same. */
  leftInDoubt(topic: string, partition: number, offset: number, reason: string): void {
    const track = this.tracks.get(topic)?.get(partition);
    if (track === undefined || !Number.isSafeInteger(offset)) return;
    const from = track.committedTo;
    this.sink.journal.append({ t: 'promise', track: track.ref, at: Date.now(), from, next: offset });
    this.commitFailed(reason);
  }

  private becomes(state: 'seen' | 'mixed'): void {
    this.transactional = state;
    this.sink.journal.append({ t: 'transactional', session: this.ref, at: Date.now(), state });
  }

  ended(how: 'stop' | 'disconnect' | 'crash' | 'exit', error?: unknown, restart?: boolean): void {
    if (!this.begun) return;
    for (const track of this.allTracks()) track.leave();
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    // What joins next begins anew: that is no eviction.
    this.rebalancing = true;
    this.heardAt = 0;
    this.sink.journal.append({
      t: 'end',
      session: this.ref,
      at: Date.now(),
      how,
      ...(restart === undefined ? {} : { restart }),
      ...(error === undefined ? {} : { error: errorText(error) }),
    });
  }

  /** Waits for the answers that this session still asks for, so that none of its connections outlives the consumer. */
  atRest(limitMs: number): Promise<void> {
    return withinMs(Promise.all([this.metadata, this.startsAsked]), limitMs);
  }

  private tellStart(track: Track): void {
    const start = this.starts?.get(track.topic, track.partition) ?? null;
    if (this.starts === null || start === null) return;
    this.sink.journal.append({ t: 'start', track: track.ref, at: this.starts.at, ...start });
  }

  /** Once a second at most: providers come and go while the application starts and ends. */
  private lookForTelemetry(): void {
    const now = performance.now();
    if (now - this.lookedAt < TELEMETRY_EVERY_MS) return;
    this.lookedAt = now;
    const found = SessionTelemetry.of(this, this.telemetry);
    if (found === this.telemetry) return;
    this.telemetry = found;
    for (const track of this.allTracks()) track.watcher = found;
    if (found?.spans && this.otherTracing !== null) warnOfOtherTracing();
  }

  private makeTrack(topic: string, partition: number): Track {
    const { journal } = this.sink;
    const topicRef = this.topicRef(topic).ref;
    const ref = journal.nextTrack();
    journal.define({ t: 'track', track: ref, session: this.ref, topic: topicRef, partition });
    const track = new Track({
      journal,
      track: ref,
      topic,
      partition,
      idleMs: (this.config.settings.sessionTimeoutMs ?? 30_000) / 2,
      everyRecord: this.config.everyRecord,
      inferEnds: this.config.inferEnds,
      isUncommitted: () => this.transactional === 'seen' || transactions.open > 0,
      onProblem: (error) => this.sink.problem(error),
    });
    if (this.transactional === 'expected' || this.transactional === 'seen') track.withhold();
    track.watcher = this.telemetry;
    return track;
  }

  topicId(topic: string): string | null {
    return this.topicRefs.get(topic)?.id ?? null;
  }

  private topicRef(topic: string): { ref: Ref; id: string | null } {
    const known = this.topicRefs.get(topic);
    if (known !== undefined) return known;
    const made = { ref: this.sink.journal.nextRef(), id: null };
    this.topicRefs.set(topic, made);
    this.sink.journal.define({ t: 'topic', topic: made.ref, name: topic, topicId: null });
    return made;
  }

  private askMetadata(topics: string[]): void {
    const { epoch } = this;
    this.metadata = readMetadata(this.kafka, topics).then(
      (answer) => this.learn(answer),
      () => {
        if (epoch !== this.epoch || this.retry !== null) return;
        this.retry = setTimeout(() => {
          this.retry = null;
          if (epoch === this.epoch) this.askMetadata(topics);
        }, METADATA_RETRY_MS).unref();
      },
    );
  }

  /** Valid of the partitions of which nothing was committed by this member in the meantime. */
  private askStarts(topics: string[]): void {
    const { epoch } = this;
    this.starts = null;
    this.committedSince.clear();
    this.startsAsked = readStarts(this.kafka, this.config.group, topics).then(
      (starts) => {
        if (epoch !== this.epoch) return;
        for (const place of this.committedSince) starts.forget(place);
        this.starts = starts;
        // The first deliveries did not wait any longer: it is as true as it would have been for them.
        for (const track of this.allTracks()) if (track.epoch === epoch) this.tellStart(track);
      },
      () => undefined,
    );
  }

  private learn({ clusterId, topicIds }: ClusterMetadata): void {
    const { journal } = this.sink;
    if (clusterId !== null && clusterId !== this.clusterId) {
      this.clusterId = clusterId;
      journal.define({ t: 'cluster', session: this.ref, clusterId });
    }
    for (const [name, id] of topicIds) {
      const known = this.topicRefs.get(name);
      if (id === null || known?.id === id) continue;
      // Another id under the same name: the topic was made anew, its offsets begin again.
      if (known !== undefined && known.id !== null) this.retire(name);
      const ref = known === undefined || known.id !== null ? journal.nextRef() : known.ref;
      this.topicRefs.set(name, { ref, id });
      journal.define({ t: 'topic', topic: ref, name, topicId: id });
    }
  }

  private retire(topic: string): void {
    for (const track of this.tracks.get(topic)?.values() ?? []) {
      track.leave();
      track.retired = true;
    }
    this.tracks.delete(topic);
  }
}

/** kafkajs keeps the client id to itself, but the broker makes member ids of it: `<client id>-<uuid>`. */
function clientIdOf(memberId: string): string | null {
  return /^(.*)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/s.exec(memberId)?.[1] ?? null;
}

async function withinMs(promise: Promise<unknown>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}
