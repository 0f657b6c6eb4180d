/** Reports as tables, JSON or CSV. */
import { z } from 'zod';
import { countText } from '../ledger';
import { toCsv } from '../service/format';
import {
  type Duplicate,
  Group,
  type GroupDetail,
  GroupPartition,
  type Page,
  RecordDelivery,
  type RecordHistory,
  Redelivery,
} from '../service/schemas';
import { type Column, plain, shortSeconds, shortTime, table } from './table';

export type ReportFormat = 'table' | 'json' | 'csv';

const json = (answer: object) => `${JSON.stringify(answer, null, 2)}\n`;

type Process = { host: string; pid: number };
const processName = ({ host, pid }: Process) => `${host}:${pid}`;

const offsets = ({ first_offset: first, last_offset: last }: Redelivery) =>
  first === last ? first : `${first}-${last}`;

const REDELIVERIES: readonly Column<Redelivery>[] = [
  { title: 'TIME (UTC)', cell: (r) => shortTime(r.at), whole: true },
  { title: 'GROUP', cell: (r) => r.group },
  { title: 'PARTITION', cell: (r) => `${r.topic}/${r.partition}` },
  { title: 'OFFSETS', cell: offsets, whole: true },
  { title: 'TRY', cell: (r) => `${r.attempt}${r.certain ? '' : '?'}`, right: true, whole: true },
  { title: 'AFTER', cell: (r) => shortSeconds(r.gap_seconds), right: true, whole: true },
  { title: 'TO', cell: (r) => processName(r.delivery) },
  { title: 'BEFORE TO', cell: (r) => processName(r.previous) },
  { title: 'CAUSE', cell: (r) => `${r.cause}${r.certainty === 'probable' ? '?' : ''}`, whole: true },
];

export function redeliveriesText(page: Page<Redelivery>, format: ReportFormat): string {
  if (format === 'json') return json(page);
  if (format === 'csv') return toCsv(Redelivery, page.items);
  if (page.items.length === 0) return 'No redeliveries.\n';
  const doubt = page.items.some((item) => !item.certain) ? '\n? one of the two copies is not certain\n' : '';
  const more =
    page.next_cursor === null ? '' : '\nThere are more: raise --limit, or narrow the time with --since.\n';
  return `${table(REDELIVERIES, page.items)}${doubt}${more}`;
}

/** Verdicts, short enough for a column. */
const PROMISES = {
  nothing_delivered: '-',
  exactly_once_so_far: 'once',
  at_least_once: '>= once',
  at_most_once: '<= once',
} as const;

const GROUPS: readonly Column<Group>[] = [
  { title: 'GROUP', cell: (g) => g.group },
  { title: 'CLUSTER', cell: (g) => g.cluster },
  { title: 'LIVE', cell: (g) => g.sessions, right: true, whole: true },
  { title: 'DELIVERIES', cell: (g) => g.deliveries, right: true, whole: true },
  { title: 'REDELIVERED', cell: (g) => g.redeliveries, right: true, whole: true },
  { title: 'FAILED', cell: (g) => g.failed, right: true, whole: true },
  {
    title: 'EXPOSED',
    cell: (g) => `${g.exposure_records}/${shortSeconds(g.exposure_seconds)}`,
    right: true,
    whole: true,
  },
  { title: 'LAG', cell: (g) => g.lag_records ?? '-', right: true, whole: true },
  { title: 'PROMISE', cell: (g) => PROMISES[g.verdict], whole: true },
  { title: 'LAST (UTC)', cell: (g) => shortTime(g.last_delivery_at), whole: true },
];

export function groupsText(page: Page<Group>, format: ReportFormat): string {
  if (format === 'json') return json(page);
  if (format === 'csv') return toCsv(Group, page.items);
  return page.items.length === 0 ? 'No consumer groups.\n' : table(GROUPS, page.items);
}

type Partition = z.output<typeof GroupPartition>;

const PARTITIONS: readonly Column<Partition>[] = [
  { title: 'PARTITION', cell: (p) => `${p.topic}/${p.partition}` },
  { title: 'DELIVERIES', cell: (p) => p.deliveries, right: true, whole: true },
  { title: 'REDELIVERED', cell: (p) => p.redeliveries, right: true, whole: true },
  {
    title: 'EXPOSED',
    cell: (p) => `${p.exposure_records}/${shortSeconds(p.exposure_seconds)}`,
    right: true,
    whole: true,
  },
  { title: 'COMMITTED', cell: (p) => p.committed_offset ?? '-', right: true, whole: true },
  {
    title: 'LAG',
    cell: (p) =>
      `${p.lag_records ?? '-'}${p.lag_seconds === null || p.lag_seconds === 0 ? '' : `/${shortSeconds(p.lag_seconds)}`}`,
    right: true,
    whole: true,
  },
  { title: 'OWNER', cell: (p) => (p.owner === null ? '-' : processName(p.owner)) },
];

export function groupText(detail: GroupDetail, format: ReportFormat): string {
  if (format === 'json') return json(detail);
  if (format === 'csv') return toCsv(GroupPartition, detail.partitions_detail);
  const living = detail.sessions_detail.filter((session) => session.ended_at === null);
  const consumers = living.map(
    (session) =>
      `  ${plain(processName(session))} ${plain(session.client_id ?? '')} since ${shortTime(session.started_at)}`,
  );
  return [
    `${plain(detail.group)} on ${plain(detail.cluster)}: ${countText(detail.deliveries)} deliveries, ${countText(detail.redeliveries)} of them redeliveries\n${exposureLine(detail)}${commitsLine(detail)}Verdict: ${detail.verdict_words}\n${detail.check === null ? '' : `Check: ${detail.check.words}\n`}${detail.advice.map((advice) => `Advice: ${plain(advice)}\n`).join('')}`,
    table(PARTITIONS, detail.partitions_detail),
    `Consumers that live now: ${countText(living.length)}, of ${countText(detail.sessions_total)} seen\n${consumers.map((line) => `${line}\n`).join('')}`,
  ].join('\n');
}

function commitsLine({ commits_per_minute: rate }: GroupDetail): string {
  return rate === null ? '' : `Commits seen from outside: ${rate} a minute, of the last 10 minutes\n`;
}

function exposureLine({ exposure_history: { records, seconds, hours } }: GroupDetail): string {
  if (records.max === 0) return '';
  return `Exposure of a partition in ${hours} h: p50 ${countText(records.p50)}, p99 ${countText(records.p99)}, at most ${countText(records.max)} records (${shortSeconds(seconds.max)})\n`;
}

type Delivery = z.output<typeof RecordDelivery>;

const DELIVERIES: readonly Column<Delivery>[] = [
  { title: 'TRY', cell: (d) => `${d.attempt}${d.certain ? '' : '?'}`, right: true, whole: true },
  { title: 'NOT BEFORE (UTC)', cell: (d) => shortTime(d.not_before), whole: true },
  { title: 'TO', cell: (d) => processName(d) },
  { title: 'CLIENT', cell: (d) => d.client_id ?? '-' },
  { title: 'GENERATION', cell: (d) => d.generation ?? '-', right: true, whole: true },
  { title: 'OUTCOME', cell: (d) => d.outcome },
  { title: 'ERROR', cell: (d) => d.error ?? '' },
];

const DeliveryInGroup = z.strictObject({
  cluster: z.string(),
  group: z.string(),
  topic_id: z.string().nullable(),
  ...RecordDelivery.shape,
});

export function recordText(answer: RecordHistory, format: ReportFormat): string {
  if (format === 'json') return json(answer);
  if (format === 'csv') {
    const rows = answer.history.flatMap(({ cluster, group, topic_id, deliveries }) =>
      deliveries.map((delivery) => ({ cluster, group, topic_id, ...delivery })),
    );
    return toCsv(DeliveryInGroup, rows);
  }
  const name = `${plain(answer.topic)}/${answer.partition}/${answer.offset}`;
  const copies = answer.copies.map(copyLine).join('');
  return [
    ...answer.history.map((entry) => inGroupText(name, entry)),
    ...(copies === '' ? [] : [copies]),
  ].join('\n');
}

function copyLine(copy: Duplicate): string {
  const { topic, partition, offset, previous } = copy;
  return `${shortTime(copy.at)}  ${copy.kind}: ${plain(topic)}/${partition}/${offset} has the identity of ${previous.partition}/${previous.offset} (${plain(copy.identity ?? copy.identity_hash)}), ${copy.cause}\n`;
}

function inGroupText(name: string, entry: RecordHistory['history'][number]): string {
  const topic = entry.topic_id === null ? '' : ` (topic id ${plain(entry.topic_id)})`;
  const perhaps =
    entry.deliveries_uncertain === 0 ? '' : `, ${countText(entry.deliveries_uncertain)} more uncertain`;
  const title = `${name}${topic} in ${plain(entry.group)}: ${times(entry.deliveries_certain)}${perhaps}\n`;
  const deliveries = entry.deliveries.length === 0 ? '' : table(DELIVERIES, entry.deliveries);
  return `${title}${deliveries}${entry.events.map(eventLine).join('')}`;
}

function times(deliveries: number): string {
  if (deliveries < 2) return deliveries === 0 ? 'not delivered' : 'delivered once';
  return `delivered ${countText(deliveries)} times`;
}

function eventLine(event: RecordHistory['history'][number]['events'][number]): string {
  const { host, pid } = event;
  const by =
    host === null || pid === null ? '(seen from outside)' : `by ${plain(processName({ host, pid }))}`;
  const at = shortTime(event.at);
  switch (event.kind) {
    case 'committed':
      return `${at}  committed up to ${event.offset} ${by}\n`;
    case 'taken_over':
      return `${at}  partition taken over ${by}: ${event.offset < 0 ? 'nothing was committed' : `${event.offset} was committed`}\n`;
    case 'commit_lowered':
      return `${at}  commit lowered from ${event.from_offset ?? '?'} to ${event.offset} ${by}\n`;
    case 'seek':
      return `${at}  seek to ${event.offset === -2 ? 'the earliest offset' : event.offset} ${by}\n`;
  }
}
