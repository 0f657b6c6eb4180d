/**
 * Who owns a journal, and the proof that the owner is dead.
 *
 * The owner holds an exclusive lock on the SQLite file `owner` of its folder; the kernel frees it when the process
 * ends in any way, across containers too, where process ids say nothing. Where the process can be looked up (same
 * boot, same pid namespace, same start time) that look-up has a veto, because a lock does not hold against a
 * second copy of SQLite in the same process. A time-out is never a proof: a stopped process keeps its lock.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { openDatabase } from '../sqlite';

export interface OwnerIdentity {
  host: string;
  /** Of the kernel; another one means that the machine was started anew. Empty where the system tells none. */
  bootId: string;
  /** Namespace of process ids; process ids of another namespace say nothing here. */
  pidNamespace: string;
  pid: number;
  /** Start time of the process in the system's own unit, so that a reused pid is seen. Empty: not known. */
  pidStart: string;
}

const OWNER_FILE = 'owner';

let own: OwnerIdentity | null = null;

export function thisProcess(): OwnerIdentity {
  own ??= {
    host: hostname(),
    bootId: readOr('/proc/sys/kernel/random/boot_id', ''),
    pidNamespace: linkOr('/proc/self/ns/pid', ''),
    pid: process.pid,
    pidStart: startOf(process.pid) ?? '',
  };
  return own;
}

export interface OwnerLock {
  release(): void;
}

/** Takes the lock of a folder, makes its file; null when another connection holds it. */
export function lockOwner(folder: string): OwnerLock | null {
  return lock(folder, false);
}

function lock(folder: string, mustExist: boolean): OwnerLock | null {
  const db = openDatabase(join(folder, OWNER_FILE), { timeout: 0, fileMustExist: mustExist });
  try {
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')) return null;
    throw error;
  }
  return { release: () => db.close() };
}

/**
 * The lock, kept for the caller, only where it is proven that the owner no longer runs. Null as well where a neighbour
 * has been here before and took the folder away, at whatever moment in between: there is nothing left to recover.
 */
export function isProvenDead(folder: string, owner: OwnerIdentity): OwnerLock | null {
  if (isSeenAlive(owner)) return null;
  const isThere = () => existsSync(join(folder, OWNER_FILE));
  if (!isThere()) return null;
  let taken: OwnerLock | null;
  try {
    taken = lock(folder, true);
  } catch (error) {
    if (!isThere()) return null;
    throw error;
  }
  // A lock on a file that was opened and then taken away is no lock of this folder.
  if (taken === null || isThere()) return taken;
  taken.release();
  return null;
}

function isSeenAlive(owner: OwnerIdentity): boolean {
  const here = thisProcess();
  if (owner.bootId !== here.bootId || owner.pidNamespace !== here.pidNamespace || owner.host !== here.host) {
    return false;
  }
  const start = startOf(owner.pid);
  return start !== null && (start === owner.pidStart || owner.pidStart === '');
}

/** Start time of a running process; null: no such process, or it is dead and waits for its parent; '': unknown. */
function startOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const stat = readOr(`/proc/${pid}/stat`, null);
    if (stat === null) return null;
    // The name in parentheses may hold anything; the fields that count come behind the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? '');
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ESRCH') return null;
  }
  if (process.platform === 'win32') return '';
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return null;
  }
}

function readOr<T>(path: string, otherwise: T): string | T {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return otherwise;
  }
}

function linkOr(path: string, otherwise: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return otherwise;
  }
}
