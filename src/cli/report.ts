/** `dupescope report`: the service's answers in a terminal, from a store file or a service. */
import type { Command } from 'commander';
import { fail } from '../errors';
import { Group, GroupDetail, RecordHistory, Redelivery } from '../service/schemas';
import { items, queryOf, reported, reporting } from './report-command';
import { findingReports } from './report-finding-commands';
import { checked, pageOf } from './report-source';
import { groupsText, groupText, recordText, redeliveriesText } from './report-text';

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

  findingReports(report);

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
