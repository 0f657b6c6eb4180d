/**
 * A worker thread that is asked questions: one answer to each, by its id, within a limit. Nothing here waits without
 * a limit, nothing throws late, and the thread never keeps the process alive.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Latch, makeLatch, shut } from './latch';

export interface ThreadOptions<Message> {
  /** Compiled file of the thread, without its folder's way: `store/writer-thread.js`. */
  file: string;
  name: string;
  data: object;
  /** What the thread says unasked. */
  onMessage: (message: Message) => void;
  /** It ended by itself, and why. */
  onEnd: (reason: string) => void;
}

export interface Thread<Question, Message> {
  /** Null when there is no answer within `limitMs`, or the thread is gone. */
  ask(
    make: (id: number) => Question,
    limitMs: number,
    /** Buffers that the question takes along instead of copying them. */
    transfer?: ArrayBuffer[],
  ): Promise<Message | null>;
  close(make: (id: number) => Question): Promise<void>;
}

const CLOSE_LIMIT_MS = 5_000;
/** The longest work behind a latch is the compression of one report: 5 ms for half a megabyte. */
const SHUT_LIMIT_MS = 250;

/** Of the living threads: the exit of the process ends them wherever they are. */
const latches = new Set<Latch>();
function shutAll(): void {
  for (const latch of latches) shut(latch, SHUT_LIMIT_MS);
}

export function launchThread<Question, Message extends object>(
  options: ThreadOptions<Message>,
): Thread<Question, Message> {
  const latch = makeLatch();
  if (latches.size === 0) process.on('exit', shutAll);
  latches.add(latch);
  const worker = new Worker(threadFile(options.file), {
    workerData: { ...options.data, latch },
    name: options.name,
    // What the application preloads is for its main thread; our own register has no business in here.
    execArgv: [],
    env: { ...process.env, DUPESCOPE_DISABLED: '1' },
  });
  const waiting = new Map<number, (answer: Message | null) => void>();
  let ids = 0;
  let gone = false;

  worker.on('message', (message: Message) => {
    const answered = 'id' in message ? waiting.get(message.id as number) : undefined;
    if (answered !== undefined) answered(message);
    else if (!('id' in message)) options.onMessage(message);
  });
  const end = (reason: string | null) => {
    if (gone) return;
    gone = true;
    latches.delete(latch);
    if (latches.size === 0) process.off('exit', shutAll);
    for (const answer of waiting.values()) answer(null);
    if (reason !== null) options.onEnd(reason);
  };
  worker.on('error', (error) => end(error.message));
  worker.on('exit', (code) => end(code === 0 ? null : `exit code ${code}`));
  // The application decides how long its process lives, not we. After the listeners: they take a reference.
  worker.unref();

  const ask: Thread<Question, Message>['ask'] = (make, limitMs, transfer = []) =>
    new Promise((resolve) => {
      if (gone) return resolve(null);
      const id = ++ids;
      const settle = (answer: Message | null) => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(null), limitMs);
      waiting.set(id, settle);
      worker.postMessage(make(id), transfer);
    });

  return {
    ask,
    async close(make) {
      if (!gone) await ask(make, CLOSE_LIMIT_MS);
      shut(latch, SHUT_LIMIT_MS);
      end(null);
      await worker.terminate();
    },
  };
}

/** A thread runs compiled code alone: from the sources (tests) it is the built file that is meant. */
function threadFile(file: string): string {
  const beside = join(__dirname, file);
  if (existsSync(beside)) return beside;
  const built = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../dist');
  return join(built, file);
}
