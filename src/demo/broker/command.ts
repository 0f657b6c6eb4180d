import { execFile } from 'node:child_process';

/** What a command gave. `found` is false when there is no such command; `code` is null when it was stopped. */
export interface CommandResult {
  found: boolean;
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandOptions {
  cwd?: string;
  /** After this many milliseconds the command is killed and its `code` is null. */
  timeoutMs: number;
}

export type CommandRunner = (
  command: string,
  args: readonly string[],
  options: CommandOptions,
) => Promise<CommandResult>;

/**
 * Where the search for a broker looks: variables and commands. Tests pass their own to play a machine
 * without Docker or Java.
 */
export interface Surroundings {
  env: Readonly<Record<string, string | undefined>>;
  run: CommandRunner;
}

/** Runs a command to its end. Never rejects: a missing command is an answer, too. */
export const runCommand: CommandRunner = (command, args, options) =>
  new Promise((resolve) => {
    const settings = {
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL' as const,
      maxBuffer: 16 * 1024 * 1024,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    };
    execFile(command, [...args], settings, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      const missing = error?.code as unknown;
      resolve({ found: missing !== 'ENOENT' && missing !== 'EACCES', code, stdout, stderr });
    });
  });

export const processSurroundings = (): Surroundings => ({ env: process.env, run: runCommand });
