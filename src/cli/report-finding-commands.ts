/** The reports of findings: incidents, what was written twice, what may be lost. */
import type { Command } from 'commander';
import type { z } from 'zod';
import {
  Duplicate,
  Hit,
  Identity,
  Incident,
  IncidentDetail,
  ObservedTopic,
  type Page,
  PrematureCommit,
  Producer,
  Rewind,
  SequenceAnomaly,
  Skip,
  StalledCommit,
} from '../service/schemas';
import { items, queryOf, reported, reporting } from './report-command';
import {
  duplicatesText,
  hitsText,
  identityText,
  incidentsText,
  incidentText,
  prematuresText,
  producersText,
  rewindsText,
  sequencesText,
  skipsText,
  stalledText,
  topicsText,
} from './report-findings';
import { checked, pageOf } from './report-source';
import type { ReportFormat } from './report-text';

export function findingReports(report: Command): void {
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
    lossReport('hits', "copies that the consumers' own checks recognised", Hit, hitsText),
    lossReport('rewinds', 'committed offsets that went down', Rewind, rewindsText),
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

  const duplicates = reporting(report.command('duplicates'))
    .description('messages that stand in the log more than once, the latest found first')
    .option('--topic <name>', 'of this topic')
    .option('--partition <number>', 'of this partition; needs --topic')
    .option('--cluster <id>', 'of this Kafka cluster')
    .option('--kind <name>', 'of this kind: duplicate, id_reuse, intentional')
    .option('--cause <name>', 'of this cause')
    .option('--certainty <proven|probable|unknown>', 'whose cause is that sure')
    .option('--since <time>', 'found from this time on: 1h, 7d, or RFC 3339')
    .option('--until <time>', 'found before this time')
    .option('--limit <number>', 'at most so many', '50')
    .action(() =>
      reported(duplicates, async (source, format) => {
        const names = ['topic', 'partition', 'cluster', 'kind', 'cause', 'certainty', 'since', 'until'];
        const question = { route: 'duplicates', path: new Map(), query: queryOf(duplicates, names) };
        return duplicatesText(await items(source, question, duplicates, pageOf(Duplicate)), format);
      }),
    );

  const sequences = reporting(report.command('sequence-anomalies'))
    .description('record batches whose sequences their producer had used before, the latest found first')
    .option('--topic <name>', 'of this topic')
    .option('--partition <number>', 'of this partition; needs --topic')
    .option('--cluster <id>', 'of this Kafka cluster')
    .option('--since <time>', 'found from this time on: 1h, 7d, or RFC 3339')
    .option('--until <time>', 'found before this time')
    .option('--limit <number>', 'at most so many', '50')
    .action(() =>
      reported(sequences, async (source, format) => {
        const query = queryOf(sequences, ['topic', 'partition', 'cluster', 'since', 'until']);
        const question = { route: 'sequence-anomalies', path: new Map(), query };
        return sequencesText(await items(source, question, sequences, pageOf(SequenceAnomaly)), format);
      }),
    );

  const topics = reporting(report.command('topics'))
    .description('observed topics: identities found, duplicates, how long to remember')
    .option('--topic <name>', 'this one')
    .option('--cluster <id>', 'of this Kafka cluster')
    .action(() =>
      reported(topics, async (source, format) => {
        const query = queryOf(topics, ['topic', 'cluster']);
        const answer = await source.ask({ route: 'topics', path: new Map(), query });
        return topicsText(checked(pageOf(ObservedTopic), answer), format);
      }),
    );

  const producers = reporting(report.command('producers'))
    .description('producers of instrumented processes, with advice on their settings')
    .option('--cluster <id>', 'of this Kafka cluster')
    .option('--since <time>', 'seen from this time on: 1h, 7d, or RFC 3339')
    .option('--limit <number>', 'at most so many', '50')
    .action(() =>
      reported(producers, async (source, format) => {
        const query = queryOf(producers, ['cluster', 'since']);
        const question = { route: 'producers', path: new Map(), query };
        return producersText(await items(source, question, producers, pageOf(Producer)), format);
      }),
    );

  const identity = reporting(report.command('identity'))
    .description('every place of one message in the observed topics')
    .argument('<id>', 'in clear, or its hash in hex')
    .option('--since <time>', 'places written and copies found from this time on: 1h, 7d, or RFC 3339')
    .action((id: string) =>
      reported(identity, async (source, format) => {
        const path = new Map([['id', id]]);
        const query = queryOf(identity, ['since']);
        const answer = await source.ask({ route: 'identity', path, query });
        return identityText(checked(Identity, answer), format, query.get('since'));
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
