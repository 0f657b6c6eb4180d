/**
 * The check's store in a SQLite file, shared by the processes of one host.
 *
 *     identity  id          grows with time, so that purging walks from the oldest
 *               key         16 bytes: of check, topic and identity; unique
 *               payload     16 bytes: of the message's key and value
 *               at          first claimed, unix ms
 *               owner       in progress by that owner; NULL: done
 *               lease_until free for others from then on, in ms of the host's monotonic clock
 *     owner     a process's use of this file: who it is, when it came, whether it has ended
 *
 * A process is proven dead as the journal proves it (`journal/owner`): it holds a lock in `<file>.owners/<its folder>`
 * for as long as it lives. Leases run on the monotonic clock that the processes of a host share, so steps of the
 * system's clock end none.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fail } from '../errors';
import { isProvenDead, lockOwner, type OwnerIdentity, type OwnerLock, thisProcess } from '../journal';
import { type Database, openDatabase } from '../sqlite';
import {
  type Answer,
  type Attempt,
  type CheckStore,
  type Claim,
  type Limits,
  PURGE_ROWS,
  purgeEveryMs,
} from './store';

/** 'dupc' in ASCII: tells this file from a ledger, and from any other SQLite file. */
const APPLICATION_ID = 0x64757063;
/** Another process's transaction lasts milliseconds; waiting is done between turns of the event loop. */
const BUSY_RETRY_MS = 2;
const BUSY_LIMIT_MS = 5_000;
/** A living owner is looked at again after so long. */
const LOOK_AGAIN_MS = 250;
/** So many other owners are looked at in one step: a few ms. */
const SWEPT_OWNERS = 8;

const SCHEMA = `
CREATE TABLE identity (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  payload BLOB NOT NULL,
  at REAL NOT NULL,
  owner INTEGER REFERENCES owner(id),
  lease_until REAL
) STRICT;
CREATE TABLE owner (
  id INTEGER PRIMARY KEY,
  folder TEXT NOT NULL UNIQUE,
  identity TEXT NOT NULL,
  at REAL NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0
) STRICT;
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = 1;
`;

interface Row {
  id: number;
  payload: Buffer;
  at: number;
  owner: number | null;
  lease_until: number | null;
}

interface OwnerRow {
  folder: string;
  identity: string;
  ended: number;
}

export class SqliteStore implements CheckStore {
  readonly atomic = false;
  private readonly db: Database;
  private readonly root: string;
  private readonly folder: string;
  private readonly lock: OwnerLock;
  private readonly owner: number;
  private readonly statements;
  /** Rows that an attempt of this process has in progress. */
  private readonly active = new Set<number>();
  /** Owners that were looked at, and when; Infinity: dead. */
  private readonly looked = new Map<number, number>();
  private purgedAt = performance.now();
  private sweptAt = performance.now();
  /** Owners up to this one were looked at; the next look begins behind it. */
  private sweptTo = 0;
  /** The last step of purging left some: the next one need not wait. */
  private backlog = false;

  /** Throws what SQLite and the file system throw. */
  constructor(
    path: string,
    private readonly limits: Limits,
  ) {
    const file = resolve(path);
    mkdirSync(dirname(file), { recursive: true });
    this.db = openDatabase(file, { timeout: BUSY_LIMIT_MS });
    this.root = `${file}.owners`;
    const folder = `${process.pid}-${randomUUID()}`;
    this.folder = join(this.root, folder);
    try {
      prepare(this.db, file);
      mkdirSync(this.folder, { recursive: true });
      const lock = lockOwner(this.folder);
      if (lock === null) throw new Error(`the new folder ${this.folder} is locked by someone else`);
      this.lock = lock;
      const made = this.db
        .prepare('INSERT INTO owner (folder, identity, at) VALUES (?, ?, ?)')
        .run(folder, JSON.stringify(thisProcess()), Date.now());
      this.owner = Number(made.lastInsertRowid);
    } catch (error) {
      this.db.close();
      throw error;
    }
    // From here on a wait for another process would hold up the event loop: see `transact`.
    this.db.pragma('busy_timeout = 0');
    this.statements = statementsOf(this.db);
  }

  async begin(claims: readonly Claim[]): Promise<Attempt<undefined>> {
    const keys = claims.map(({ key }) => Buffer.from(key, 'hex'));
    const rows: number[] = [];
    const answers = await this.transact(() => {
      rows.length = 0;
      const wallMs = Date.now();
      const leaseUntil = monotonicMs() + this.limits.leaseMs;
      const found: Answer[] = [];
      for (const [i, { payload }] of claims.entries()) {
        const key = keys[i] as Buffer;
        const bytes = Buffer.from(payload, 'hex');
        const made = this.statements.claim.run(key, bytes, wallMs, this.owner, leaseUntil);
        if (made.changes === 1) {
          rows.push(Number(made.lastInsertRowid));
          found.push({ is: 'fresh' });
          continue;
        }
        const row = this.statements.find.get(key) as Row;
        if (row.owner === null) {
          const ageMs = Math.max(0, wallMs - row.at);
          found.push({ is: 'done', payload: row.payload.toString('hex'), ageMs });
          rows.push(-1);
        } else if (this.isFree(row)) {
          this.statements.takeOver.run(bytes, wallMs, this.owner, leaseUntil, row.id);
          rows.push(row.id);
          found.push({ is: 'fresh' });
        } else {
          found.push({ is: 'busy' });
          break;
        }
      }
      // Twice what comes: a backlog shrinks under any load, and no step holds up the event loop.
      if (this.purgeIsDue()) this.purgeStep(Math.min(PURGE_ROWS, 10 + 2 * claims.length));
      return found;
    });
    if (performance.now() - this.sweptAt > purgeEveryMs(this.limits)) {
      // What the dead leave behind costs disk alone: no message fails for it.
      await this.sweepOwners(SWEPT_OWNERS).catch(() => undefined);
    }
    for (const row of rows) if (row >= 0) this.active.add(row);
    return this.attempt(answers, rows);
  }

  async purge(): Promise<number> {
    await this.sweepOwners(PURGE_ROWS);
    return this.transact(() => this.purgeStep(PURGE_ROWS));
  }

  async close(): Promise<void> {
    if (!this.db.open) return;
    await this.transact(() => this.statements.endOwner.run(this.owner)).catch(() => undefined);
    this.db.close();
    this.lock.release();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private attempt(answers: readonly Answer[], rows: readonly number[]): Attempt<undefined> {
    const free = () => {
      for (const row of rows) this.active.delete(row);
    };
    const settle = async (handled: (index: number) => boolean): Promise<void> => {
      if (!rows.some((row) => row >= 0)) return;
      try {
        await this.transact(() => {
          rows.forEach((row, i) => {
            if (row < 0) return;
            // Another owner has it where the lease ran out: what becomes of it is that one's to tell.
            if (handled(i)) this.statements.done.run(row, this.owner);
            else this.statements.release.run(row, this.owner);
          });
        });
      } finally {
        // Not in progress in this process any more, whatever the file says: the next copy may claim it.
        free();
      }
    };
    return {
      answers,
      tx: undefined,
      settle,
      release: () => settle(() => false).catch(() => undefined),
    };
  }

  /** In progress, and yet free to be claimed: by its lease, by its owner's death, or left over by ourselves. */
  private isFree({ id, owner, lease_until: leaseUntil }: Row): boolean {
    if (owner === this.owner) return !this.active.has(id);
    // A lease of before the host was started anew may lie far ahead: its owner is proven dead by the boot id.
    return (leaseUntil as number) <= monotonicMs() || this.isDead(owner as number);
  }

  private isDead(owner: number): boolean {
    const lookedAt = this.looked.get(owner) ?? Number.NEGATIVE_INFINITY;
    if (lookedAt === Number.POSITIVE_INFINITY) return true;
    if (performance.now() - lookedAt < LOOK_AGAIN_MS) return false;
    const row = this.statements.owner.get(owner) as OwnerRow | undefined;
    const dead = row === undefined || row.ended === 1 || this.provesDead(row);
    this.looked.set(owner, dead ? Number.POSITIVE_INFINITY : performance.now());
    if (dead && row?.ended === 0) this.statements.endOwner.run(owner);
    return dead;
  }

  private provesDead(row: OwnerRow): boolean {
    const folder = join(this.root, row.folder);
    try {
      const identity = JSON.parse(row.identity) as OwnerIdentity;
      // The folder goes when its owner is purged: until then the proof can be given again.
      if (!existsSync(folder)) return isOfAnotherBoot(identity);
      const lock = isProvenDead(folder, identity);
      lock?.release();
      return lock !== null;
    } catch {
      return false; // it cannot be looked into: the lease decides
    }
  }

  /** Forgets owners that have ended, or are proven dead, and that have nothing in progress. Looks at `limit` of them. */
  private async sweepOwners(limit: number): Promise<void> {
    this.sweptAt = performance.now();
    const gone = await this.transact(() => {
      const others = this.statements.owners.all(this.sweptTo, this.owner, limit);
      this.sweptTo = others.length < limit ? 0 : (others.at(-1)?.id as number);
      for (const other of others) if (this.provesDead(other)) this.statements.endOwner.run(other.id);
      return this.statements.purgeOwners.all();
    });
    for (const { folder } of gone) rmSync(join(this.root, folder), { recursive: true, force: true });
  }

  private purgeIsDue(): boolean {
    return this.backlog || performance.now() - this.purgedAt > purgeEveryMs(this.limits);
  }

  private purgeStep(rows: number): number {
    const before = Date.now() - this.limits.windowMs;
    const { changes } = this.statements.purge.run(rows, before, monotonicMs());
    this.backlog = changes === rows;
    this.purgedAt = performance.now();
    return changes;
  }

  /** One transaction, tried again while another process has its own. */
  private async transact<T>(work: () => T): Promise<T> {
    const giveUpAt = performance.now() + BUSY_LIMIT_MS;
    for (;;) {
      try {
        return this.db.transaction(work).immediate();
      } catch (error) {
        if (!isBusy(error) || performance.now() > giveUpAt) throw error;
      }
      await sleep(BUSY_RETRY_MS);
    }
  }
}

function statementsOf(db: Database) {
  return {
    claim: db.prepare<[Buffer, Buffer, number, number, number]>(
      `INSERT INTO identity (key, payload, at, owner, lease_until) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (key) DO NOTHING`,
    ),
    find: db.prepare<[Buffer]>('SELECT id, payload, at, owner, lease_until FROM identity WHERE key = ?'),
    takeOver: db.prepare<[Buffer, number, number, number, number]>(
      'UPDATE identity SET payload = ?, at = ?, owner = ?, lease_until = ? WHERE id = ?',
    ),
    done: db.prepare<[number, number]>(
      'UPDATE identity SET owner = NULL, lease_until = NULL WHERE id = ? AND owner = ?',
    ),
    release: db.prepare<[number, number]>('DELETE FROM identity WHERE id = ? AND owner = ?'),
    owner: db.prepare<[number]>('SELECT folder, identity, ended FROM owner WHERE id = ?'),
    endOwner: db.prepare<[number]>('UPDATE owner SET ended = 1 WHERE id = ?'),
    // What the dead left in progress goes too, once its lease is over.
    purge: db.prepare<[number, number, number]>(
      `DELETE FROM identity WHERE id IN (SELECT id FROM identity ORDER BY id LIMIT ?)
         AND at < ? AND (owner IS NULL OR lease_until < ?)`,
    ),
    owners: db.prepare<[number, number, number], OwnerRow & { id: number }>(
      'SELECT id, folder, identity, ended FROM owner WHERE ended = 0 AND id > ? AND id <> ? ORDER BY id LIMIT ?',
    ),
    // Never the last one: its id would be given again, to an owner that others may have seen dead.
    purgeOwners: db.prepare<[], { folder: string }>(
      `DELETE FROM owner WHERE ended = 1 AND id < (SELECT max(id) FROM owner)
         AND NOT EXISTS (SELECT 1 FROM identity i WHERE i.owner = owner.id) RETURNING folder`,
    ),
  };
}

function prepare(db: Database, file: string): void {
  db.pragma('journal_mode = WAL');
  // A kill loses nothing. A power failure may lose the last moments: those messages are handled again, none is skipped.
  db.pragma('synchronous = NORMAL');
  db.transaction(() => {
    if (db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() === 0) db.exec(SCHEMA);
  }).immediate();
  const isOurs = db.pragma('application_id', { simple: true }) === APPLICATION_ID;
  if (isOurs && db.pragma('user_version', { simple: true }) === 1) {
    // Few rows: what is in progress. Also keeps owners from being looked for among all identities.
    db.exec('CREATE INDEX IF NOT EXISTS identity_in_progress ON identity(owner) WHERE owner IS NOT NULL');
    return;
  }
  fail(
    'bad-configuration',
    `${file} is not a file of this version's check. Give idempotent() another path in "store", or move that file away.`,
  );
}

/** This host was started anew since: whatever became of its folder. */
function isOfAnotherBoot({ host, bootId }: OwnerIdentity): boolean {
  const here = thisProcess();
  return host === here.host && bootId !== '' && here.bootId !== '' && bootId !== here.bootId;
}

function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(String((error as { code?: unknown }).code));
}

/** Ms of a clock that all processes of this host share and that nobody sets. */
function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
