/** `dupescope report`: the service's answers in a terminal, from a store file or a service. */
import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { fail } from '../errors';
import {
  Group,
  GroupDetail,
  Incident,
  IncidentDetail,
  type Page,
  PrematureCommit,
  RecordHistory,
  Redelivery,
  Skip,
  StalledCommit,
} from '../service/schemas';
import { incidentsText, incidentText, prematuresText, skipsText, stalledText } from './report-findings';
import {
  checked,
  pageOf,
  type Question,
  type ReportSource,
  serviceSource,
  storeSource,
} from './report-source';
import { groupsText, groupText, type ReportFormat, recordText, redeliveriesText } from './report-text';
import { addSettings, configOf } from './settings';

const PAGE_MAX = 1_000;
const ITEMS_MAX = 1_000_000;

export function reportCommand(program: Command): void {
  const report = program.command('report').description('show what a store or a service knows');

  const redeliveries = reporting(report.command('redeliveries'))
    .description('what was delivered more than once, the latest first')
    .option('--group <name>', 'of this consumer group')
    .option('--topic <name>', 'of this topic')
    .option('--partition <number>', 'of this partition; needs --topic')
    .option('--cluster <id>', 'of this Kafka cluster')
    .option('--since <time>', 'from this time on: 1h, 7d, or RFC 3339')
    .option('--until <time>', 'before this time')
    .option('--certain <true|false>', 'certain ones alone, or doubtful ones alone')
    .option('--cause <name>', 'of this cause')
    .option('--certainty <proven|probable|unknown>', 'whose cause is that sure')
    .option('--first-offset <offset>', 'that touch this offset or a later one')
    .option('--last-offset <offset>', 'that touch this offset or an earlier one')
    .option('--limit <number>', 'at most so many', '50')
    .action(() =>
      reported(redeliveries, async (source, format) => {
        const query = queryOf(redeliveries, [
          'group',
          'topic',
          'partition',
          'cluster',
          'since',
          'until',
          'certain',
          'cause',
          'certainty',
          'first_offset',
          'last_offset',
        ]);
        const page = await items(
          source,
          { route: 'redeliveries', path: new Map(), query },
          redeliveries,
          pageOf(Redelivery),
        );
        return redeliveriesText(page, format);
      }),
    );

  const groups = reporting(report.command('groups'))
    .description('consumer groups, or one with its partitions')
    .argument('[group]', 'name of one group')
    .option('--cluster <id>', 'of this Kafka cluster')
    .option('--limit <number>', 'at most so many', '1000')
    .action((name: string | undefined) =>
      reported(groups, async (source, format) => {
        const query = queryOf(groups, ['cluster']);
        if (name === undefined) {
          const page = await items(
            source,
            { route: 'groups', path: new Map(), query },
            groups,
            pageOf(Group),
          );
          return groupsText(page, format);
        }
        const answer = await source.ask({ route: 'group', path: new Map([['group', name]]), query });
        return groupText(checked(GroupDetail, answer), format);
      }),
    );

  const incidents = reporting(report.command('incidents'))
    .description('findings of one cause and group, close in time, as one; or one of them')
    .argument('[id]', 'of one incident')
    .option('--group <name>', 'of this consumer group')
    .option('--topic <name>', 'of this topic')
    .option('--cluster <id>', 'of this Kafka cluster')
    .option('--kind <name>', 'of this kind: redelivery, premature_commit, skip, stalled_commits ...')
    .option('--state <open|closed>', 'open: not closed yet')
    .option('--since <time>', 'from this time on: 1h, 7d, or RFC 3339')
    .option('--until <time>', 'before this time')
    .option('--limit <number>', 'at most so many', '50')
    .action((id: string | undefined) =>
      reported(incidents, async (source, format) => {
        if (id !== undefined) {
          const path = new Map([['id', id]]);
          const answer = await source.ask({ route: 'incident', path, query: new URLSearchParams() });
          return incidentText(checked(IncidentDetail, answer), format);
        }
        const query = queryOf(incidents, ['group', 'topic', 'cluster', 'kind', 'state', 'since', 'until']);
        const question = { route: 'incidents', path: new Map(), query };
        return incidentsText(await items(source, question, incidents, pageOf(Incident)), format);
      }),
    );

  const losses = [
    lossReport(
      'premature-commits',
      'commits past records that were then not handled',
      PrematureCommit,
      prematuresText,
    ),
    lossReport('skips', 'records below the committed offset that the group never got', Skip, skipsText),
    lossReport(
      'stalled-commits',
      'consumers that handle on while nothing is committed',
      StalledCommit,
      stalledText,
    ),
  ];
  for (const add of losses) add(report);

  const record = reporting(report.command('record'))
    .description('the whole history of one record')
    .argument('<topic/partition/offset>', 'place of the record, as orders/0/1234')
    .option('--group <name>', 'as this consumer group saw it')
    .option('--cluster <id>', 'of this Kafka cluster')
    .action((place: string) =>
      reported(record, async (source, format) => {
        const query = queryOf(record, ['group', 'cluster']);
        const answer = await source.ask({ route: 'record', path: recordPlace(place), query });
        return recordText(checked(RecordHistory, answer), format);
      }),
    );
}

/** A list of one kind of finding, by time. Its route has its name. */
function lossReport<T>(
  name: string,
  description: string,
  schema: z.ZodType<T>,
  text: (page: Page<T>, format: ReportFormat) => string,
): (report: Command) => void {
  return (report) => {
    const command = reporting(report.command(name))
      .description(`${description}, the latest first`)
      .option('--group <name>', 'of this consumer group')
      .option('--topic <name>', 'of this topic')
      .option('--partition <number>', 'of this partition; needs --topic')
      .option('--cluster <id>', 'of this Kafka cluster')
      .option('--since <time>', 'from this time on: 1h, 7d, or RFC 3339')
      .option('--until <time>', 'before this time')
      .option('--limit <number>', 'at most so many', '50')
      .action(() =>
        reported(command, async (source, format) => {
          const query = queryOf(command, ['group', 'topic', 'partition', 'cluster', 'since', 'until']);
          const question = { route: name, path: new Map(), query };
          return text(await items(source, question, command, pageOf(schema)), format);
        }),
      );
  };
}

function reporting(command: Command): Command {
  addSettings(command, ['store', 'tokenFile']);
  return command
    .option('--service <url>', 'ask this service and no store file (DUPESCOPE_SERVICE)')
    .option('--token <token>', 'bearer token of the service (better: DUPESCOPE_TOKEN)')
    .addOption(
      new Option('--format <format>', 'of the report').choices(['table', 'json', 'csv']).default('table'),
    )
    .option('--json', 'the same as --format json');
}

async function reported(
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
async function items<T>(
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

function queryOf(command: Command, names: readonly string[]): URLSearchParams {
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

/** A topic's name holds no slash. */
function recordPlace(text: string): ReadonlyMap<string, string> {
  const found = /^([^/]+)\/(\d+)\/(\d+)$/.exec(text);
  if (found === null) {
    return fail('bad-usage', `A record is named topic/partition/offset, as orders/0/1234; "${text}" is not.`);
  }
  const [, topic = '', partition = '', offset = ''] = found;
  return new Map([
    ['topic', topic],
    ['partition', partition],
    ['offset', offset],
  ]);
}
