/**
 * The check's store in PostgreSQL, as an inbox: the identities are inserted in the same transaction as the handler's
 * own writes, so that either both are there or neither is, whatever dies when.
 *
 *     dupescope_inbox
 *       key          uuid         hash of check, topic and identity
 *       payload      uuid         hash of the message's key and value
 *       at           timestamptz  first claimed, by the server's clock; purged by it too
 *       hits         integer      copies that were recognised, those within the first one's batch too
 *       last_hit_at  timestamptz  of a copy that came later than that batch
 *
 * In progress is a row that another transaction has inserted and not committed: PostgreSQL itself waits for it, within
 * `lock_timeout`. The lease is `idle_in_transaction_session_timeout`: the server ends a transaction whose process is
 * gone without a word. No clock but the server's is read.
 *
 * Begin, settings and claims travel as one simple query, one round trip for any number of claims; keys are hex digits
 * of our own making, so nothing in it needs quoting.
 */
import { errorLine, fail } from '../errors';
import {
  type Answer,
  type Attempt,
  type CheckStore,
  type Claim,
  type Limits,
  PURGE_ROWS,
  purgeEveryMs,
} from './store';

/** The parts of `pg`'s client that are used; the handler gets the whole of it as `tx`. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<unknown>;
  release(error?: Error | boolean): void;
}

/** The parts of `pg`'s Pool that are used. */
export interface PostgresPool<Client extends PostgresClient = PostgresClient> {
  connect(): Promise<Client>;
  query(text: string, values?: unknown[]): Promise<unknown>;
}

interface ClaimedRow {
  key: string;
  payload: string;
  fresh: boolean;
  age_ms: number;
}

/** How long one question waits for another transaction, in ms: between two of them the handler's group is told that we live. */
const LOCK_WAIT_MS = 500;
/** lock_not_available: another transaction has one of the identities. */
const BUSY = '55P03';
/** Serialises the making of tables: CREATE TABLE IF NOT EXISTS races with itself. */
const CREATE_LOCK = 0x64757065;

export class PostgresStore<Client extends PostgresClient> implements CheckStore<Client> {
  readonly atomic = true;
  private readonly table: string;
  private readonly index: string;
  private made: Promise<void> | null = null;
  private purgedAt = performance.now();
  private purging: Promise<unknown> = Promise.resolve();

  /** @param waits false: a copy in progress elsewhere is told at once */
  constructor(
    private readonly pool: PostgresPool<Client>,
    private readonly limits: Limits & { waits: boolean },
    table = 'dupescope_inbox',
  ) {
    this.table = table
      .split('.')
      .map((part) => `"${part}"`)
      .join('.');
    this.index = `"${table.split('.').at(-1)}_at"`;
  }

  async begin(claims: readonly Claim[]): Promise<Attempt<Client>> {
    this.made ??= this.makeTable();
    try {
      await this.made;
    } catch (error) {
      this.made = null;
      throw error;
    }
    const client = await this.pool.connect();
    const held = new Held(client);
    try {
      const found = await this.claim(client, claims);
      this.purgeIfDue();
      return this.attempt(held, claims, answersTo(claims, found));
    } catch (error) {
      await held.end('ROLLBACK').catch(() => undefined);
      if ((error as { code?: unknown }).code === BUSY) return busyAttempt(client);
      this.made = null; // the table may be what is missing
      throw error;
    }
  }

  async purge(): Promise<number> {
    const { rowCount } = (await this.pool.query(
      `DELETE FROM ${this.table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${this.table}
         WHERE at < now() - $1::float8 * interval '1 ms' LIMIT ${PURGE_ROWS} FOR UPDATE SKIP LOCKED))`,
      [this.limits.windowMs],
    )) as { rowCount: number };
    return rowCount;
  }

  /** The pool is the application's. */
  async close(): Promise<void> {
    await this.purging;
  }

  private async claim(client: Client, claims: readonly Claim[]): Promise<ClaimedRow[]> {
    // In one order everywhere, so that two batches wait for each other at most one way.
    const sorted = [...claims].sort((a, b) => (a.key < b.key ? -1 : 1));
    const list = (field: 'key' | 'payload') => `'{${sorted.map((claim) => claim[field]).join()}}'::uuid[]`;
    const copies = `'{${sorted.map((claim) => claim.copies ?? 0).join()}}'::integer[]`;
    const results = (await client.query(
      `BEGIN;
       SET LOCAL lock_timeout = ${this.limits.waits ? LOCK_WAIT_MS : 1};
       SET LOCAL idle_in_transaction_session_timeout = ${Math.ceil(this.limits.leaseMs)};
       INSERT INTO ${this.table} AS t (key, payload, hits)
         SELECT * FROM unnest(${list('key')}, ${list('payload')}, ${copies})
         ON CONFLICT (key) DO UPDATE SET hits = t.hits + 1 + EXCLUDED.hits, last_hit_at = clock_timestamp()
         RETURNING key, payload, last_hit_at IS NULL AS fresh,
           extract(epoch FROM clock_timestamp() - at)::float8 * 1000 AS age_ms;
       SET LOCAL lock_timeout TO DEFAULT`,
    )) as { rows: ClaimedRow[] }[];
    return results[3]?.rows ?? [];
  }

  private attempt(held: Held<Client>, claims: readonly Claim[], answers: readonly Answer[]): Attempt<Client> {
    return {
      answers,
      tx: held.client,
      settle: async (handled) => {
        try {
          const left = claims.filter((_, i) => answers[i]?.is === 'fresh' && !handled(i));
          if (left.length > 0) {
            const keys = left.map(({ key }) => key).join();
            await held.client.query(`DELETE FROM ${this.table} WHERE key = ANY ('{${keys}}'::uuid[])`);
          }
          await held.end('COMMIT');
        } catch (error) {
          await held.end('ROLLBACK').catch(() => undefined);
          throw error;
        }
      },
      release: () => held.end('ROLLBACK').catch(() => undefined),
    };
  }

  private async makeTable(): Promise<void> {
    const known = (await this.pool.query('SELECT to_regclass($1) AS name', [this.table])) as {
      rows: { name: string | null }[];
    };
    if (known.rows[0]?.name !== null) return;
    await this.pool.query(
      `BEGIN;
       SELECT pg_advisory_xact_lock(${CREATE_LOCK});
       CREATE TABLE IF NOT EXISTS ${this.table} (
         key uuid PRIMARY KEY,
         payload uuid NOT NULL,
         at timestamptz NOT NULL DEFAULT clock_timestamp(),
         hits integer NOT NULL DEFAULT 0,
         last_hit_at timestamptz
       );
       CREATE INDEX IF NOT EXISTS ${this.index} ON ${this.table} USING brin (at);
       COMMIT`,
    );
  }

  private purgeIfDue(): void {
    if (performance.now() - this.purgedAt < purgeEveryMs(this.limits)) return;
    this.purgedAt = performance.now();
    const step = async (): Promise<void> => {
      while ((await this.purge()) >= PURGE_ROWS);
    };
    // Beside the handlers, on a connection of its own; what fails is tried again when it is due.
    this.purging = step().catch(() => undefined);
  }
}

/** A client of the pool while a transaction has it; given back once, broken ones to be thrown away. */
class Held<Client extends PostgresClient> {
  private ended = false;
  private broken: Error | null = null;
  // The server may end the session by the lease while nobody asks it anything: without a listener that ends the process.
  private readonly onError = (error: Error): void => {
    this.broken = error;
  };

  constructor(readonly client: Client) {
    emitterOf(client).on?.('error', this.onError);
  }

  /** Rejects when the statement failed, or the session was lost before. */
  async end(statement: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    try {
      if (this.broken !== null) throw this.broken;
      const result = (await this.client.query(statement)) as { command?: string };
      // A COMMIT after a failed statement is answered by ROLLBACK, without an error.
      if (statement === 'COMMIT' && result.command !== 'COMMIT') {
        fail(
          'check-unreachable',
          'The transaction was rolled back: a statement of the handler failed and its error was caught. Let it be thrown, or use a savepoint.',
        );
      }
      this.giveBack();
    } catch (error) {
      // A rollback that the server answered leaves a sound session.
      this.giveBack(
        this.broken ?? ((error as { code?: unknown }).code === 'check-unreachable' ? undefined : error),
      );
      throw error;
    }
  }

  private giveBack(error?: unknown): void {
    emitterOf(this.client).removeListener?.('error', this.onError);
    if (error === undefined || error === null) this.client.release();
    else this.client.release(error instanceof Error ? error : new Error(errorLine(error)));
  }
}

interface Emitter {
  on?: (event: 'error', listener: (error: Error) => void) => unknown;
  removeListener?: (event: 'error', listener: (error: Error) => void) => unknown;
}

/** `pg`'s client is an EventEmitter; something of its shape need not be one. */
function emitterOf(client: PostgresClient): Emitter {
  return client as Emitter;
}

function answersTo(claims: readonly Claim[], found: readonly ClaimedRow[]): Answer[] {
  const rows = new Map(found.map((row) => [row.key.replaceAll('-', ''), row]));
  return claims.map(({ key }) => {
    const row = rows.get(key) as ClaimedRow;
    if (row.fresh) return { is: 'fresh' };
    return { is: 'done', payload: row.payload.replaceAll('-', ''), ageMs: Math.max(0, row.age_ms) };
  });
}

/** Nothing is claimed: the transaction was rolled back. */
function busyAttempt<Client>(client: Client): Attempt<Client> {
  return {
    answers: [{ is: 'busy' }],
    tx: client,
    settle: async () => undefined,
    release: async () => undefined,
  };
}
