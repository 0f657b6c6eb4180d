/** Incidents and what may be lost, as tables, JSON or CSV. */
import type { z } from 'zod';
import { sequenceWords, shortWindowWords } from '../identity';
import { countText } from '../ledger';
import { toCsv } from '../service/format';
import {
  Duplicate,
  Hit,
  type Identity,
  Incident,
  type IncidentDetail,
  ObservedTopic,
  type Page,
  PrematureCommit,
  Producer,
  Rewind,
  SequenceAnomaly,
  Skip,
  StalledCommit,
} from '../service/schemas';
import type { ReportFormat } from './report-text';
import { type Column, plain, shortSeconds, shortTime, table } from './table';

const INCIDENTS: readonly Column<Incident>[] = [
  { title: 'ID', cell: (i) => i.id, right: true, whole: true },
  { title: 'LAST (UTC)', cell: (i) => shortTime(i.last_at), whole: true },
  { title: 'STATE', cell: (i) => i.state, whole: true },
  { title: 'RECORDS', cell: (i) => i.records, right: true, whole: true },
  { title: 'WHAT', cell: (i) => i.words },
];

export function incidentsText(page: Page<Incident>, format: ReportFormat): string {
  return listText(page, format, Incident, INCIDENTS, 'No incidents.\n');
}

export function incidentText(detail: IncidentDetail, format: ReportFormat): string {
  if (format === 'json') return `${JSON.stringify(detail, null, 2)}\n`;
  if (format === 'csv') return toCsv(Incident, [detail]);
  const places = detail.places
    .slice(0, 20)
    .map(({ topic, partition, records }) => `  ${plain(topic)}/${partition}  ${records}\n`);
  const more = detail.places.length > 20 ? `  and ${countText(detail.places.length - 20)} more\n` : '';
  return [
    `${plain(detail.words)} (${detail.state}, ${detail.certainty})\n`,
    `From ${shortTime(detail.opened_at)} to ${shortTime(detail.last_at)} UTC, ${countText(detail.findings)} findings, up to ${shortSeconds(detail.gap_max_seconds)} between two copies\n`,
    ...detail.because.map((line) => `Because: ${plain(line)}\n`),
    detail.advice === null ? '' : `Advice: ${plain(detail.advice)}\n`,
    `Records by partition:\n${places.join('')}${more}`,
  ].join('');
}

type Place = { topic: string; partition: number; first_offset: number; last_offset: number };
const placeName = ({ topic, partition, first_offset: first, last_offset: last }: Place) =>
  `${topic}/${partition}/${first === last ? first : `${first}-${last}`}`;

const PREMATURE: readonly Column<PrematureCommit>[] = [
  { title: 'TIME (UTC)', cell: (p) => shortTime(p.at), whole: true },
  { title: 'GROUP', cell: (p) => p.group },
  { title: 'RECORDS', cell: placeName },
  { title: 'THEN', cell: (p) => p.outcome, whole: true },
  { title: 'DELIVERED LATER', cell: (p) => (p.delivered_later ? 'yes' : 'NO'), whole: true },
  { title: 'BY', cell: (p) => `${p.host}:${p.pid}` },
];

export function prematuresText(page: Page<PrematureCommit>, format: ReportFormat): string {
  return listText(page, format, PrematureCommit, PREMATURE, 'No premature commits.\n');
}

const SKIPS: readonly Column<Skip>[] = [
  { title: 'TIME (UTC)', cell: (s) => shortTime(s.at), whole: true },
  { title: 'GROUP', cell: (s) => s.group },
  { title: 'RECORDS', cell: placeName },
  { title: 'CAUSE', cell: (s) => `${s.cause}${s.certainty === 'probable' ? '?' : ''}`, whole: true },
];

export function skipsText(page: Page<Skip>, format: ReportFormat): string {
  return listText(page, format, Skip, SKIPS, 'No skipped records.\n');
}

const STALLED: readonly Column<StalledCommit>[] = [
  { title: 'SINCE (UTC)', cell: (s) => shortTime(s.since), whole: true },
  { title: 'GROUP', cell: (s) => s.group },
  { title: 'PARTITION', cell: (s) => `${s.topic}/${s.partition}` },
  { title: 'RECORDS', cell: (s) => s.records, right: true, whole: true },
  { title: 'FOR', cell: (s) => shortSeconds(s.seconds), right: true, whole: true },
  { title: 'ENDED (UTC)', cell: (s) => shortTime(s.ended_at), whole: true },
  { title: 'BY', cell: (s) => (s.pid === null ? `${s.client_id} on ${s.host}` : `${s.host}:${s.pid}`) },
];

export function stalledText(page: Page<StalledCommit>, format: ReportFormat): string {
  return listText(page, format, StalledCommit, STALLED, 'No stalled commits.\n');
}

const REWINDS: readonly Column<Rewind>[] = [
  { title: 'TIME (UTC)', cell: (r) => shortTime(r.at), whole: true },
  { title: 'GROUP', cell: (r) => r.group },
  { title: 'PARTITION', cell: (r) => `${r.topic}/${r.partition}` },
  { title: 'FROM', cell: (r) => r.from_offset, right: true, whole: true },
  { title: 'TO', cell: (r) => r.to_offset, right: true, whole: true },
  { title: 'RECORDS', cell: (r) => r.records, right: true, whole: true },
  { title: 'AGAIN', cell: (r) => r.redelivered ?? '-', right: true, whole: true },
  { title: 'CAUSE', cell: (r) => `${r.cause}${r.certainty === 'probable' ? '?' : ''}`, whole: true },
];

export function rewindsText(page: Page<Rewind>, format: ReportFormat): string {
  return listText(page, format, Rewind, REWINDS, 'No rewinds.\n');
}

const DUPLICATES: readonly Column<Duplicate>[] = [
  { title: 'FOUND (UTC)', cell: (d) => shortTime(d.found_at), whole: true },
  { title: 'RECORD', cell: (d) => `${d.topic}/${d.partition}/${d.offset}` },
  { title: 'COPY OF', cell: (d) => `${d.previous.partition}/${d.previous.offset}`, whole: true },
  { title: 'AFTER', cell: (d) => shortSeconds(d.delay_seconds), right: true, whole: true },
  { title: 'IDENTITY', cell: (d) => d.identity ?? d.identity_hash },
  { title: 'KIND', cell: (d) => d.kind, whole: true },
  { title: 'CAUSE', cell: (d) => `${d.cause}${d.certainty === 'probable' ? '?' : ''}`, whole: true },
];

export function duplicatesText(page: Page<Duplicate>, format: ReportFormat): string {
  return listText(page, format, Duplicate, DUPLICATES, 'No duplicates.\n');
}

/** How far back copies are found, and how far they should be where that is less. */
function looksBack({ window }: ObservedTopic): string {
  if (window === null) return '-';
  const { reach_seconds: reach, configured_seconds: configured, shorter, ended_by } = window;
  if (shorter) return `${shortSeconds(reach)} of ${shortSeconds(configured)}!`;
  // Nothing was given up yet.
  return shortSeconds(ended_by === null ? configured : reach);
}

const TOPICS: readonly Column<ObservedTopic>[] = [
  { title: 'TOPIC', cell: (t) => t.topic },
  { title: 'RECORDS', cell: (t) => t.records, right: true, whole: true },
  { title: 'WITH ID', cell: (t) => percent(t.identity_ratio), right: true, whole: true },
  { title: 'FOUND IN', cell: (t) => t.identity_sources.find(({ source }) => source !== null)?.source ?? '-' },
  { title: 'DUPLICATES', cell: (t) => t.duplicates, right: true, whole: true },
  { title: 'ID REUSE', cell: (t) => t.id_reuses, right: true, whole: true },
  {
    title: 'ALL WITHIN',
    cell: (t) => (t.time_to_duplicate === null ? '-' : shortSeconds(t.time_to_duplicate.max_seconds)),
    right: true,
    whole: true,
  },
  { title: 'LOOKS BACK', cell: looksBack, right: true, whole: true },
  {
    title: 'STATE',
    cell: (t) => (t.partitions.every(({ state }) => state === 'live') ? 'live' : 'catching up'),
    whole: true,
  },
];

export function topicsText(page: Page<ObservedTopic>, format: ReportFormat): string {
  const advice = page.items
    .filter(({ time_to_duplicate: found }) => found !== null)
    .map(({ topic, time_to_duplicate: found }) => `${plain(topic)}: ${found?.advice}\n`);
  const short = page.items.flatMap(({ topic, window }) =>
    window === null || !window.shorter
      ? []
      : [
          `${plain(
            shortWindowWords(topic, {
              reachMs: window.reach_seconds * 1_000,
              configuredMs: window.configured_seconds * 1_000,
              endedBy: window.ended_by,
              shorter: true,
            }),
          )}\n`,
        ],
  );
  const text = listText(page, format, ObservedTopic, TOPICS, 'No topics are observed.\n');
  const odd = page.items.flatMap(({ topic, sequence_anomalies: { batches, latest } }) =>
    batches === 0 ? [] : [`${plain(sequenceWords(topic, batches, latest[0] ?? null))}\n`],
  );
  const lines = [...short, ...odd, ...advice];
  return format === 'table' && lines.length > 0 ? `${text}\n${lines.join('')}` : text;
}

const SEQUENCES: readonly Column<SequenceAnomaly>[] = [
  { title: 'FOUND (UTC)', cell: (s) => shortTime(s.found_at), whole: true },
  { title: 'BATCH', cell: (s) => `${s.topic}/${s.partition}/${s.offset}` },
  { title: 'RECORDS', cell: (s) => s.records, right: true, whole: true },
  { title: 'PRODUCER', cell: (s) => s.producer.id, right: true, whole: true },
  { title: 'EPOCH', cell: (s) => s.producer.epoch, right: true, whole: true },
  { title: 'SEQUENCE', cell: (s) => s.producer.sequence, right: true, whole: true },
  { title: 'HAD REACHED', cell: (s) => s.previous.sequence, right: true, whole: true },
  { title: 'AT OFFSET', cell: (s) => s.previous.offset, right: true, whole: true },
];

export function sequencesText(page: Page<SequenceAnomaly>, format: ReportFormat): string {
  return listText(page, format, SequenceAnomaly, SEQUENCES, 'No sequence was used twice.\n');
}

/** @param since as it was asked for; null: for all */
export function identityText(answer: Identity, format: ReportFormat, since: string | null): string {
  if (format === 'json') return `${JSON.stringify(answer, null, 2)}\n`;
  if (format === 'csv') return toCsv(Duplicate, answer.copies);
  const places = answer.places.map((place) => {
    const groups = place.deliveries
      .map(({ group, deliveries }) => `${plain(group)} ${deliveries}x`)
      .join(', ');
    return `  ${shortTime(place.at)}  ${plain(place.topic)}/${place.partition}/${place.offset}${groups === '' ? '' : `  delivered to ${groups}`}\n`;
  });
  const { length } = answer.places;
  const from = since === null ? '' : ` since ${plain(since)}`;
  const copies =
    answer.copies.length === 0 ? `No copy of it was found${from}.\n` : table(DUPLICATES, answer.copies);
  const forgotten = answer.remembered
    .filter(({ since }) => since !== null)
    .map(
      ({ topic, since }) =>
        `Of ${plain(topic)} nothing older than ${shortTime(since ?? '')} is remembered.\n`,
    );
  const partly = answer.complete ? '' : 'Not all identities could be looked through in time.\n';
  const stands = `stands at ${countText(length)} ${length === 1 ? 'place' : 'places'}`;
  const title =
    since === null ? `${stands}:` : `${stands} written from ${plain(since)} on${length === 0 ? '.' : ':'}`;
  return `${plain(answer.identity)} ${title}\n${places.join('')}\n${copies}${forgotten.join('')}${partly}`;
}

const HITS: readonly Column<Hit>[] = [
  { title: 'TIME (UTC)', cell: (h) => shortTime(h.at), whole: true },
  { title: 'GROUP', cell: (h) => h.group },
  { title: 'RECORDS', cell: placeName },
  { title: 'CAUGHT', cell: (h) => h.caught, whole: true },
  { title: 'CAUSE', cell: (h) => h.cause ?? '-', whole: true },
  {
    title: 'AGE',
    cell: (h) => (h.age_seconds === null ? '-' : shortSeconds(h.age_seconds)),
    right: true,
    whole: true,
  },
  { title: 'BY', cell: (h) => `${h.host}:${h.pid}` },
];

export function hitsText(page: Page<Hit>, format: ReportFormat): string {
  return listText(page, format, Hit, HITS, 'No hits.\n');
}

const PRODUCERS: readonly Column<Producer>[] = [
  { title: 'LAST (UTC)', cell: (p) => shortTime(p.last_seen_at), whole: true },
  { title: 'HOST', cell: (p) => `${p.host}:${p.pid}` },
  { title: 'IDEMPOTENT', cell: (p) => (p.idempotent ? 'yes' : 'NO'), whole: true },
  { title: 'ACKS', cell: (p) => p.acks.join(','), whole: true },
  { title: 'MESSAGES', cell: (p) => p.messages, right: true, whole: true },
  { title: 'FAILED', cell: (p) => p.failed_attempts, right: true, whole: true },
  { title: 'UNANSWERED', cell: (p) => p.unanswered, right: true, whole: true },
  { title: 'RISKS', cell: (p) => [...new Set(p.advice.map(({ risk }) => risk))].join(', ') },
];

export function producersText(page: Page<Producer>, format: ReportFormat): string {
  const text = listText(page, format, Producer, PRODUCERS, 'No producers are instrumented.\n');
  const advice = new Set(
    page.items.flatMap((producer) => producer.advice.map((one) => `${one.risk}: ${plain(one.text)}\n`)),
  );
  return format === 'table' && advice.size > 0 ? `${text}\n${[...advice].join('')}` : text;
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}%`;
}

function listText<Item>(
  page: Page<Item>,
  format: ReportFormat,
  schema: z.ZodObject,
  columns: readonly Column<Item>[],
  none: string,
): string {
  if (format === 'json') return `${JSON.stringify(page, null, 2)}\n`;
  if (format === 'csv') return toCsv(schema, page.items as object[]);
  if (page.items.length === 0) return none;
  const more =
    page.next_cursor === null ? '' : '\nThere are more: raise --limit, or narrow the time with --since.\n';
  return `${table(columns, page.items)}${more}`;
}
