/**
 * Consumer lag, asked of the brokers every `intervalMs` for the groups and topics that the ledger knows.
 *
 * Reads alone: `fetchOffsets` without `resolveOffsets` (with it, kafkajs WRITES offsets) and `fetchTopicOffsets`.
 * Committed offsets are read before log ends, so lag is never below what it was. A round's life: connecting ->
 * asking (each group and topic by itself, each with a time limit) -> waiting. What fails leaves the last values,
 * whose age is told, and its reason in `problem()`; nothing is thrown out of here.
 */
import type { Admin, Kafka } from 'kafkajs';
import { type DupescopeError, errorLine } from '../errors';
import { type KafkaSettings, kafkaError } from './client';
import { limited } from './limited';

export interface LagTarget {
  group: string;
  topic: string;
}

/** As `service/lag.ts` wants it. */
export interface LagValue {
  cluster: string;
  group: string;
  topic: string;
  partition: number;
  committed: number | null;
  logEnd: number;
  records: number | null;
  /** Age of the oldest record that is not committed; null or missing: not known. */
  seconds?: number | null;
  at: number;
}

export interface LagPollerOptions {
  kafka: Kafka;
  settings: KafkaSettings;
  intervalMs: number;
  /** The groups and topics of that cluster that are known. Must not throw. */
  targets: (clusterId: string) => readonly LagTarget[];
  /** A new kind of problem, or null when it is over. */
  onProblem?: (problem: DupescopeError | null) => void;
}

/** Values of partitions that are not asked for any more are forgotten after so many intervals. */
const FORGET_INTERVALS = 30;

export class LagPoller {
  private readonly values = new Map<string, LagValue>();
  private admin: Admin | null = null;
  private timer: NodeJS.Timeout | null = null;
  private round: Promise<void> | null = null;
  private answered = false;
  private failure: DupescopeError | null = null;
  private stopped = false;

  constructor(private readonly options: LagPollerOptions) {}

  start(): void {
    this.timer = setInterval(() => this.turn(), this.options.intervalMs);
    this.turn();
  }

  /** Ends within the limit of one request. */
  async stop(): Promise<void> {
    this.stopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.drop();
    await this.round;
  }

  all(): readonly LagValue[] {
    return [...this.values.values()];
  }

  of(cluster: string, group: string, topic: string, partition: number): LagValue | null {
    return this.values.get(keyOf({ cluster, group, topic, partition })) ?? null;
  }

  ready(): boolean {
    return this.answered;
  }

  problem(): string | null {
    return this.failure === null ? null : errorLine(this.failure);
  }

  /** A round that is still under way is not overtaken. */
  private turn(): void {
    this.round ??= this.ask().finally(() => {
      this.round = null;
    });
  }

  private async ask(): Promise<void> {
    let failure: DupescopeError | null = null;
    try {
      const admin = await this.connected();
      const { clusterId } = await limited(admin.describeCluster());
      failure = await this.askAll(admin, clusterId);
      this.answered = true;
    } catch (error) {
      failure = kafkaError(error, this.options.settings);
      await this.drop();
    }
    if (this.stopped) return;
    if (failure?.code !== this.failure?.code) this.options.onProblem?.(failure);
    this.failure = failure;
    this.forget();
  }

  /** Answers the first failure; the others are asked all the same. */
  private async askAll(admin: Admin, cluster: string): Promise<DupescopeError | null> {
    let failure: DupescopeError | null = null;
    const ends = new Map<string, Map<number, number>>();
    for (const { group, topic } of this.options.targets(cluster)) {
      if (this.stopped) break;
      try {
        const committed = await committedOf(admin, group, topic);
        // One topic's log ends serve all groups of the round that were asked before them.
        let end = ends.get(topic);
        if (end === undefined || [...committed].some(([p, offset]) => offset > (end?.get(p) ?? 0))) {
          end = await logEndsOf(admin, topic);
          ends.set(topic, end);
        }
        this.keep(cluster, group, topic, committed, end);
      } catch (error) {
        failure ??= kafkaError(error, this.options.settings, topic);
        if (failure.code === 'kafka-unreachable') break;
      }
    }
    return failure;
  }

  private keep(
    cluster: string,
    group: string,
    topic: string,
    committed: ReadonlyMap<number, number>,
    ends: ReadonlyMap<number, number>,
  ): void {
    const at = Date.now();
    for (const [partition, logEnd] of ends) {
      const offset = committed.get(partition) ?? null;
      const records = offset === null ? null : Math.max(0, logEnd - offset);
      const value = { cluster, group, topic, partition, committed: offset, logEnd, records, at };
      this.values.set(keyOf(value), value);
    }
  }

  private forget(): void {
    const oldest = Date.now() - Math.max(60_000, FORGET_INTERVALS * this.options.intervalMs);
    for (const [key, value] of this.values) if (value.at < oldest) this.values.delete(key);
  }

  private async connected(): Promise<Admin> {
    if (this.admin !== null) return this.admin;
    const admin = this.options.kafka.admin();
    this.admin = admin;
    await limited(admin.connect());
    return admin;
  }

  private async drop(): Promise<void> {
    const { admin } = this;
    this.admin = null;
    if (admin !== null) await limited(admin.disconnect()).catch(() => undefined);
  }
}

async function committedOf(admin: Admin, group: string, topic: string): Promise<Map<number, number>> {
  const answer = await limited(admin.fetchOffsets({ groupId: group, topics: [topic] }));
  const partitions = answer.find((entry) => entry.topic === topic)?.partitions ?? [];
  const known = partitions.map(({ partition, offset }) => [partition, Number(offset)] as const);
  // -1: nothing is committed.
  return new Map(known.filter(([, offset]) => offset >= 0));
}

async function logEndsOf(admin: Admin, topic: string): Promise<Map<number, number>> {
  const answer = await limited(admin.fetchTopicOffsets(topic));
  return new Map(answer.map(({ partition, high }) => [partition, Number(high)] as const));
}

function keyOf(value: Pick<LagValue, 'cluster' | 'group' | 'topic' | 'partition'>): string {
  return JSON.stringify([value.cluster, value.group, value.topic, value.partition]);
}
