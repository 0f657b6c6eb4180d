/**
 * What both forms of the check share: the identity of a message by the policy, the store, opened when it is first
 * needed and asked again while it does not answer, and what a copy means.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaMessage } from 'kafkajs';
import { DupescopeError, errorLine, fail } from '../errors';
import { claimOf, type Finder, finderOf, IdReuse, payloadOf, reuseOf } from './claim';
import { MemoryStore } from './memory-store';
import type { CheckedOptions } from './options';
import { type PostgresClient, PostgresStore } from './postgres-store';
import { SqliteStore } from './sqlite-store';
import type { Attempt, CheckStore, Claim } from './store';

/** What the check needs of the parts around it. */
export interface Outside {
  /** Tells the ledger of hits, contiguous ones at once. Never throws. */
  tellHits: (messages: readonly KafkaMessage[], about: { ageMs: number; windowMs: number }) => unknown;
}

/** A message with its claim; null: it has no identity and is handled unchecked. */
export interface Checked {
  message: KafkaMessage;
  identity: string;
  claim: Claim | null;
  /**
   * How long after another payload of the same identity was handled it came, in ms; its claim is then of identity and
   * payload together. Null: nothing of the kind is known.
   */
  reusedMs: number | null;
}

/** A copy of what was handled, and how long after the first it came. */
export interface Met {
  checked: Checked;
  ageMs: number;
}

/** Where messages came from, and how to say to the group that we live. */
export interface Place {
  topic: string;
  partition: number;
  heartbeat: () => Promise<void>;
}

const RETRY_MS = 100;
const RETRY_MAX_MS = 1_000;
const TELL_EVERY_MS = 60_000;

export class Checker<Tx> {
  private store: CheckStore<Tx> | null = null;
  private readonly find: Finder;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    readonly options: CheckedOptions<Tx>,
    private readonly outside: Outside,
  ) {
    this.find = finderOf(options);
  }

  get isAtomic(): boolean {
    return this.store?.atomic === true;
  }

  check(message: KafkaMessage, { topic, partition }: Place): Checked {
    const { name, noIdentity } = this.options;
    const found = this.find(message, topic);
    if (found !== null) {
      const claim = claimOf(name, topic, found, payloadOf(message));
      return { message, identity: found.text, claim, reusedMs: null };
    }
    if (noIdentity === 'refuse') {
      fail(
        'identity-missing',
        `${topic}/${partition} offset ${message.offset} has no identity: let its producer set a "message-id" header, or give idempotent() an "identity" function or another "noIdentity".`,
      );
    }
    this.tellUnchecked(topic);
    return { message, identity: '', claim: null, reusedMs: null };
  }

  /** Claims at the store. Rejects with 'check-unreachable' when it did not answer for `patienceMs`. */
  async begin(claims: readonly Claim[], { heartbeat }: Place): Promise<Attempt<Tx>> {
    const giveUpAt = performance.now() + this.options.patienceMs;
    for (let delayMs = RETRY_MS; ; delayMs = Math.min(2 * delayMs, RETRY_MAX_MS)) {
      try {
        this.store ??= this.openStore();
        return await this.store.begin(claims);
      } catch (error) {
        if (isLasting(error) || performance.now() + delayMs > giveUpAt) throw unreachable(error);
      }
      await sleep(delayMs);
      await heartbeat();
    }
  }

  /** Makes it durable that these were handled. Rejects when that fails for `patienceMs`; they may then be handled again. */
  async settle(attempt: Attempt<Tx>, handled: (index: number) => boolean): Promise<void> {
    try {
      await attempt.settle(handled);
    } catch (error) {
      throw unreachable(error);
    }
  }

  /** Before a copy that is in progress elsewhere is asked for again. Rejects when it is to be put off. */
  async waitTurn(turn: number, since: number, { message, identity }: Checked, place: Place): Promise<void> {
    const { inProgress, waitMs } = this.options;
    const waitedMs = performance.now() - since;
    if (inProgress === 'put-off' || waitedMs > waitMs) {
      fail(
        'copy-in-progress',
        `${place.topic}/${place.partition} offset ${message.offset}: another copy of "${identity}" is being handled${inProgress === 'wait' ? ` for more than ${waitMs} ms` : ''}. kafkajs delivers this one again.`,
      );
    }
    await sleep(Math.min(10 * 2 ** turn, 500));
    await place.heartbeat();
  }

  /**
   * The same identity was handled with another payload: to be claimed anew, by its payload too. So what was applied of
   * a reused identity is known by its payload, as long as the first one is remembered.
   */
  reused(checked: Checked, ageMs: number): Checked {
    return { ...checked, claim: checked.claim && reuseOf(checked.claim), reusedMs: ageMs };
  }

  /** What to do with a claimed message. A reused identity is no copy, and so no hit: an error, or the application decides. */
  async decide(
    { message, identity, reusedMs }: Checked,
    { topic, partition }: Place,
  ): Promise<'skip' | 'apply'> {
    if (reusedMs === null) return 'apply';
    if (this.options.onReuse === 'error') throw new IdReuse(topic, partition, message.offset, identity);
    return this.options.onReuse({ topic, partition, message, identity, ageMs: reusedMs });
  }

  /** Contiguous hits, in ascending order; the ledger is told the oldest age among them. */
  tellHits(hits: readonly Met[], { topic, partition }: Place): void {
    if (hits.length === 0) return;
    for (const { checked, ageMs } of hits) {
      try {
        const { message, identity } = checked;
        this.options.onHit?.({ topic, partition, message, identity, ageMs });
      } catch {
        // A listener that throws must not make a copy of what was handled fail.
      }
    }
    const ageMs = Math.max(...hits.map((hit) => hit.ageMs));
    const messages = hits.map(({ checked }) => checked.message);
    this.outside.tellHits(messages, { ageMs, windowMs: this.options.windowMs });
  }

  async close(): Promise<void> {
    await this.store?.close();
    this.store = null;
  }

  private openStore(): CheckStore<Tx> {
    const { store, windowMs, leaseMs, inProgress } = this.options;
    const limits = { windowMs, leaseMs };
    if ('begin' in store) return store;
    if ('sqlite' in store) return new SqliteStore(store.sqlite, limits) as unknown as CheckStore<Tx>;
    if ('memory' in store) return new MemoryStore(store.memory, limits) as unknown as CheckStore<Tx>;
    const waits = inProgress === 'wait';
    return new PostgresStore<Tx & PostgresClient>(store.postgres, { ...limits, waits }, store.table);
  }

  private tellUnchecked(topic: string): void {
    const now = performance.now();
    if (now - this.toldAt < TELL_EVERY_MS) return;
    this.toldAt = now;
    process.emitWarning(
      `idempotent("${this.options.name}"): messages of ${topic} have no identity and are handled unchecked`,
      { code: 'dupescope:identity-missing' },
    );
  }
}

/** Asking again will not help: permissions, a missing database, a file that is not ours. */
function isLasting(error: unknown): boolean {
  if (error instanceof DupescopeError) return true;
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  return /^(28|3D|3F|42)[0-9A-Z]{3}$/.test(code) || /^SQLITE_(NOTADB|CORRUPT|READONLY)/.test(code);
}

function unreachable(error: unknown): unknown {
  if (error instanceof DupescopeError) return error;
  return new DupescopeError(
    'check-unreachable',
    `The store of the check failed (${errorLine(error)}). Nothing was marked as handled; kafkajs delivers the messages again.`,
    { cause: error },
  );
}
