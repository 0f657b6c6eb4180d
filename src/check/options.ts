/** Options of `idempotent`, checked once. */
import type { KafkaMessage } from 'kafkajs';
import { fail } from '../errors';
import type { IdentityRules } from '../identity';
import type { PostgresClient, PostgresPool } from './postgres-store';
import type { CheckStore } from './store';

/** The identity of a message, or null where it has none. Must not throw. */
export type FindIdentity = (message: KafkaMessage, topic: string) => string | null;

export type StoreOption<Tx> =
  /** A SQLite file on this host's disk, made when missing; the processes of one host may share it. */
  | { sqlite: string }
  /**
   * The application's own pool of `pg`. The table is made when missing; `table` may name a schema. Default
   * 'dupescope_inbox'.
   */
  | { postgres: PostgresPool<Tx & PostgresClient>; table?: string }
  /** So many identities in this process's memory: for tests. */
  | { memory: number }
  | CheckStore<Tx>;

/** A delivery that the check recognised; the handler was not called. */
export interface Hit {
  topic: string;
  partition: number;
  message: KafkaMessage;
  identity: string;
  /** How long after the first copy, in ms. */
  ageMs: number;
}

/** A message whose identity was handled before with another payload. */
export type Reuse = Hit;

export interface IdempotentOptions<Tx = undefined> {
  /** Whose check this is, usually the consumer group's name: each name remembers for itself. */
  name: string;
  /** Default { sqlite: './dupescope-check.db' }. */
  store?: StoreOption<Tx>;
  /**
   * Where identities stand, as the observer knows it, or a function that finds them. Default: known headers, as
   * [{ from: 'headers' }]; a path in the JSON value is { from: 'json', path: '$.id' }, the record key { from: 'key' }.
   */
  identity?: IdentityRules | FindIdentity;
  /**
   * What becomes of a message without an identity. 'run' (default): it is handled unchecked, at least once;
   * 'refuse': an error ('identity-missing'); 'fingerprint': key and value are its identity, so that two messages of
   * the same content are one.
   */
  noIdentity?: 'run' | 'refuse' | 'fingerprint';
  /**
   * The same identity with another payload: an `IdReuse` error (default), or a function that decides. What it lets be
   * applied is remembered by its payload too: a copy of that is a hit, as long as the first one is remembered.
   */
  onReuse?: 'error' | ((reuse: Reuse) => 'skip' | 'apply' | Promise<'skip' | 'apply'>);
  /**
   * A copy comes while another is being handled. 'wait' (default): until that one is done or released, `waitMs` at
   * most; 'put-off': an error at once ('copy-in-progress'). After an error kafkajs delivers the copy again.
   */
  inProgress?: 'wait' | 'put-off';
  /** Default 30 000. */
  waitMs?: number;
  /** What was handled is remembered at least so long. Default 7 days. */
  windowMs?: number;
  /**
   * The longest that a handler may take: after that another copy may be handled. A process that died is proven dead,
   * and its claims are free at once. Default 300 000.
   */
  leaseMs?: number;
  /** A store that does not answer is asked again for so long, then the handler fails with its error. Default 10 000. */
  patienceMs?: number;
  /** As `eachBatchAutoResolve` of `run`: false where what the handler does not resolve is to come again. Default true. */
  autoResolve?: boolean;
  /** Told of every hit. Must not throw. */
  onHit?: (hit: Hit) => void;
}

const CHOICES = {
  noIdentity: ['run', 'refuse', 'fingerprint'],
  inProgress: ['wait', 'put-off'],
} as const;

const NUMBERS = {
  waitMs: { min: 0, max: 86_400_000 },
  windowMs: { min: 1_000, max: 3_650 * 86_400_000 },
  leaseMs: { min: 100, max: 86_400_000 },
  patienceMs: { min: 0, max: 3_600_000 },
} as const;

const KNOWN = [
  'name',
  'store',
  'onReuse',
  'autoResolve',
  'identity',
  'onHit',
  ...Object.keys(CHOICES),
  ...Object.keys(NUMBERS),
];

type Defaulted = 'store' | 'noIdentity' | 'onReuse' | 'inProgress' | 'autoResolve' | keyof typeof NUMBERS;

export type CheckedOptions<Tx> = Required<Pick<IdempotentOptions<Tx>, Defaulted>> &
  Omit<IdempotentOptions<Tx>, Defaulted>;

/** Throws 'bad-configuration' with what is allowed. */
export function checkOptions<Tx>(options: IdempotentOptions<Tx>): CheckedOptions<Tx> {
  const given = (options ?? {}) as unknown as Record<string, unknown>;
  const wrong = (key: string, what: string): never =>
    fail('bad-configuration', `idempotent(): "${key}" must be ${what}.`);
  for (const key of Object.keys(given)) {
    if (!KNOWN.includes(key)) {
      fail('bad-configuration', `idempotent(): there is no option "${key}". Known: ${KNOWN.join(', ')}.`);
    }
  }
  if (typeof given.name !== 'string' || given.name === '') {
    wrong('name', 'a text that is not empty: whose check this is, usually the name of the consumer group');
  }
  for (const [key, choices] of Object.entries(CHOICES)) {
    if (given[key] !== undefined && !(choices as readonly unknown[]).includes(given[key])) {
      wrong(key, `one of ${choices.join(', ')}`);
    }
  }
  for (const [key, { min, max }] of Object.entries(NUMBERS)) {
    const value = given[key];
    if (value !== undefined && !(typeof value === 'number' && value >= min && value <= max)) {
      wrong(key, `a number from ${min} to ${max}`);
    }
  }
  if (given.onHit !== undefined && typeof given.onHit !== 'function') wrong('onHit', 'a function');
  if (
    given.identity !== undefined &&
    typeof given.identity !== 'function' &&
    !Array.isArray(given.identity)
  ) {
    wrong('identity', "a list as [{ from: 'headers' }], or a function");
  }
  if (given.onReuse !== undefined && given.onReuse !== 'error' && typeof given.onReuse !== 'function') {
    wrong('onReuse', "'error' or a function");
  }
  if (given.autoResolve !== undefined && typeof given.autoResolve !== 'boolean') {
    wrong('autoResolve', 'true or false');
  }
  checkStoreOption(given.store, wrong);
  return {
    store: { sqlite: './dupescope-check.db' },
    noIdentity: 'run',
    onReuse: 'error',
    inProgress: 'wait',
    waitMs: 30_000,
    windowMs: 7 * 86_400_000,
    leaseMs: 300_000,
    patienceMs: 10_000,
    autoResolve: true,
    ...options,
  };
}

function checkStoreOption(given: unknown, wrong: (key: string, what: string) => never): void {
  if (given === undefined) return;
  const store = (typeof given === 'object' && given !== null ? given : {}) as Record<string, unknown>;
  const pool = store.postgres as { connect?: unknown; query?: unknown } | undefined;
  const isOne =
    (typeof store.sqlite === 'string' && store.sqlite !== '') ||
    (typeof pool?.connect === 'function' && typeof pool.query === 'function') ||
    (Number.isSafeInteger(store.memory) && (store.memory as number) > 0) ||
    (typeof store.begin === 'function' && typeof store.close === 'function');
  if (!isOne) {
    wrong(
      'store',
      "{ sqlite: 'file' }, { postgres: pool of pg }, { memory: how many } or a store of your own",
    );
  }
  // It becomes part of statements.
  if (store.table !== undefined && !/^[a-z_]\w{0,62}(\.[a-z_]\w{0,62})?$/i.test(String(store.table))) {
    wrong('store.table', 'the name of a table, or schema.table, of letters, digits and underscores');
  }
}
