/** The built command as a child process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** `npm test` builds dist first; DUPESCOPE_TEST_DIST names another build. */
const DIST = process.env.DUPESCOPE_TEST_DIST ?? join(__dirname, '../../dist');
export const MAIN = join(DIST, 'cli/main.js');
const LIMIT_MS = 40_000;

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  process: ChildProcess;
  /** Resolves with what the first line of stdout is. */
  firstLine: Promise<string>;
  ended: Promise<Ended>;
}

/** @param limitMs it is killed then */
export function start(
  args: readonly string[],
  env: Record<string, string> = {},
  limitMs = LIMIT_MS,
): Started {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('DUPESCOPE_'));
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: limitMs,
  });
  let stdout = '';
  let stderr = '';
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  const firstLine = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (piece: Buffer) => {
      stdout += piece.toString();
      if (stdout.includes('\n')) resolve(stdout.split('\n')[0] ?? '');
    });
    ended.then(({ code }) => reject(new Error(`ended with ${code}: ${stderr}`)));
  });
  firstLine.catch(() => undefined);
  return { process: child, firstLine, ended };
}

export function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return start(args, env).ended;
}
