/** Where a process's evidence goes: its journal, and someone who can tell the ledger's past. */
import type { Journal } from '../journal';
import type { RecordOutcome } from '../ledger';

export interface PastDelivery {
  /** Key of the session that made it; missing where a service of an older version answers. */
  session?: string;
  host: string;
  pid: number;
  clientId: string | null;
  memberId: string | null;
  generation: number | null;
  /** Unix ms. */
  at: number;
  outcome: RecordOutcome;
}

export interface PastStretch {
  first: number;
  last: number;
  deliveries: number;
  previous: PastDelivery;
}

export interface Sink {
  readonly journal: Journal;
  /** What was delivered of that partition to that group before; null when it cannot be told in time. */
  past(
    question: {
      clusterId: string;
      group: string;
      topic: string;
      topicId: string | null;
      partition: number;
      from: number;
    },
    limitMs: number,
  ): Promise<{ stretches: PastStretch[]; cut: boolean } | null>;
  /** Brings what the journal has into the store. */
  flush(limitMs: number): Promise<boolean>;
  /** Tells the application that sight is lost. Never throws. */
  problem(error: unknown): void;
}
