/** The main thread's handle of the writer's thread. */
import { DupescopeError } from '../errors';
import { type ExpectedTopic, type ObservedBatch, type ObserverState, transferOf } from '../identity';
import type { Report, ReportAnswer } from '../journal';
import type { WatchBatch, WatchedState } from '../ledger';
import { launchThread } from '../thread';
import type { FromWriter, ToWriter } from './messages';
import type { PartitionPast, PastQuestion } from './past';
import type { IdentityPlace } from './queries/identities';
import { DEFAULT_RETENTION } from './retention';
import type { WriterThreadData } from './writer-thread';

export interface WriterClientOptions {
  storePath: string;
  /** Id of this process's journal; none for a service that only takes over the dead's. */
  ownJournal?: string;
  retentionDays?: number;
  retentionBytes?: number;
  /** Identities that are kept in all, of observed topics. Default 10 million. */
  identitiesMax?: number;
  /** Default 200. */
  flushMs?: number;
  /** Default 2 000. */
  sweepMs?: number;
  /** The store has every line of the own journal up to `seq`. */
  onApplied?: (seq: number) => void;
  /** The store cannot be written now; told once a kind of problem. */
  onProblem?: (error: DupescopeError) => void;
}

export interface WriterClient {
  /** What the ledger knows of a partition; null when it cannot be told within `limitMs`. */
  past(question: PastQuestion, limitMs: number): Promise<PartitionPast | null>;
  /** Takes in a report of another host; resolves when it is durable. Throws 'report-gap' and the store's errors. */
  report(report: Report): Promise<ReportAnswer>;
  /** What is stored of a cluster's watched groups. Throws the store's errors. */
  state(cluster: string): Promise<WatchedState>;
  /** Stores what the group watcher found; resolves when it is durable. Throws 'watch-gap' and the store's errors. */
  store(batch: WatchBatch): Promise<void>;
  /** Where the topic observer of that cluster goes on. Throws the store's errors. */
  observerState(cluster: string): Promise<ObserverState>;
  /** Makes topics known that are going to be observed. Throws the store's errors. */
  expect(topics: readonly ExpectedTopic[]): Promise<void>;
  /**
   * Stores what the topic observer read and takes its buffers away; resolves when it is durable. Throws 'observe-gap'
   * and the store's errors.
   */
  observe(seed: Uint8Array, batches: readonly ObservedBatch[]): Promise<void>;
  /** Where a message stands, by its id; null: no topic is observed here, or there is no answer within `limitMs`. */
  find(text: string, limitMs: number): Promise<IdentityPlace[] | null>;
  /** Takes in the own journal now; false when that failed or took longer than `limitMs`. */
  flush(limitMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** A report may wait for a checkpoint, or for another process's transaction. */
const REPORT_LIMIT_MS = 15_000;
/** A cluster of a million places is read in some seconds. */
const WATCH_LIMIT_MS = 60_000;
/** An index of 100 million identities without a snapshot is opened in a minute. */
const INDEX_LIMIT_MS = 300_000;

/** Starts the writer. Resolves as soon as the thread runs; the store may still be failing (see `onProblem`). */
export async function startWriter(options: WriterClientOptions): Promise<WriterClient> {
  return launchWriter(options);
}

export function launchWriter(options: WriterClientOptions): WriterClient {
  const data: WriterThreadData = {
    storePath: options.storePath,
    ownJournal: options.ownJournal ?? null,
    retention: {
      ...DEFAULT_RETENTION,
      days: options.retentionDays ?? DEFAULT_RETENTION.days,
      bytes: options.retentionBytes ?? DEFAULT_RETENTION.bytes,
    },
    identities: { capacity: options.identitiesMax ?? null },
    flushMs: options.flushMs ?? 200,
    sweepMs: options.sweepMs ?? 2_000,
  };
  const thread = launchThread<ToWriter, FromWriter>({
    file: 'store/writer-thread.js',
    name: 'dupescope-writer',
    data,
    onMessage(message) {
      if (message.type === 'applied') options.onApplied?.(message.seq);
      if (message.type === 'problem') options.onProblem?.(new DupescopeError(message.code, message.message));
    },
    onEnd: (reason) =>
      options.onProblem?.(new DupescopeError('internal', `The writer's thread ended: ${reason}`)),
  });

  return {
    async past(question, limitMs) {
      const answer = await thread.ask((id) => ({ type: 'past', id, question }), limitMs);
      return answer?.type === 'past' ? answer.past : null;
    },
    async report(report) {
      const answer = await thread.ask((id) => ({ type: 'report', id, report }), REPORT_LIMIT_MS);
      if (answer?.type === 'reported') return answer.answer;
      return refused(answer, 'Send the report again.');
    },
    async state(cluster) {
      const answer = await thread.ask((id) => ({ type: 'watched', id, cluster }), WATCH_LIMIT_MS);
      if (answer?.type === 'watched') return answer.state;
      return refused(answer, 'Ask for the watched groups again.');
    },
    async store(batch) {
      const answer = await thread.ask((id) => ({ type: 'watch', id, batch }), WATCH_LIMIT_MS);
      if (answer?.type !== 'stored') refused(answer, 'Send what was watched again.');
    },
    async observerState(cluster) {
      const answer = await thread.ask((id) => ({ type: 'observer', id, cluster }), INDEX_LIMIT_MS);
      if (answer?.type === 'observer') return answer.state;
      return refused(answer, 'Ask again where to go on.');
    },
    async expect(topics) {
      const answer = await thread.ask((id) => ({ type: 'expect', id, topics }), WATCH_LIMIT_MS);
      if (answer?.type !== 'stored') refused(answer, 'Tell the topics again.');
    },
    async observe(seed, batches) {
      const transfer = batches.flatMap(({ records }) => transferOf(records));
      const answer = await thread.ask(
        (id) => ({ type: 'observe', id, seed, batches }),
        WATCH_LIMIT_MS,
        transfer,
      );
      if (answer?.type !== 'stored') refused(answer, 'Go on from where the store stands.');
    },
    async find(text, limitMs) {
      const answer = await thread.ask((id) => ({ type: 'find', id, text }), limitMs);
      return answer?.type === 'found' ? answer.places : null;
    },
    async flush(limitMs) {
      const answer = await thread.ask((id) => ({ type: 'flush', id }), limitMs);
      return answer?.type === 'done' && answer.complete;
    },
    close: () => thread.close((id) => ({ type: 'close', id })),
  };
}

function refused(answer: FromWriter | null, again: string): never {
  if (answer?.type === 'refused') throw new DupescopeError(answer.code, answer.message);
  throw new DupescopeError('store-busy', `The store took too long. ${again}`);
}
