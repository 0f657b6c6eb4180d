/**
 * Payments: what each message of a lane says is to be done once. The producer's answers are lost, so that kafkajs writes
 * twice; the application sends some once more, long after; and the handler stands within `idempotent`, while the lane's
 * faults are played. At the end the effects are held against what was sent, and the ledger's account of the copies
 * against its own sum and against what the handlers wrote down.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ISocketFactory, Message } from 'kafkajs';
import type { Pool } from 'pg';
import { API, FaultProxy } from '../../src/demo/broker';
import { type Truth, truthOf } from '../check/truth';
import type { PostgresServer } from '../support/postgres';
import { dropNext, through } from '../support/proxied';
import type { CopiesAccount } from './ledger';

/** For `payments-app.js`. */
export interface PaymentsTask {
  /** Whose check it is. */
  name: string;
  store: { url: string; schema: string } | { path: string };
  /** What became of each delivery, for all processes of the lane. */
  fates: string;
  /** Where the store is no database of the effects. */
  effects: string;
  autoResolve: boolean;
}

/** A database of the lane's own. */
export interface Bank {
  server: PostgresServer;
  pool: Pool & { schema: string };
}

interface Effect {
  id: string;
  amount: number;
}

export interface PaymentsReport {
  store: 'PostgreSQL' | 'SQLite';
  /** Payments that were sent, and copies of them: by the application, by the producer. */
  sent: number;
  copies: number;
  rewritten: number;
  /** Sent and never paid, and paid again. */
  unpaid: number;
  paidAgain: number;
  /** The sum of the accounts less the sum of what was sent. */
  difference: number;
  /** Deliveries that did not end, or by an error, whose effect was begun. */
  inProgress: number;
  account: CopiesAccount;
  truth: Truth;
}

/** Of the messages of a feed, so many are copies of what was fed before the last feeds. */
const COPIES_EVERY = 6;
/** Sends whose answer is lost: every second one, so that faults meet first copies, too. */
const LOST_EVERY = 2;
const AMOUNTS = 97;
/** An answer that is lost is waited for so long. */
export const PRODUCE_TIMEOUT_MS = 700;

export class Payments {
  private readonly sent = new Map<string, number>();
  private copies = 0;
  private feeds = 0;
  private proxy!: FaultProxy;

  /** @param bank null: SQLite */
  constructor(
    private readonly folder: string,
    private readonly name: string,
    private readonly bank: Bank | null,
  ) {}

  async open(brokers: readonly string[]): Promise<void> {
    this.proxy = await FaultProxy.listen(Number(brokers[0]?.split(':').at(-1)));
    await this.bank?.pool.query(`CREATE TABLE payment (id text, amount integer);
      CREATE TABLE account (balance integer); INSERT INTO account VALUES (0)`);
  }

  close(): Promise<void> {
    return this.proxy.close();
  }

  /** The producer's way to the broker. */
  get way(): ISocketFactory {
    return through(this.proxy.port);
  }

  task(autoResolve: boolean): PaymentsTask {
    const { name, bank } = this;
    const store = bank
      ? { url: bank.server.url, schema: bank.pool.schema }
      : { path: join(this.folder, `${name}.check.db`) };
    return { name, store, fates: this.file('fates'), effects: this.file('effects'), autoResolve };
  }

  /** The next ones to be sent; every second time the answer to that will be lost. */
  next(count: number, partitions: number): Message[] {
    this.proxy.heal();
    if (this.feeds++ % LOST_EVERY === 0) dropNext(this.proxy, [API.Produce]);
    const old = [...this.sent].slice(0, -2 * count).slice(-Math.ceil(count / COPIES_EVERY));
    const first = this.sent.size;
    const fresh = Array.from({ length: count - old.length }, (_, i) => {
      const number = first + i;
      return [`payment-${number}`, 1 + (number % AMOUNTS)] as const;
    });
    for (const [id, amount] of fresh) this.sent.set(id, amount);
    this.copies += old.length;
    return [...fresh, ...old].map(([id, amount], i) => ({
      partition: i % partitions,
      value: `0 ${id} ${amount}`,
      headers: { 'message-id': id },
    }));
  }

  /** @param records so many stand in the topic */
  async report(account: CopiesAccount, records: number): Promise<PaymentsReport> {
    const { sent, copies } = this;
    const effects = this.bank
      ? (await this.bank.pool.query<Effect>('SELECT id, amount FROM payment')).rows
      : this.effectsOfFile();
    const balance = this.bank
      ? Number((await this.bank.pool.query('SELECT balance FROM account')).rows[0].balance)
      : effects.reduce((sum, { amount }) => sum + amount, 0);
    const paid = new Set(effects.map(({ id }) => id));
    const truth = truthOf(this.file('fates'));
    return {
      store: this.bank ? 'PostgreSQL' : 'SQLite',
      sent: sent.size,
      copies,
      rewritten: records - sent.size - copies,
      unpaid: [...sent.keys()].filter((id) => !paid.has(id)).length,
      paidAgain: effects.length - paid.size,
      difference: balance - [...sent.values()].reduce((sum, amount) => sum + amount, 0),
      inProgress: truth.appliedUnfinished,
      account,
      truth,
    };
  }

  private effectsOfFile(): Effect[] {
    if (!existsSync(this.file('effects'))) return [];
    const lines = readFileSync(this.file('effects'), 'utf8').trimEnd().split('\n');
    return lines.map((line) => ({ id: line.split(' ')[0] as string, amount: Number(line.split(' ')[1]) }));
  }

  private file(what: string): string {
    return join(this.folder, `${this.name}.${what}`);
  }
}

/** What does not hold of it; empty when all does. */
export function paymentFailures(report: PaymentsReport): string[] {
  const { store, account, truth, unpaid, paidAgain, difference, inProgress, rewritten } = report;
  const failures: string[] = [];
  const expect = (holds: boolean, otherwise: string) => void (holds || failures.push(otherwise));
  expect(unpaid === 0, `${unpaid} payments were never made`);
  expect(rewritten > 0, 'the producer wrote nothing twice');
  const { redeliveries, duplicates, hits, again, failed, perhaps } = account;
  expect(
    hits + again + failed === redeliveries + duplicates,
    `${hits} hits + ${again} applied again + ${failed} failed are not ${redeliveries} redeliveries + ${duplicates} duplicates`,
  );
  if (store === 'PostgreSQL') {
    expect(difference === 0, `the accounts are off by ${difference}`);
    expect(paidAgain === 0, `${paidAgain} payments were made again`);
    expect(again === 0, `${again} are called applied again`);
    return failures;
  }
  expect(
    paidAgain <= inProgress,
    `${paidAgain} payments were made again, and ${inProgress} were in progress`,
  );
  const really = truth.account.appliedAgain;
  expect(
    again <= really && really <= again + perhaps,
    `${really} were applied again, and the ledger says ${again} and perhaps ${perhaps} more`,
  );
  const seen = truth.account.hits;
  expect(hits <= seen && hits >= seen - truth.copiesKilled, `${seen} were hits, and the ledger says ${hits}`);
  return failures;
}
