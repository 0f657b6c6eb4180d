/** `dupescope doctor`: what works here, and what Dupescope can and cannot see on this cluster. */
import type { Command } from 'commander';
import type { Config } from '../config';
import { errorLine } from '../errors';
import { kafkaChecks } from './doctor-kafka';
import { journalCheck, type Line, storeChecks } from './doctor-store';
import { topicNames } from './doctor-topics';
import { addSettings, configOf } from './settings';
import { plain } from './table';

/** As package.json's engines says. */
const NODE_MIN = [20, 19] as const;
const TITLES = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' } as const;

export function doctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('check the store, the brokers and what can be seen; exit code 1 when something fails')
    .option('--topic <names>', 'topics that must be on the cluster, separated by commas')
    .option('--json', 'one JSON object')
    .action(async ({ topic }: { topic?: string }) => {
      const lines = await examine(command, topicNames(topic));
      const isWell = lines.every((line) => line.level !== 'fail');
      process.stdout.write(command.getOptionValue('json') === true ? asJson(lines, isWell) : asText(lines));
      process.exitCode = isWell ? 0 : 1;
    });
  addSettings(command);
}

async function examine(command: Command, topics: readonly string[]): Promise<Line[]> {
  const lines = versions();
  let config: Config;
  try {
    config = configOf(command);
  } catch (error) {
    return [...lines, { level: 'fail', what: 'configuration', text: errorLine(error) }];
  }
  lines.push({ level: 'ok', what: 'configuration', text: 'every key is known and valid' });
  lines.push(...storeChecks(config.store), journalCheck(config.store));
  const clusters = config.clusters.length === 0 ? [config] : config.clusters;
  for (const cluster of clusters) lines.push(...(await kafkaChecks({ ...config, ...cluster }, topics)));
  return lines;
}

function versions(): Line[] {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isOld = major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1]);
  return [
    {
      level: isOld ? 'fail' : 'ok',
      what: 'node',
      text: `${process.versions.node} on ${process.platform} ${process.arch}${isOld ? `; ${NODE_MIN.join('.')} or newer is needed` : ''}`,
    },
  ];
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
