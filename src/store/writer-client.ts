/** The main thread's handle of the writer's thread. Nothing here waits without a limit, nothing throws late. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { DupescopeError } from '../errors';
import type { FromWriter, ToWriter } from './messages';
import type { PartitionPast, PastQuestion } from './past';
import { DEFAULT_RETENTION } from './retention';
import type { WriterThreadData } from './writer-thread';

export interface WriterClientOptions {
  storePath: string;
  /** Id of this process's journal; none for a service that only takes over the dead's. */
  ownJournal?: string;
  retentionDays?: number;
  retentionBytes?: number;
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
  /** Takes in the own journal now; false when that failed or took longer than `limitMs`. */
  flush(limitMs: number): Promise<boolean>;
  close(): Promise<void>;
}

const CLOSE_LIMIT_MS = 5_000;

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
    flushMs: options.flushMs ?? 200,
    sweepMs: options.sweepMs ?? 2_000,
  };
  const worker = new Worker(threadFile(), {
    workerData: data,
    name: 'dupescope-writer',
    // What the application preloads is for its main thread; our own register has no business in here.
    execArgv: [],
    env: { ...process.env, DUPESCOPE_DISABLED: '1' },
  });
  const waiting = new Map<number, (answer: FromWriter | null) => void>();
  let ids = 0;
  let gone = false;

  worker.on('message', (message: FromWriter) => {
    if (message.type === 'applied') options.onApplied?.(message.seq);
    if (message.type === 'problem') options.onProblem?.(new DupescopeError(message.code, message.message));
    if (message.type === 'past' || message.type === 'done') {
      waiting.get(message.id)?.(message);
      waiting.delete(message.id);
    }
  });
  const end = (reason: string | null) => {
    if (gone) return;
    gone = true;
    for (const answer of waiting.values()) answer(null);
    waiting.clear();
    if (reason !== null)
      options.onProblem?.(new DupescopeError('internal', `The writer's thread ended: ${reason}`));
  };
  worker.on('error', (error) => end(error.message));
  worker.on('exit', (code) => end(code === 0 ? null : `exit code ${code}`));
  // The application decides how long its process lives, not we. After the listeners: they take a reference.
  worker.unref();

  const ask = (make: (id: number) => ToWriter, limitMs: number): Promise<FromWriter | null> =>
    new Promise((resolve) => {
      if (gone) return resolve(null);
      const id = ++ids;
      const timer = setTimeout(() => {
        waiting.delete(id);
        resolve(null);
      }, limitMs);
      waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      worker.postMessage(make(id));
    });

  return {
    async past(question, limitMs) {
      const answer = await ask((id) => ({ type: 'past', id, question }), limitMs);
      return answer?.type === 'past' ? answer.past : null;
    },
    async flush(limitMs) {
      const answer = await ask((id) => ({ type: 'flush', id }), limitMs);
      return answer?.type === 'done' && answer.complete;
    },
    async close() {
      if (!gone) await ask((id) => ({ type: 'close', id }), CLOSE_LIMIT_MS);
      end(null);
      await worker.terminate();
    },
  };
}

/** A thread runs compiled code alone: from the sources (tests) it is the built file that is meant. */
function threadFile(): string {
  const beside = join(__dirname, 'writer-thread.js');
  return existsSync(beside) ? beside : join(__dirname, '../../dist/store/writer-thread.js');
}
