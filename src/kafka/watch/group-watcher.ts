/**
 * Watches all consumer groups of a cluster from outside, by reading the offsets log: no group is joined, nothing is
 * committed or written. Every record is read, so a rewind that recovers at once is seen as well as a slow one.
 *
 * States: connecting -> reading <-> failing (no broker, no store; tried again) -> stopped. Where the log may not be
 * read, committed offsets are asked for instead (`polling`): what recovers between two looks is not seen then, nor
 * who the members are, nor why. The log is tried again every minute.
 */
import type { Kafka } from 'kafkajs';
import { DupescopeError, fail } from '../../errors';
import type { WatchBatch } from '../../ledger';
import { type KafkaSettings, kafkaError } from '../client';
import type { LagValue } from '../lag';
import { FETCH_ERRORS, type FetchedPartition } from '../offsets/fetch';
import { applyFetched } from './apply-fetched';
import { ClusterQuestions } from './cluster-questions';
import { GroupLag, isAboutTopic } from './group-lag';
import type { GroupSink } from './group-sink';
import { OffsetsLog } from './offsets-log';
import { OFFSETS_TOPIC, OffsetsSource } from './offsets-source';
import { mayNotRead } from './permission';
import type { RecordTimes } from './record-times';
import type { SkippedRecords } from './skip-count';

export interface GroupWatcherOptions {
  /** Used for reads alone. */
  kafka: Kafka;
  settings: KafkaSettings;
  sink: GroupSink;
  /** Which groups are watched. Default: all. */
  watches?: (group: string) => boolean;
  /** How often log ends are asked for, and committed offsets where the log may not be read, in ms. */
  lagIntervalMs: number;
  /** Of topics that are observed: lag in seconds is told from them. */
  recordTimes?: Pick<RecordTimes, 'ageOf'>;
  /** Without permission on the log it is tried again after so long, in ms. Default 60 000. */
  logAgainMs?: number;
  /** Nothing committed for so long, with records to read, is told. Default 60 000. */
  stalledMs?: number;
  /** A new kind of problem, or null when it is over. */
  onProblem?: (problem: DupescopeError | null) => void;
  /** Another topic with such records, for benchmarks and tests. */
  topic?: string;
}

/** States are stored at most this often; findings at once. */
const STORE_EVERY_MS = 500;
/** A session that failed is followed by another one after so long, doubling up to the second. */
const AGAIN_MS = [200, 5_000] as const;
/** A store that cannot be written is asked again after so long. */
const STORE_AGAIN_MS = 500;
/** Reading waits while a batch has not been stored for so long. */
const STORE_WAIT_MS = 5_000;
/** The clocks of brokers and of this machine may differ by so much. */
const CLOCKS_MS = 1_000;
/** The log is tried again after so long without permission. */
const LOG_AGAIN_MS = 60_000;

export class GroupWatcher {
  private log: OffsetsLog | null = null;
  /** Where to fetch next, by partition of the log. */
  private positions = new Map<number, number>();
  private readonly behind = new Map<number, number>();
  private cluster: string | null = null;
  private source: OffsetsSource | null = null;
  private readonly questions: ClusterQuestions;
  private readonly lag: GroupLag;
  private lagTimer: NodeJS.Timeout | null = null;
  private asking: Promise<void> | null = null;
  private running: Promise<void> | null = null;
  private storing: Promise<void> | null = null;
  private storedAt = 0;
  private stopped = false;
  private caughtUp = false;
  private failure: DupescopeError | null = null;
  private wake: () => void = () => undefined;

  constructor(private readonly options: GroupWatcherOptions) {
    this.questions = new ClusterQuestions(options.kafka);
    this.lag = new GroupLag(this.questions, options.stalledMs, options.recordTimes);
  }

  start(): void {
    this.running = this.run();
    this.lagTimer = setInterval(() => this.askLag(), this.options.lagIntervalMs);
  }

  /** Ends within the limit of one request; what was found until then is stored. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    if (this.lagTimer !== null) clearInterval(this.lagTimer);
    await this.source?.close();
    await this.running;
    await this.asking;
    await this.storing;
    if (this.log !== null) await this.store(this.log);
    await this.questions.close();
  }

  /** Every record that stood in the log at the start was read. */
  ready(): boolean {
    return this.caughtUp;
  }

  problem(): string | null {
    return this.failure?.message ?? null;
  }

  /** Records of the log that were not used, and all that were applied, since the start. */
  counts(): SkippedRecords & { records: number } {
    const { log } = this;
    return { unknown: 0, unreadable: 0, ...log?.skipped, records: log?.records ?? 0 };
  }

  all(): readonly LagValue[] {
    return this.lag.all();
  }

  of(cluster: string, group: string, topic: string, partition: number): LagValue | null {
    return this.lag.of(cluster, group, topic, partition);
  }

  private async run(): Promise<void> {
    let againMs: number = AGAIN_MS[0];
    while (!this.stopped) {
      const beganAt = performance.now();
      try {
        await this.session();
      } catch (error) {
        if (this.stopped) break;
        const refused = mayNotRead(error, this.options.settings);
        this.tell(refused ?? kafkaError(error, this.options.settings, OFFSETS_TOPIC));
        if (refused !== null) {
          await this.pollForAWhile();
          continue;
        }
      }
      if (performance.now() - beganAt > AGAIN_MS[1]) againMs = AGAIN_MS[0];
      await this.pause(againMs);
      againMs = Math.min(AGAIN_MS[1], againMs * 2);
    }
  }

  /** Reads until something fails. */
  private async session(): Promise<void> {
    const log = await this.loaded(false);
    let source: OffsetsSource;
    try {
      source = await OffsetsSource.open(this.options.kafka, this.options.topic ?? OFFSETS_TOPIC);
    } catch (error) {
      if (!isMissing(error)) throw error;
      // No group has ever committed on this cluster.
      this.tell(null);
      this.caughtUp = true;
      return;
    }
    this.source = source;
    try {
      if (this.stopped) return;
      this.behind.clear();
      for (const partition of [...source.leaders.values()].flat()) this.behind.set(partition, 1);
      await Promise.all([...source.leaders].map(([node, parts]) => this.readNode(log, source, node, parts)));
    } finally {
      // The other nodes' fetches end with their connections.
      this.source = null;
      await source.close();
    }
  }

  private async readNode(
    log: OffsetsLog,
    source: OffsetsSource,
    node: number,
    partitions: readonly number[],
  ): Promise<void> {
    while (!this.stopped && this.source === source) {
      await this.room();
      const wanted = partitions.map((partition) => ({
        partition,
        offset: this.positions.get(partition) ?? 0,
      }));
      const fetched = await source.fetch(node, wanted);
      // Loaded anew in the meantime.
      if (this.log !== log) fail('watch-gap', 'The group watcher begins anew from the store.');
      for (const part of fetched) await this.apply(log, source, node, part);
      this.tell(null);
      if (!this.caughtUp) this.caughtUp = [...this.behind.values()].every((left) => left <= 0);
      this.storeSoon(log);
    }
  }

  private async apply(
    log: OffsetsLog,
    source: OffsetsSource,
    node: number,
    fetched: FetchedPartition,
  ): Promise<void> {
    const { partition, error, logEnd } = fetched;
    const from = this.positions.get(partition) ?? 0;
    if (error === FETCH_ERRORS.OFFSET_OUT_OF_RANGE) {
      await this.startOver(log, source, node, partition, from);
      return;
    }
    if (error !== 0) throw new FetchRefused(error);
    const next = applyFetched(log, fetched, from);
    this.positions.set(partition, next);
    this.behind.set(partition, logEnd - next);
  }

  /** The log was cut: by its retention below, or by a fail-over above. */
  private async startOver(
    log: OffsetsLog,
    source: OffsetsSource,
    node: number,
    partition: number,
    from: number,
  ): Promise<void> {
    const bounds = await source.bounds(node, partition);
    if (bounds === null) throw new FetchRefused(FETCH_ERRORS.OFFSET_OUT_OF_RANGE);
    if (from < bounds.start) log.advance(partition, bounds.start);
    else log.startOver(partition, bounds.start, bounds.end);
    this.positions.set(partition, bounds.start);
  }

  /** The state to go on from: what is in memory, else what is stored. */
  private async loaded(polling: boolean): Promise<OffsetsLog> {
    if (this.log !== null && this.log.options.polling === polling) return this.log;
    if (this.log !== null) await this.store(this.log);
    this.cluster ??= await this.questions.clusterId();
    const retentionMs = await this.questions.retentionMs();
    const state = await this.options.sink.state(this.cluster);
    const watches = this.options.watches ?? (() => true);
    this.log = new OffsetsLog({ watches, retentionMs, polling }, state);
    this.lag.restore(state.ends);
    this.positions = new Map(state.positions.map(({ partition, resume }) => [partition, resume]));
    return this.log;
  }

  /** Asks for committed offsets until the log is worth another try. */
  private async pollForAWhile(): Promise<void> {
    const until = performance.now() + (this.options.logAgainMs ?? LOG_AGAIN_MS);
    while (!this.stopped && performance.now() < until) {
      try {
        const log = await this.loaded(true);
        for (const group of await this.questions.groups()) {
          if (this.stopped) return;
          if (this.options.watches?.(group) !== false) await this.poll(log, group);
        }
        this.caughtUp = true;
        this.storeSoon(log);
      } catch (error) {
        this.tell(kafkaError(error, this.options.settings));
        await this.questions.close();
      }
      await this.pause(this.options.lagIntervalMs);
    }
  }

  /** One group's failure (a coordinator that moves, a group that may not be described) is not the others'. */
  private async poll(log: OffsetsLog, group: string): Promise<void> {
    try {
      log.polled(group, await this.questions.committed(group), Date.now());
    } catch (error) {
      const problem = kafkaError(error, this.options.settings);
      if (problem.code === 'kafka-unreachable') throw problem;
      this.tell(problem);
    }
  }

  private askLag(): void {
    const { log, cluster } = this;
    if (log === null || cluster === null) return;
    this.asking ??= this.lag
      .ask(log, cluster, () => this.stopped)
      .then(() => this.storeSoon(log))
      .catch(() => this.questions.close())
      .finally(() => {
        this.asking = null;
      });
  }

  private storeSoon(log: OffsetsLog): void {
    if (this.storing !== null || this.log !== log) return;
    const now = performance.now();
    if (!log.hasFindings && now - this.storedAt < STORE_EVERY_MS) return;
    this.storedAt = now;
    this.storing = this.resolveResets(log)
      .then(() => this.store(log))
      .finally(() => {
        this.storing = null;
        // A rewind that came in the meantime does not wait for the next fetch.
        if (log.hasFindings && !this.stopped) this.storeSoon(log);
      });
  }

  /** Stores what is new; tries again until that is done, or the watcher was stopped. */
  private async store(log: OffsetsLog): Promise<void> {
    if (this.cluster === null) return;
    const batch = log.drain(this.cluster);
    batch.lag = this.lag.drain();
    batch.ends = this.lag.drainEnds(this.stopped);
    batch.stalls = this.lag.drainStalls();
    if (isEmpty(batch)) return;
    for (;;) {
      try {
        await this.options.sink.store(batch);
        return;
      } catch (error) {
        const problem = error instanceof DupescopeError ? error : kafkaError(error, this.options.settings);
        if (problem.code === 'watch-gap') {
          // What is in memory does not belong to what is stored.
          if (this.log === log) this.log = null;
          return;
        }
        this.tell(problem);
        if (this.stopped) return;
        await this.pause(STORE_AGAIN_MS);
      }
    }
  }

  private async resolveResets(log: OffsetsLog): Promise<void> {
    const topics = new Map<string, Awaited<ReturnType<ClusterQuestions['bounds']>> | null>();
    for (const reset of log.pendingResets()) {
      const { topic, partition } = reset.place;
      try {
        if (!topics.has(topic)) topics.set(topic, await this.questions.bounds(topic));
      } catch (error) {
        // Without an answer it waits; where there is none to be had, it is given up.
        if (!isAboutTopic(error)) return;
        topics.set(topic, null);
      }
      const { startedOver } = reset;
      const endThen = startedOver && this.lag.endBefore(topic, partition, startedOver.joinedAt - CLOCKS_MS);
      log.resolve(reset, topics.get(topic)?.get(partition) ?? null, endThen);
    }
  }

  /** Back-pressure: what is in memory stays bounded when the store is slow. */
  private async room(): Promise<void> {
    if (this.storing !== null && performance.now() - this.storedAt > STORE_WAIT_MS) await this.storing;
  }

  private tell(problem: DupescopeError | null): void {
    if (problem?.code !== this.failure?.code) this.options.onProblem?.(problem);
    this.failure = problem;
  }

  private async pause(ms: number): Promise<void> {
    if (this.stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** An error of one partition in an answer; a new session asks who leads it. */
class FetchRefused extends Error {
  override readonly name = 'KafkaJSProtocolError';
  readonly type: string;

  constructor(code: number) {
    super(`Kafka's error code ${code}`);
    this.type =
      code === FETCH_ERRORS.TOPIC_AUTHORIZATION_FAILED ? 'TOPIC_AUTHORIZATION_FAILED' : `ERROR_${code}`;
  }
}

function isMissing(error: unknown): boolean {
  return (error as { type?: unknown } | null)?.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}

function isEmpty(batch: WatchBatch): boolean {
  const { positions, offsets, groups, rewinds, lag, ends, stalls } = batch;
  return [positions, offsets, groups, rewinds, lag, ends, stalls].every((list) => list.length === 0);
}
