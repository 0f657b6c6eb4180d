/** What every report shares: where its answers come from, its format, its pages. */
import { type Command, Option } from 'commander';
import { fail } from '../errors';
import type { Page } from '../service/schemas';
import {
  checked,
  type pageOf,
  type Question,
  type ReportSource,
  serviceSource,
  storeSource,
} from './report-source';
import type { ReportFormat } from './report-text';
import { addSettings, configOf } from './settings';

const PAGE_MAX = 1_000;
const ITEMS_MAX = 1_000_000;

export function reporting(command: Command): Command {
  addSettings(command, ['store', 'tokenFile']);
  return command
    .option('--service <url>', 'ask this service and no store file (DUPESCOPE_SERVICE)')
    .option('--token <token>', 'bearer token of the service (better: DUPESCOPE_TOKEN)')
    .addOption(
      new Option('--format <format>', 'of the report').choices(['table', 'json', 'csv']).default('table'),
    )
    .option('--json', 'the same as --format json');
}

export async function reported(
  command: Command,
  make: (source: ReportSource, format: ReportFormat) => Promise<string>,
): Promise<void> {
  const config = configOf(command);
  const format =
    command.getOptionValue('json') === true ? 'json' : (textOption(command, 'format') as ReportFormat);
  const store = textOption(command, 'store');
  const given = textOption(command, 'service');
  if (given !== undefined && store !== undefined) {
    fail('bad-usage', '--store and --service are both given. Keep one of them.');
  }
  const service = given ?? (store === undefined ? process.env.DUPESCOPE_SERVICE || undefined : undefined);
  const token = textOption(command, 'token') ?? config.token;
  const source = service === undefined ? storeSource(config.store) : serviceSource(service, token);
  try {
    process.stdout.write(await make(source, format));
  } finally {
    source.close();
  }
}

/** Follows the pages until there are as many as --limit says. */
export async function items<T>(
  source: ReportSource,
  question: Question,
  command: Command,
  schema: ReturnType<typeof pageOf<T>>,
): Promise<Page<T>> {
  const limit = Number(textOption(command, 'limit'));
  if (!Number.isInteger(limit) || limit < 1 || limit > ITEMS_MAX) {
    fail('bad-parameter', `--limit must be a whole number from 1 to ${ITEMS_MAX}.`);
  }
  const all: Page<T> = { items: [], next_cursor: null };
  do {
    const query = new URLSearchParams(question.query);
    query.set('limit', String(Math.min(PAGE_MAX, limit - all.items.length)));
    if (all.next_cursor !== null) query.set('cursor', all.next_cursor);
    const page = checked(schema, await source.ask({ ...question, query }));
    for (const item of page.items) all.items.push(item);
    all.next_cursor = page.next_cursor;
  } while (all.next_cursor !== null && all.items.length < limit);
  return all;
}

export function queryOf(command: Command, names: readonly string[]): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = textOption(
      command,
      name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase()),
    );
    if (value !== undefined) query.set(name, value);
  }
  return query;
}

function textOption(command: Command, name: string): string | undefined {
  const value: unknown = command.getOptionValue(name);
  return typeof value === 'string' ? value : undefined;
}
