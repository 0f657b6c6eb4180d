/** What the demo runs: fixed figures, chosen so that a round of all faults takes about a minute. */
export const PARTITIONS = 6;

/** A burst each so often: every partition's fetch holds several records, so that there is a middle to be killed in. */
export const BURST_MS = 250;
export const BURST_RECORDS = 40;

/** Members of a group at its start; a joining one makes it one more. */
export const MEMBERS = 2;
export const MEMBERS_MAX = 3;

export const SESSION_TIMEOUT_MS = 6_000;
export const HEARTBEAT_MS = 500;
export const FETCH_WAIT_MS = 200;
/** What a handler works on one record, in ms: a whole number between the two. */
export const WORK_MS = [1, 3] as const;
/** A handler slower than the session's time-out. */
export const SLOW_MS = SESSION_TIMEOUT_MS + 2_500;

export const HANDLERS = { billing: 'eachMessage', shipping: 'eachBatch' } as const;
export type Role = keyof typeof HANDLERS;
export type HandlerKind = (typeof HANDLERS)[Role];
export const ROLES = Object.keys(HANDLERS) as Role[];

/** What a consumer process is started with, as JSON in its first argument. */
export interface WorkerSettings {
  name: string;
  brokers: string[];
  topic: string;
  group: string;
  handler: HandlerKind;
  /** Options of `instrument`. */
  evidence: { store: string } | { service: string; journal: string };
  truthFile: string;
}

/** What the handler shall do, once, at a record in the middle of a batch. */
export type Misconduct =
  | { order: 'linger' }
  | { order: 'throw' }
  | { order: 'sleep'; ms: number }
  | { order: 'seek'; back: number }
  | { order: 'toil' };

/** From the parent. `depth`: so many records of the batch come before the one that is meant. */
export type Order = { order: 'stop' } | (Misconduct & { depth: number });

/** How deep in a batch a fault happens; batches are about BURST_RECORDS / PARTITIONS long. */
export const DEPTH = [1, 3] as const;

/** To the parent. `began` and `done` tell of the last order, with the place where it was carried out. */
export type News =
  | { news: 'joined'; partitions: number[] }
  | { news: 'began'; place: string }
  | { news: 'done'; place: string }
  | { news: 'crashed'; error: string; restart: boolean };
