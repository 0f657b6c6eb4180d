/** `dupescope doctor`: what works here, and what Dupescope can and cannot see on this cluster. */
import type { Command } from 'commander';
import type { Line } from './doctor-store';
import { addSettings, configOf } from './settings';
import { plain } from './table';

const TITLES = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('check the store, the brokers and what can be seen; exit code 1 when something fails')
    .option('--topic <names>', 'topics that must be on the cluster, separated by commas')
    .option('--json', 'one JSON object')
    .action(async ({ topic }: { topic?: string }) => {
      // kafkajs: no other command should pay for loading it.
      const { examine }: typeof import('./examining') = require('./examining');
      const lines = await examine(() => configOf(command), topic);
      const isWell = lines.every((line) => line.level !== 'fail');
      process.stdout.write(command.getOptionValue('json') === true ? asJson(lines, isWell) : asText(lines));
      process.exitCode = isWell ? 0 : 1;
    });
  addSettings(command);
}

function asText(lines: readonly Line[]): string {
  const width = Math.max(...lines.map((line) => line.what.length));
  return lines
    .flatMap(({ level, what, text, grants = [] }) => [
      `${TITLES[level]}  ${what.padEnd(width)}  ${plain(text)}\n`,
      // Each a line of its own, so that the block can be pasted into a shell.
      ...grants.flatMap(({ adds, command }) => [`      # ${plain(adds)}\n`, `      ${plain(command)}\n`]),
    ])
    .join('');
}

function asJson(lines: readonly Line[], ok: boolean): string {
  const checks = lines.map(({ level, what, text, grants }) => ({
    check: what,
    level,
    text,
    ...(grants === undefined ? {} : { grants }),
  }));
  return `${JSON.stringify({ ok, checks }, null, 2)}\n`;
}
