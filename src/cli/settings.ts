/** The configuration's keys as flags of a command, and the configuration that a command ends up with. */
import { type Command, Option } from 'commander';
import { type Config, loadConfig, SETTINGS } from '../config';

/** Adds `--config` and the flags of those keys; all that have one by default. */
export function addSettings(command: Command, keys?: readonly string[]): Command {
  command.option('--config <file>', 'YAML file with the keys of the configuration (DUPESCOPE_CONFIG)');
  for (const setting of SETTINGS) {
    if (setting.flag === undefined || (keys !== undefined && !keys.includes(setting.key))) continue;
    command.addOption(new Option(setting.flag, setting.help));
  }
  return command;
}

/** Flags over environment over file. Throws 'bad-configuration'. */
export function configOf(command: Command): Config {
  const flags = new Map<string, string | boolean>();
  for (const setting of SETTINGS) {
    const option = command.options.find((known) => known.flags === setting.flag);
    const value: unknown = option === undefined ? undefined : command.getOptionValue(option.attributeName());
    if (typeof value === 'string' || typeof value === 'boolean') flags.set(setting.key, value);
  }
  const file: unknown = command.getOptionValue('config');
  return loadConfig({ file: typeof file === 'string' ? file : undefined, flags });
}
