/**
 * What a check asks of its store. One implementation each for SQLite, PostgreSQL and memory; an application may bring
 * one of its own.
 */

/** A message as the store knows it: two hashes of 128 bits, 32 hex digits each. */
export interface Claim {
  /** Of the check's name, the topic and the identity. */
  readonly key: string;
  /** Of key and value of the message: tells id reuse from a copy. */
  readonly payload: string;
  /** Further copies that came with it in its batch, for a store that counts; default 0. */
  readonly copies?: number;
}

export type Answer =
  /** Claimed by this attempt: to be handled. */
  | { is: 'fresh' }
  /** Handled before. `ageMs`: since the first copy was claimed. */
  | { is: 'done'; payload: string; ageMs: number }
  /** Another attempt has it in progress. */
  | { is: 'busy' };

export interface Attempt<Tx> {
  /** One a claim, in their order, up to the first that is busy: what comes after that one is not claimed. */
  readonly answers: readonly Answer[];
  /** The transaction that the claims are part of; undefined where the store has none. */
  readonly tx: Tx;
  /** Marks what was handled as done and releases the rest. Rejects when that is not durable. */
  settle(handled: (index: number) => boolean): Promise<void>;
  /** Releases every claim: nothing counts as handled. Never rejects. */
  release(): Promise<void>;
}

export interface CheckStore<Tx = undefined> {
  /** True: what the handler did within `tx` is undone by `release`. */
  readonly atomic: boolean;
  /**
   * Claims what is unknown, durably or within a transaction. One round trip, however many claims.
   * @param claims no key twice
   */
  begin(claims: readonly Claim[]): Promise<Attempt<Tx>>;
  /** Forgets what is older than the window, a thousand rows at a time. Answers how many it forgot. */
  purge(): Promise<number>;
  close(): Promise<void>;
}

/** Ages and leases of a store, in ms. */
export interface Limits {
  /** What was done is remembered at least so long. */
  windowMs: number;
  /** A claim whose process cannot be proven dead may be taken over after so long. */
  leaseMs: number;
}

/** Rows that are forgotten in one step, so that nobody waits long for it. */
export const PURGE_ROWS = 1_000;

/** How often a store forgets what is too old: a small part of the window, at most every minute. */
export function purgeEveryMs({ windowMs }: Limits): number {
  return Math.min(60_000, Math.max(1_000, windowMs / 20));
}
