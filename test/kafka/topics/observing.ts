/** A topic observer with a store of its own, and what it found there. */
import { join } from 'node:path';
import type { DupescopeError } from '../../../src/errors';
import { DEFAULT_RULES, type IdentityRules } from '../../../src/identity';
import type { Beginning } from '../../../src/kafka/topics/topic-choice';
import { TopicObserver } from '../../../src/kafka/topics/topic-observer';
import { nameFilter } from '../../../src/kafka/watch/name-filter';
import { type Database, openDatabase } from '../../../src/sqlite';
import { openStore } from '../../../src/store/open';
import { startWriter, type WriterClient } from '../../../src/store/writer-client';
import { testBrokers, testKafka, until } from '../../support/broker';

export interface ObservingOptions {
  store: string;
  topics: string[];
  exclude?: string[];
  from?: Beginning;
  uncommitted?: boolean;
  identity?: IdentityRules;
  clearTexts?: boolean;
  brokers?: string[];
  listEveryMs?: number;
}

export interface Observing {
  observer: TopicObserver;
  writer: WriterClient;
  problems: (DupescopeError | null)[];
  missed: [string, number, number, number][];
  close(): Promise<void>;
}

export async function observe(options: ObservingOptions): Promise<Observing> {
  // So that what is asked of it is answered from the first moment on.
  openStore(options.store).close();
  const problems: (DupescopeError | null)[] = [];
  const missed: [string, number, number, number][] = [];
  const writer = await startWriter({
    storePath: options.store,
    onProblem: (problem) => problems.push(problem),
  });
  const brokers = options.brokers ?? testBrokers();
  const rules = {
    identity: options.identity ?? DEFAULT_RULES,
    window: { ageMs: 7 * 86_400_000, records: 10_000_000 },
    clearTexts: options.clearTexts ?? true,
  };
  const observer = new TopicObserver({
    kafka: testKafka({ brokers }),
    settings: { brokers, clientId: 'test', ssl: false, sasl: null },
    sink: {
      state: (cluster) => writer.observerState(cluster),
      expect: (topics) => writer.expect(topics),
      observe: (seed, batches) => writer.observe(seed, batches),
    },
    choice: {
      wants: nameFilter(options.topics, options.exclude ?? []),
      named: new Set(options.topics),
      from: options.from ?? 'beginning',
      uncommitted: options.uncommitted ?? false,
      rulesOf: () => rules,
    },
    listEveryMs: options.listEveryMs ?? 500,
    onProblem: (problem) => problems.push(problem),
    onMissed: (...one) => missed.push(one),
  });
  observer.start();
  let closed: Promise<void> | null = null;
  return {
    observer,
    writer,
    problems,
    missed,
    close: () => {
      closed ??= observer.stop().then(() => writer.close());
      return closed;
    },
  };
}

export interface FoundRow {
  topic: string;
  kind: string;
  identity: string | null;
  partition: number;
  offset: number;
  first: string;
  copies: number;
  cause: string;
  certainty: string;
}

/** All findings of a store in the order of their places. */
export function found(store: string, topic?: string): FoundRow[] {
  return read(store, (db) =>
    db
      .prepare<[], FoundRow>(
        `SELECT t.name AS topic, d.kind, d.identity, d.partition, d.record_offset AS "offset",
                d.first_partition || '/' || d.first_offset AS first, d.copies, d.cause, d.certainty
         FROM duplicate d JOIN topic t ON t.id = d.topic ORDER BY t.name, d.partition, d.record_offset`,
      )
      .all(),
  ).filter((row) => topic === undefined || row.topic === topic);
}

/** How many records of that topic were taken in, of all its lives. */
export function recordsOf(store: string, topic: string): number {
  return read(
    store,
    (db) =>
      (db
        .prepare(
          'SELECT coalesce(sum(o.records), 0) FROM observed_topic o JOIN topic t ON t.id = o.topic WHERE t.name = ?',
        )
        .pluck()
        .get(topic) as number) ?? 0,
  );
}

/** Ranges of offsets that were read, by partition. */
export function rangesOf(store: string, topic: string): Record<string, [number, number][]> {
  const rows = read(store, (db) =>
    db
      .prepare<[string], { partition: number; first: number; last: number }>(
        `SELECT r.partition, r.first, r.last FROM observed_range r JOIN topic t ON t.id = r.topic
         WHERE t.name = ? ORDER BY r.partition, r.first`,
      )
      .all(topic),
  );
  const ranges: Record<string, [number, number][]> = {};
  for (const { partition, first, last } of rows) {
    ranges[partition] ??= [];
    ranges[partition].push([first, last]);
  }
  return ranges;
}

export async function untilRecords(store: string, topic: string, count: number, timeoutMs = 30_000) {
  await until(
    `${count} records of ${topic} are in the store`,
    () => recordsOf(store, topic) >= count,
    timeoutMs,
  );
}

export function read<T>(store: string, use: (db: Database) => T): T {
  const db = openDatabase(store, { readonly: true });
  try {
    return use(db);
  } finally {
    db.close();
  }
}

export const storeIn = (folder: string, name: string) => join(folder, `${name}.db`);
