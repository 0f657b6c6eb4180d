/** One child process of the demo: started on a leash, its output in a log file, its end never missed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ChildOptions {
  script: string;
  args: string[];
  logFile: string;
  env?: Record<string, string>;
  /** It ended without having been asked to. `why` ends with the last line of its log. */
  onLost: (why: string) => void;
}

export const LEASH = join(__dirname, 'leash.js');
const STOP_LIMIT_MS = 20_000;

export class Child {
  readonly process: ChildProcess;
  readonly ended: Promise<void>;
  private expected = false;

  constructor(
    readonly name: string,
    options: ChildOptions,
  ) {
    const log = openSync(options.logFile, 'a');
    // In a session of its own, so that a terminal's Ctrl-C reaches the parent alone.
    this.process = spawn(process.execPath, ['--require', LEASH, options.script, ...options.args], {
      stdio: ['ignore', log, log, 'ipc'],
      detached: true,
      env: { ...foreignEnvironment(), ...options.env },
    });
    closeSync(log);
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        if (!this.expected) options.onLost(`${name} ended by itself (${how}): ${lastLine(options.logFile)}`);
        resolve();
      };
      this.process.once('error', (error) => end(error.message));
      this.process.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** SIGKILL, and waits for the end. */
  async kill(): Promise<void> {
    this.expected = true;
    this.process.kill('SIGKILL');
    await this.ended;
  }

  /** Asks by `ask`, waits for the end, and kills when that takes too long. Answers whether it went by itself. */
  async stop(ask: () => void, limitMs = STOP_LIMIT_MS): Promise<boolean> {
    this.expected = true;
    ask();
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), limitMs);
    });
    const gone = await Promise.race([this.ended.then(() => true), limit]);
    clearTimeout(timer);
    if (!gone) await this.kill();
    return gone;
  }
}

/** Without the settings of a Dupescope that the person runs besides: the demo's own are all in its arguments. */
function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DUPESCOPE_')));
}

function lastLine(file: string): string {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'it said nothing';
}
