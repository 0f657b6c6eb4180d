/**
 * One session of the topic observer: from where the store stands, until something fails. Nothing is kept beyond it,
 * so whatever fails, the next session begins at what is durable.
 *
 *     list (every 30 s, and when a leader refuses) -> readings, by leader
 *     for each leader: fetch -> records -> columns -> queue -> store
 *
 * The next fetch of a leader is under way while the records of the last are read; one answer more than what is read
 * is in memory for each leader, and the queue's bound.
 */
import { type ExpectedTopic, emptyColumns, type ObservedBatch } from '../../identity';
import type { ToldTopic } from '../metadata';
import { FETCH_ERRORS } from '../offsets/fetch';
import { type FetchedPart, FetchFailed, type FetchLimits } from './fetch';
import { PartitionReading, TopicReading } from './reading';
import { nextOffset, readRecords, type UnreadBatches } from './records';
import { StoreQueue } from './store-queue';
import type { TopicChoice } from './topic-choice';
import type { TopicSink } from './topic-sink';
import type { Listed, TopicSource } from './topic-source';

/** Of all leaders' answers together; a leader's share is not below what makes a fetch worth it. */
const ANSWERS_BYTES = 32 * 1024 ** 2;
const ANSWER_BYTES_LEAST = 2 * 1024 ** 2;
const PARTITION_BYTES = 1024 ** 2;
const WAIT_MS = 500;
/** After an answer smaller than this the next fetch waits: a trickle is stored ten times a second, not record by record. */
const SMALL_BYTES = 64 * 1024;
const PACE_MS = 100;
/** Topics are listed again so soon after a leader refused one, doubling while it does. */
const AGAIN_MS = [250, 5_000] as const;
const NOTHING_UNREAD = { old: 0, unreadable: 0, missed: 0 };

export interface SessionOptions {
  kafka: Parameters<typeof TopicSource.open>[0];
  sink: TopicSink;
  choice: TopicChoice;
  listEveryMs: number;
  /** What the observer knows beyond a session. */
  memory: ObserverMemory;
  /** A topic that may not be read. */
  onRefused: (topic: string) => void;
  /** Records that were gone before they were read. */
  onMissed: (topic: string, partition: number, from: number, next: number) => void;
  /** The first and the last record of what was read, with their times (unix ms; -1: none). */
  onTimes?: ((topic: string, partition: number, offset: number, at: number) => void) | undefined;
  /** What is listed and stored: this session works. */
  onWorking: (topics: number) => void;
}

/** Kept by the observer from session to session. */
export interface ObserverMemory {
  /** Names of all topics that were ever listed; null before the first time. */
  names: Set<string> | null;
  unread: UnreadBatches;
}

export class ObservingSession {
  private readonly topics = new Map<string, TopicReading>();
  private readonly nodes = new Map<number, Promise<void>>();
  /** Next offsets of partitions that are not read yet. */
  private readonly places = new Map<string, number>();
  private readonly storedNames = new Set<string>();
  private readonly queue: StoreQueue;
  private seed = new Uint8Array(0);
  private cluster = '';
  private ended = false;
  private end: (failure: { error: unknown } | null) => void = () => undefined;
  private readonly ending: Promise<{ error: unknown } | null>;
  private listSoon: () => void = () => undefined;
  private wakers = new Set<() => void>();
  private listed = false;

  constructor(
    private readonly options: SessionOptions,
    private readonly source: TopicSource,
  ) {
    this.ending = new Promise((resolve) => {
      this.end = (failure) => {
        this.ended = true;
        resolve(failure);
        this.listSoon();
        for (const wake of this.wakers) wake();
      };
    });
    this.queue = new StoreQueue(
      (batches) => options.sink.observe(this.seed, batches),
      (error) => this.end({ error }),
    );
  }

  /** All partitions that were listed have been read to their ends, and all of it is durable. */
  get caughtUp(): boolean {
    return this.listed && this.queue.isEmpty && this.all().every(({ caughtUp }) => caughtUp);
  }

  /** Reads until something fails, which it rejects with, or `stop`. */
  async run(): Promise<void> {
    const listing = this.keepListing();
    const failure = await this.ending;
    // Ends the fetches that wait.
    await this.source.close();
    await Promise.allSettled([listing, ...this.nodes.values()]);
    await this.queue.settled();
    if (failure !== null) throw failure.error;
  }

  stop(): void {
    this.end(null);
  }

  private async keepListing(): Promise<void> {
    let againMs: number = AGAIN_MS[0];
    try {
      while (!this.ended) {
        const soon = new Promise<true>((resolve) => {
          this.listSoon = () => resolve(true);
        });
        await this.take(await this.source.list());
        if (this.all().some(({ leader }) => leader < 0)) this.listSoon();
        if (await Promise.race([soon, this.pause(this.options.listEveryMs)])) {
          await this.pause(againMs);
          againMs = Math.min(AGAIN_MS[1], againMs * 2);
        } else againMs = AGAIN_MS[0];
      }
    } catch (error) {
      this.end({ error });
    }
  }

  /** Brings what is read in line with what is there. */
  private async take({ cluster, topics }: Listed): Promise<void> {
    const { choice, memory } = this.options;
    if (!this.listed) await this.load(cluster);
    const wanted = topics.filter(
      ({ name, internal }) => choice.wants(name) && (!internal || choice.named.has(name)),
    );
    const keys = new Set(wanted.map((told) => this.keyOf(told)));
    for (const [key, topic] of this.topics) if (!keys.has(key)) this.drop(key, topic);
    const isFirst = memory.names === null;
    const expected: ExpectedTopic[] = [];
    const begun: PartitionReading[] = [];
    for (const told of wanted) {
      const isNew = !isFirst && memory.names?.has(told.name) === false;
      begun.push(...(await this.takeTopic(told, isNew, expected)));
    }
    memory.names = new Set([...(memory.names ?? []), ...topics.map(({ name }) => name)]);
    if (expected.length > 0) await this.options.sink.expect(expected);
    // Where it begins is durable before the first record: a kill must not make it begin at another end.
    for (const reading of begun) await this.tell(reading, reading.next, reading.next, false, null);
    this.listed = true;
    this.options.onWorking(wanted.length);
    for (const { leader, resting } of this.all()) {
      if (leader >= 0 && !resting && !this.nodes.has(leader)) this.readNode(leader);
    }
  }

  private async load(cluster: string): Promise<void> {
    const { seed, offsets } = await this.options.sink.state(cluster);
    this.cluster = cluster;
    this.seed = new Uint8Array(seed);
    for (const offset of offsets) {
      this.places.set(placeKey(offset.topic, offset.topicId, offset.partition), offset.nextOffset);
      this.storedNames.add(offset.topic);
    }
  }

  /** It is not listed any more; should it be again, it goes on where it was. */
  private drop(key: string, topic: TopicReading): void {
    this.topics.delete(key);
    for (const { partition, next } of topic.partitions.values()) {
      this.places.set(placeKey(topic.name, topic.id, partition), next);
    }
  }

  /** Answers the partitions that begin now and are not stored. */
  private async takeTopic(
    told: ToldTopic,
    isNew: boolean,
    expected: ExpectedTopic[],
  ): Promise<PartitionReading[]> {
    const { name, id } = told;
    let topic = this.topics.get(this.keyOf(told));
    const isAdded = topic !== undefined;
    topic ??= new TopicReading(name, id, this.options.choice.rulesOf(name), this.seed);
    const begun: PartitionReading[] = [];
    const fresh: number[] = [];
    for (const { partition, leader } of told.partitions) {
      const known = topic.partitions.get(partition);
      if (known !== undefined) {
        known.leader = leader;
        known.resting = false;
        continue;
      }
      // Without a leader nobody says where it begins.
      if (leader < 0) continue;
      const stored =
        this.places.get(placeKey(name, id, partition)) ?? this.places.get(placeKey(name, null, partition));
      // What is new beside what was observed is read whole: partitions that were added, a topic made again.
      const whole = isNew || isAdded || this.storedNames.has(name);
      const next = stored ?? (await this.startOf(told, partition, leader, whole));
      if (next === null) continue;
      const reading = new PartitionReading(topic, partition, leader, next);
      topic.partitions.set(partition, reading);
      fresh.push(partition);
      if (stored === undefined) begun.push(reading);
    }
    this.topics.set(this.keyOf(told), topic);
    this.storedNames.add(name);
    if (fresh.length > 0) {
      const limits = topic.rules.window;
      expected.push({ cluster: this.cluster, topic: name, topicId: id, partitions: fresh, limits });
    }
    return begun;
  }

  private async startOf(
    { name }: ToldTopic,
    partition: number,
    leader: number,
    whole: boolean,
  ): Promise<number | null> {
    const { from } = this.options.choice;
    const edge = (at: number) => this.source.edge(leader, name, partition, at);
    if (whole || from === 'beginning') return edge(-2);
    // A time after the last record: from the end on.
    return (from === 'end' ? null : await edge(from)) ?? edge(-1);
  }

  private readNode(node: number): void {
    const reading = this.fetchAll(node)
      .catch((error: unknown) => this.end({ error }))
      .finally(() => {
        this.nodes.delete(node);
        // Listed in the moment in which it ended.
        if (!this.ended && this.ledBy(node).length > 0) this.readNode(node);
      });
    this.nodes.set(node, reading);
  }

  private async fetchAll(node: number): Promise<void> {
    let answer = this.ask(node, true);
    for (;;) {
      const asked = await answer;
      if (asked === null || this.ended) return;
      const parts = asked.parts.flatMap((part) => this.accepted(node, part, asked.offsets));
      const bytes = parts.reduce((sum, { part }) => sum + part.to - part.from, 0);
      answer = this.ask(node, bytes >= SMALL_BYTES);
      // What it rejects with is met at the head of the loop.
      answer.catch(() => undefined);
      for (const { reading, part, from } of parts) {
        if (this.ended) return;
        await this.read(reading, part, from);
        reading.heldBy = null;
      }
    }
  }

  /** Null where that node leads nothing that is read. */
  private async ask(
    node: number,
    hurries: boolean,
  ): Promise<{ parts: FetchedPart[]; offsets: Map<PartitionReading, number> } | null> {
    if (!hurries) await this.pause(PACE_MS);
    await this.queue.room();
    let readings = this.ledBy(node);
    // The leader before has its last answer still to be read: batches of a partition go into the queue in their order.
    const isFree = ({ heldBy }: PartitionReading) => heldBy === null || heldBy === node;
    while (!this.ended && readings.length > 0 && !readings.some(isFree)) {
      await this.pause(PACE_MS);
      readings = this.ledBy(node);
    }
    readings = readings.filter(isFree);
    if (readings.length === 0 || this.ended) return null;
    const offsets = new Map(readings.map((reading) => [reading, reading.next]));
    const limits: FetchLimits = {
      maxWaitMs: WAIT_MS,
      maxBytes: Math.max(ANSWER_BYTES_LEAST, Math.min(8 * 1024 ** 2, ANSWERS_BYTES / this.nodes.size)),
      maxPartitionBytes: PARTITION_BYTES,
      uncommitted: this.options.choice.uncommitted,
    };
    const positions = readings.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    return { parts: await this.source.fetch(node, limits, positions), offsets };
  }

  /** Moves the partition on behind what came, before its records are read. */
  private accepted(
    node: number,
    part: FetchedPart,
    offsets: ReadonlyMap<PartitionReading, number>,
  ): { reading: PartitionReading; part: FetchedPart; from: number }[] {
    const reading = this.topics.get(part.topic)?.partitions.get(part.partition);
    const from = reading === undefined ? undefined : offsets.get(reading);
    // The topic was made again, or another leader has answered in the meantime.
    if (reading === undefined || from === undefined || reading.next !== from) return [];
    if (part.error !== 0) {
      this.refused(reading, part.error);
      return [];
    }
    reading.heldBy = node;
    reading.next = nextOffset(part, from);
    if (reading.next > from) {
      // Whoever gave something comes last: the first of a fetch gets its batch whatever its size.
      reading.topic.partitions.delete(reading.partition);
      reading.topic.partitions.set(reading.partition, reading);
      this.topics.delete(part.topic);
      this.topics.set(part.topic, reading.topic);
    }
    return [{ reading, part, from }];
  }

  private async read(reading: PartitionReading, part: FetchedPart, from: number): Promise<void> {
    let next = from;
    const { unread } = this.options.memory;
    // Other partitions are read in between.
    const own = { old: 0, unreadable: 0 };
    for (const stretch of readRecords(part, from, own)) {
      next = stretch.next;
      const { records } = stretch;
      const { old, unreadable } = own;
      unread.old += old;
      unread.unreadable += unreadable;
      Object.assign(own, { old: 0, unreadable: 0 });
      await this.tell(reading, stretch.from, next, next >= part.end, records, { old, unreadable, missed: 0 });
      // The service answers in between.
      await new Promise(setImmediate);
    }
    const live = next >= part.end;
    if (live !== reading.live) await this.tell(reading, next, next, live, null);
  }

  private async tell(
    reading: PartitionReading,
    firstOffset: number,
    next: number,
    live: boolean,
    records: Parameters<TopicReading['reader']['read']>[0] | null,
    unread: ObservedBatch['unread'] = NOTHING_UNREAD,
  ): Promise<void> {
    const { topic, partition } = reading;
    reading.live = live;
    const columns = records === null ? emptyColumns(0) : topic.reader.read(records);
    for (const i of columns.count === 0 ? [] : [0, columns.count - 1]) {
      const [offset, at] = [columns.offsets[i] as number, columns.times[i] as number];
      this.options.onTimes?.(topic.name, partition, offset, at);
    }
    await this.queue.put({
      cluster: this.cluster,
      topic: topic.name,
      topicId: topic.id,
      partition,
      firstOffset,
      nextOffset: next,
      live,
      observedAt: Date.now(),
      records: columns,
      unread,
    });
    if (live) reading.caughtUp = true;
  }

  private refused(reading: PartitionReading, code: number): void {
    reading.resting = true;
    if (code === FETCH_ERRORS.OFFSET_OUT_OF_RANGE) {
      this.clamp(reading).catch((error: unknown) => this.end({ error }));
    } else if (code === FETCH_ERRORS.TOPIC_AUTHORIZATION_FAILED) {
      this.options.onRefused(reading.topic.name);
    } else if (MOVED.has(code)) {
      this.listSoon();
    } else this.end({ error: new FetchFailed(code) });
  }

  /** Retention has taken what was to be read next, or the log lost its end. */
  private async clamp(reading: PartitionReading): Promise<void> {
    const { topic, partition, leader, next } = reading;
    const start = await this.source.edge(leader, topic.name, partition, -2);
    const end = await this.source.edge(leader, topic.name, partition, -1);
    if (start === null || end === null) return this.listSoon();
    reading.next = next < start ? start : Math.min(next, end);
    if (reading.next !== next) this.options.onMissed(topic.name, partition, next, reading.next);
    const missed = Math.max(0, reading.next - next);
    await this.tell(reading, reading.next, reading.next, false, null, { ...NOTHING_UNREAD, missed });
    reading.resting = false;
    if (!this.nodes.has(leader) && !this.ended) this.readNode(leader);
  }

  private ledBy(node: number): PartitionReading[] {
    return this.all().filter(({ leader, resting }) => leader === node && !resting);
  }

  private all(): PartitionReading[] {
    return [...this.topics.values()].flatMap((topic) => [...topic.partitions.values()]);
  }

  private keyOf({ name, id }: { name: string; id: string | null }): string {
    return this.source.byId && id !== null ? id : name;
  }

  /** Ends early when the session does. */
  private async pause(ms: number): Promise<void> {
    if (this.ended) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.wakers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.wakers.add(wake);
    });
  }
}

/** Errors that a new listing answers: not the leader any more, a topic or a partition that is gone or new. */
const MOVED: ReadonlySet<number> = new Set([3, 5, 6, 8, 9, 56, 74, 75, 76, 78, 100, 103]);

function placeKey(topic: string, topicId: string | null, partition: number): string {
  return JSON.stringify([topic, topicId, partition]);
}
