/** The main thread's handle of the reporter's thread. */
import { DupescopeError } from '../errors';
import { launchThread } from '../thread';
import type { FromReporter, ToReporter } from './messages';
import type { Past, PastQuestion } from './past';
import type { ReporterOptions } from './reporter';

export interface ReporterClientOptions extends ReporterOptions {
  /** The service has every line of the own journal up to `seq`. */
  onApplied: (seq: number) => void;
  /** The service takes nothing now; told once a kind of problem. */
  onProblem: (error: DupescopeError) => void;
}

export interface ReporterClient {
  /** What the ledger knows of a partition; null when it cannot be told within `limitMs`. */
  past(question: PastQuestion, limitMs: number): Promise<Past | null>;
  /** Tells the own journal now; false when that failed or took longer than `limitMs`. */
  flush(limitMs: number): Promise<boolean>;
  close(): Promise<void>;
}

export function launchReporter(options: ReporterClientOptions): ReporterClient {
  const { onApplied, onProblem, ...data } = options;
  const thread = launchThread<ToReporter, FromReporter>({
    file: 'reporter/reporter-thread.js',
    name: 'dupescope-reporter',
    data,
    onMessage(message) {
      if (message.type === 'applied') onApplied(message.seq);
      if (message.type === 'problem') onProblem(new DupescopeError(message.code, message.message));
    },
    onEnd: (reason) => onProblem(new DupescopeError('internal', `The reporter's thread ended: ${reason}`)),
  });
  return {
    async past(question, limitMs) {
      const answer = await thread.ask((id) => ({ type: 'past', id, question, limitMs }), limitMs);
      return answer?.type === 'past' ? answer.past : null;
    },
    async flush(limitMs) {
      const answer = await thread.ask((id) => ({ type: 'flush', id }), limitMs);
      return answer?.type === 'done' && answer.complete;
    },
    close: () => thread.close((id) => ({ type: 'close', id })),
  };
}
