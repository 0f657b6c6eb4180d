/** One child process of the chaos: on a leash, its output in a file, ended whatever happens to this process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';

const LEASH = join(__dirname, '../../dist/demo/leash.js');
const STOP_LIMIT_MS = 25_000;
/** Characters of its output that are told when it was lost. */
const LAST_WORDS = 2_000;

/** Milliseconds of the machine's monotonic clock: the same in every process, whatever the wall clocks say. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

const living = new Set<Child>();

/** SIGKILL to every child that lives: the last thing before the end. A stopped process takes it, too. */
export function killAll(): void {
  for (const child of living) {
    child.expected = true;
    child.process.kill('SIGKILL');
  }
}

export class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  hasEnded = false;
  /** What its parent did to end it, or accepts; anything else is a loss. */
  expected = false;

  /** @param onLost it ended without having been asked to */
  constructor(
    readonly name: string,
    options: {
      script: string;
      args: string[];
      logFile: string;
      env?: Record<string, string>;
      preload?: string;
      /** How far it stands back for others, as `nice` counts. */
      nice?: number;
      onLost: (why: string) => void;
    },
  ) {
    const log = openSync(options.logFile, 'a');
    const preload = options.preload === undefined ? [] : ['--require', options.preload];
    this.process = spawn(
      process.execPath,
      [...preload, '--require', LEASH, options.script, ...options.args],
      { stdio: ['ignore', log, log, 'ipc'], detached: true, env: { ...ownEnvironment(), ...options.env } },
    );
    closeSync(log);
    if (options.nice !== undefined && this.process.pid !== undefined)
      setPriority(this.process.pid, options.nice);
    living.add(this);
    this.ended = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => {
        living.delete(this);
        this.hasEnded = true;
        if (!this.expected) {
          const said = readFileSync(options.logFile, 'utf8').trimEnd().slice(-LAST_WORDS);
          options.onLost(`${name} ended by itself (${signal ?? `exit code ${code}`}): ...${said}`);
        }
        resolve();
      });
    });
    // An order to one that has just gone is no error of ours.
    this.process.on('error', () => undefined);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  async kill(): Promise<void> {
    this.expected = true;
    this.process.kill('SIGKILL');
    await this.ended;
  }

  /** Stops it for a time. Another process wakes it, so that it is woken even if this one is gone by then. */
  freeze(ms: number): Promise<void> {
    const script = `kill -STOP ${this.pid}; sleep ${ms / 1000}; kill -CONT ${this.pid}`;
    const keeper = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
    return new Promise((resolve) => keeper.once('exit', () => resolve()));
  }

  /** Asks, waits for the end, and kills when that takes too long. Answers whether it went by itself. */
  async stop(ask: () => void): Promise<boolean> {
    this.expected = true;
    ask();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), STOP_LIMIT_MS);
    });
    const gone = await Promise.race([this.ended.then(() => true), limit]);
    clearTimeout(timer);
    if (!gone) await this.kill();
    return gone;
  }
}

/** Without the settings of a Dupescope that the person runs besides. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DUPESCOPE_')));
}
