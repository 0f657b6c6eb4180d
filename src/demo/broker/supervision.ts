import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fail } from '../../errors';
import { type Command, LOG_NAME, type News, type Order } from './orders';

/** How a program ended. Both are null when the supervisor itself went away. */
export interface Ending {
  code: number | null;
  signal: string | null;
}

/** One program that the supervisor runs. */
export interface Run {
  pid: number;
  ended: Promise<Ending>;
}

/** Jest runs the sources, and node cannot: from there, the supervisor is the one of `dist`. */
function supervisorScript(): string {
  const beside = join(__dirname, 'supervisor.js');
  const built = join(__dirname, '..', '..', '..', 'dist', 'demo', 'broker', 'supervisor.js');
  const script = basename(__filename).endsWith('.ts') ? built : beside;
  if (!existsSync(script)) fail('internal', `${script} is missing. Run "npm run build" first.`);
  return script;
}

/**
 * The parent's end of the supervisor (see `supervisor.ts`): one folder and, one after the other, the
 * programs that run in it. While it stands, it keeps this process alive, as a listening server does.
 */
export class Supervision {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #gone: Promise<null>;
  #folder = '';
  /** Where in the log the program that runs, or ran last, began. */
  #logStart = 0;
  #settleStart: ((news: News) => void) | null = null;
  #settleEnd: ((ending: Ending) => void) | null = null;

  private constructor() {
    this.#process = spawn(process.execPath, [supervisorScript()], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      // What the parent loads into each Node process, as a debugger or instrumentation, is not meant for it.
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    this.#gone = new Promise((resolve) => {
      this.#process.once('close', () => resolve(null));
      this.#process.once('error', () => resolve(null));
    });
    this.#process.stdin.on('error', () => undefined);
    const lines = createInterface({ input: this.#process.stdout });
    lines.on('line', (line) => this.#hear(JSON.parse(line) as News));
    void this.#gone.then(() => this.#settleEnd?.({ code: null, signal: null }));
  }

  /** Starts the supervisor and waits for its folder. */
  static async start(): Promise<Supervision> {
    const supervision = new Supervision();
    const made = new Promise<News>((resolve) => {
      supervision.#settleStart = resolve;
    });
    const news = await Promise.race([made, supervision.#gone]);
    if (news?.news !== 'folder') {
      fail('internal', 'The supervisor of the broker ended at once. See whether TMPDIR can be written.');
    }
    supervision.#folder = news.path;
    return supervision;
  }

  /** Removed by `stop()`, or when this process ends. */
  get folder(): string {
    return this.#folder;
  }

  /** What the program that runs, or ran last, wrote so far. */
  log(): string {
    return this.#wholeLog().subarray(this.#logStart).toString('utf8');
  }

  /** Starts a program; one at a time. Rejects when it could not be started. */
  async run(command: Command): Promise<Run> {
    const ended = new Promise<Ending>((resolve) => {
      this.#settleEnd = resolve;
    });
    this.#logStart = this.#wholeLog().length;
    const started = new Promise<News>((resolve) => {
      this.#settleStart = resolve;
    });
    this.#order({ order: 'run', ...command });
    const news = await Promise.race([started, this.#gone]);
    if (news?.news === 'running') return { pid: news.pid, ended };
    const why = news?.news === 'failed' ? news.message : 'the supervisor ended';
    fail('no-broker-available', `"${command.command}" could not be started: ${why}.`);
  }

  /** SIGKILL to the program that runs; its `ended` tells when that is done. */
  kill(): void {
    this.#order({ order: 'kill' });
  }

  /** Ends program, folder and supervisor, and waits until all are gone. May be called again. */
  async stop(): Promise<void> {
    this.#process.stdin.end();
    await this.#gone;
  }

  #wholeLog(): Buffer {
    const path = join(this.#folder, LOG_NAME);
    return existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  }

  #order(order: Order): void {
    this.#process.stdin.write(`${JSON.stringify(order)}\n`);
  }

  #hear(news: News): void {
    if (news.news === 'ended') this.#settleEnd?.({ code: news.code, signal: news.signal });
    else this.#settleStart?.(news);
  }
}
