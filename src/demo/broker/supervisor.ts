/**
 * A process of its own that owns the broker's process and its folder. It is here for one case: the parent
 * dies by SIGKILL and can clean up nothing. The parent holds the other end of stdin; when that closes, for
 * whatever reason, the broker is ended, the folder removed, and then this process ends.
 *
 *     folder made -> idle -> running -> idle -> ... -> stdin closed -> broker ended -> folder removed -> exit
 *
 * The parent starts it in a session of its own, so a terminal's Ctrl-C does not reach it; the signals are
 * still minded for those who send them by hand.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Command, LOG_NAME, type News, type Order } from './orders';

const END_TRIES = 20;
const END_TRY_MS = 500;

const folder = mkdtempSync(join(tmpdir(), 'dupescope-broker-'));
let running: { child: ChildProcess; command: Command; ended: Promise<void> } | null = null;
let stopping = false;

function tell(news: News): void {
  process.stdout.write(`${JSON.stringify(news)}\n`);
}

function run(command: Command): void {
  if (running !== null) {
    tell({ news: 'failed', message: 'a program is running already' });
    return;
  }
  const log = openSync(join(folder, LOG_NAME), 'a');
  const child = spawn(command.command, command.args, { cwd: folder, stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => {
    child.once('spawn', () => tell({ news: 'running', pid: child.pid ?? 0 }));
    child.once('error', (error) => {
      if (child.pid !== undefined) return;
      running = null;
      tell({ news: 'failed', message: error.message });
      resolve();
    });
    child.once('exit', (code, signal) => {
      running = null;
      tell({ news: 'ended', code, signal });
      resolve();
    });
  });
  running = { child, command, ended };
}

async function end(): Promise<void> {
  const program = running;
  if (program === null) return;
  const [command, ...args] = program.command.endWith ?? [];
  // A container may not be there yet when it is to end, hence again and again; at last its client goes.
  for (let tried = 0; command !== undefined && tried < END_TRIES; tried++) {
    spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 });
    const pause = new Promise<'late'>((resolve) => setTimeout(resolve, END_TRY_MS, 'late').unref());
    if ((await Promise.race([program.ended, pause])) !== 'late') return;
  }
  program.child.kill('SIGKILL');
  await program.ended;
}

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await end();
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.exit(0);
}

// The parent may be gone while news is written; the end of stdin tells of it.
process.stdout.on('error', () => undefined);
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void stop());
process.on('SIGHUP', () => void stop());

tell({ news: 'folder', path: folder });
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (stopping) return;
  const order = JSON.parse(line) as Order;
  if (order.order === 'run') run(order);
  else void end();
});
lines.once('close', () => void stop());
