/** What the main thread and the reporter's thread say to each other. */
import type { ErrorCode } from '../errors';
import type { Past, PastQuestion } from './past';

export type ToReporter =
  | { type: 'past'; id: number; question: PastQuestion; limitMs: number }
  | { type: 'flush'; id: number }
  | { type: 'close'; id: number };

export type FromReporter =
  /** The service has every line of the own journal up to here, durably. */
  | { type: 'applied'; seq: number }
  | { type: 'past'; id: number; past: Past | null }
  /** Whether the service has everything that was written before the question. */
  | { type: 'done'; id: number; complete: boolean }
  /** Told once until the kind of problem changes. Evidence waits in the journal. */
  | { type: 'problem'; code: ErrorCode; message: string };
