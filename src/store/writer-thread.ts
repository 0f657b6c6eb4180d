/**
 * The writer's thread: turns every `flushMs`, answers in between. States: opening -> working <-> failing (the store
 * cannot be written; tried again every turn) -> closed.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { DupescopeError } from '../errors';
import type { Report } from '../journal';
import type { FromWriter, ToWriter } from './messages';
import { storeError } from './open';
import { Writer, type WriterOptions } from './writer';

export interface WriterThreadData extends WriterOptions {
  /** Time between two turns, in ms. */
  flushMs: number;
  /** Time between two looks for the journals of dead processes, in ms. */
  sweepMs: number;
}

/** Of the one who asks: what it sends does not go on from what is stored. */
const GAPS: readonly string[] = ['watch-gap', 'observe-gap'];

const port = parentPort;
if (port !== null) run(workerData as WriterThreadData);

function run(options: WriterThreadData): void {
  const writer = new Writer(options);
  let failing = '';
  let ready = false;
  let toldSeq = 0;
  let sweptAt = 0;
  const say = (message: FromWriter) => port?.postMessage(message);

  const attempt = <T>(work: () => T): T | null => {
    try {
      const result = work();
      if (failing !== '' || !ready) say({ type: 'ready' });
      ready = true;
      failing = '';
      return result;
    } catch (error) {
      const { code, message } = storeError(options.storePath, error);
      if (failing !== code) say({ type: 'problem', code, message });
      failing = code;
      return null;
    }
  };

  const flush = (all: boolean): boolean => {
    const seq = attempt(() => {
      writer.open();
      return all ? writer.flush() : writer.follow(Date.now());
    });
    if (seq !== null && seq > toldSeq) {
      toldSeq = seq;
      say({ type: 'applied', seq });
    }
    return seq !== null;
  };

  const turn = () => {
    if (!flush(false)) return;
    const now = Date.now();
    if (now - sweptAt >= options.sweepMs) {
      sweptAt = now;
      attempt(() => writer.sweep(false));
    }
    attempt(() => {
      writer.settle(now);
      writer.retain(now);
    });
  };

  /** Who asks gets the very reason; it tries again and keeps what it has. */
  const answered = (id: number, work: () => FromWriter): FromWriter => {
    let refused: unknown;
    const answer = attempt(() => {
      try {
        return work();
      } catch (error) {
        refused = error;
        // Of the one who asks, not of the store.
        if (error instanceof DupescopeError && GAPS.includes(error.code)) return null;
        throw error;
      }
    });
    if (answer !== null) return answer;
    const { code, message } = storeError(options.storePath, refused);
    return { type: 'refused', id, code, message };
  };

  const take = (id: number, report: Report): FromWriter =>
    answered(id, () => {
      const answer = writer.report(report);
      if (answer !== null) return { type: 'reported', id, answer };
      return {
        type: 'refused',
        id,
        code: 'report-gap',
        message: 'Begin this journal from the oldest that is left.',
      };
    });

  const timer = setInterval(turn, options.flushMs);
  turn();

  port?.on('message', (message: ToWriter) => {
    switch (message.type) {
      case 'past':
        say({ type: 'past', id: message.id, past: attempt(() => writer.past(message.question)) });
        break;
      case 'report':
        say(take(message.id, message.report));
        break;
      case 'watched':
        say(
          answered(message.id, () => ({
            type: 'watched',
            id: message.id,
            state: writer.watchedState(message.cluster),
          })),
        );
        break;
      case 'watch':
        say(
          answered(message.id, () => {
            writer.watched(message.batch);
            return { type: 'stored', id: message.id };
          }),
        );
        break;
      case 'observer':
        say(
          answered(message.id, () => ({
            type: 'observer',
            id: message.id,
            state: writer.observerState(message.cluster),
          })),
        );
        break;
      case 'expect':
        say(
          answered(message.id, () => {
            writer.expect(message.topics);
            return { type: 'stored', id: message.id };
          }),
        );
        break;
      case 'observe':
        say(
          answered(message.id, () => {
            writer.observed(message.seed, message.batches);
            return { type: 'stored', id: message.id };
          }),
        );
        break;
      case 'find':
        say({ type: 'found', id: message.id, places: attempt(() => writer.find(message.text)) });
        break;
      case 'flush': {
        const complete = flush(true);
        say({ type: 'done', id: message.id, seq: toldSeq, complete });
        break;
      }
      case 'close': {
        clearInterval(timer);
        const complete = flush(true);
        writer.close();
        say({ type: 'done', id: message.id, seq: toldSeq, complete });
        port?.close();
        break;
      }
    }
  });
}
