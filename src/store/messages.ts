/** What the main thread and the writer's thread say to each other. */
import type { ErrorCode } from '../errors';
import type { ExpectedTopic, ObservedBatch, ObserverState } from '../identity';
import type { Report, ReportAnswer } from '../journal';
import type { WatchBatch, WatchedState } from '../ledger';
import type { PartitionPast, PastQuestion } from './past';
import type { IdentityPlace } from './queries/identities';

export type ToWriter =
  | { type: 'past'; id: number; question: PastQuestion }
  | { type: 'report'; id: number; report: Report }
  | { type: 'watched'; id: number; cluster: string }
  | { type: 'watch'; id: number; batch: WatchBatch }
  | { type: 'observer'; id: number; cluster: string }
  | { type: 'expect'; id: number; topics: readonly ExpectedTopic[] }
  /** The columns' buffers come by transfer. */
  | { type: 'observe'; id: number; seed: Uint8Array; batches: readonly ObservedBatch[] }
  | { type: 'find'; id: number; text: string }
  | { type: 'flush'; id: number }
  | { type: 'close'; id: number };

export type FromWriter =
  /** The store is open (once, or after it was not). */
  | { type: 'ready' }
  /** The store has every line of the own journal up to here. */
  | { type: 'applied'; seq: number }
  | { type: 'past'; id: number; past: PartitionPast | null }
  | { type: 'watched'; id: number; state: WatchedState }
  | { type: 'observer'; id: number; state: ObserverState }
  | { type: 'found'; id: number; places: IdentityPlace[] | null }
  | { type: 'stored'; id: number }
  | { type: 'reported'; id: number; answer: ReportAnswer }
  /** Not to be taken in: the question itself, or not now. */
  | { type: 'refused'; id: number; code: ErrorCode; message: string }
  | { type: 'done'; id: number; seq: number; complete: boolean }
  /** A turn failed; told once until the kind of problem changes. Evidence waits in the journal. */
  | { type: 'problem'; code: ErrorCode; message: string };
