/**
 * How every command ends: by the exit code of the catalogue, with one line on stderr when something is wrong, and
 * the stack only when DUPESCOPE_DEBUG=1 asks for it.
 */
import { type Command, CommanderError } from 'commander';
import { suggestion } from '../config';
import { DupescopeError, ERRORS, errorLine } from '../errors';

/** Runs the program and ends the process when the command is done. */
export function runToExit(program: Command, argv: readonly string[]): void {
  for (const command of allOf(program)) {
    // Commander would write its own lines and exit by itself.
    command.exitOverride().showSuggestionAfterError(false);
    command.configureOutput({ outputError: () => undefined });
  }
  // A pager that was closed early is no error: `dupescope report redeliveries | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    endWith(program, error);
  });
  process.stderr.on('error', () => undefined);
  // kafkajs sets timers in the past (issues #1556, #1704), and newer Nodes say so.
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') say(errorLine(warning));
  });
  process.on('uncaughtException', (error) => endWith(program, error));
  program.parseAsync([...argv]).then(
    () => flushed(Number(process.exitCode ?? 0)),
    (error: unknown) => endWith(program, error),
  );
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

function endWith(program: Command, thrown: unknown): void {
  if (thrown instanceof CommanderError) {
    const isHelp = thrown.exitCode === 0;
    // Without a command commander has shown the help already.
    if (!isHelp && thrown.code !== 'commander.help') say(usageLine(program, thrown));
    flushed(isHelp ? 0 : ERRORS['bad-usage'].exit);
    return;
  }
  say(errorLine(thrown));
  if (process.env.DUPESCOPE_DEBUG === '1' && thrown instanceof Error)
    process.stderr.write(`${thrown.stack}\n`);
  flushed(thrown instanceof DupescopeError ? thrown.exitCode : ERRORS.internal.exit);
}

function say(line: string): void {
  process.stderr.write(`dupescope: ${line}\n`);
}

/** What commander says, in one line, with the nearest flag or command. */
function usageLine(program: Command, error: CommanderError): string {
  const line = errorLine(error)
    .replace(/^error: /, '')
    .replace(/\.$/, '');
  const word = /'([^']*)'/.exec(line)?.[1] ?? '';
  const commands = allOf(program);
  if (error.code === 'commander.unknownOption') {
    const used = usedCommand(program);
    const flags = [...used.options.map((option) => option.long ?? ''), '--help'];
    return `${line}.${suggestion(word, flags) || ` \`${pathOf(used)} --help\` lists the flags.`}`;
  }
  if (error.code === 'commander.unknownCommand') {
    const names = commands.slice(1).map((command) => command.name());
    return `${line}.${suggestion(word, names) || ` \`dupescope --help\` lists the commands.`}`;
  }
  return `${line}. \`${pathOf(usedCommand(program))} --help\` shows how.`;
}

/** The command that the arguments name, as deep as they name one. */
function usedCommand(program: Command): Command {
  let command = program;
  for (const word of process.argv.slice(2)) {
    const next = command.commands.find((sub) => sub.name() === word);
    if (next === undefined) continue;
    command = next;
  }
  return command;
}

function pathOf(command: Command): string {
  const above = command.parent;
  return above === null ? command.name() : `${pathOf(above)} ${command.name()}`;
}

/** Ends the process when what was written has left it: a pipe takes long texts in pieces. */
function flushed(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}
