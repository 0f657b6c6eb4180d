/** Where a row leads: the service's own page, the record on this dashboard, and its traces. */
import { EVIDENCE_UID } from './evidence';
import { dashboard } from './sdk';

/** A column of the row, safe in a URL. */
const field = (name: string) => `\${__data.fields["${name}"]:percentencode}`;

function link(title: string, url: string, newTab = true): dashboard.DashboardLink {
  return new dashboard.DashboardLinkBuilder(title)
    .type(dashboard.DashboardLinkType.Link)
    .url(url)
    .targetBlank(newTab)
    .build();
}

/** The life of the record on the Evidence dashboard. */
const lifeHere = () =>
  link(
    'Life of this record',
    `/d/${EVIDENCE_UID}?\${cluster:queryparam}&\${group:queryparam}&\${topic:queryparam}&\${__url_time_range}&var-record_topic=${field('topic')}&var-record_partition=${field('partition')}&var-record_offset=${field('first_offset')}`,
    false,
  );

const ofRecord = () =>
  link(
    'The same in Dupescope',
    `\${service}/#/records/${field('topic')}/${field('partition')}/${field('first_offset')}`,
  );

/** TraceQL finds the spans by the record's place, whichever trace it carried. */
function traces(): dashboard.DashboardLink {
  const query = `{ span.messaging.destination.name = \\"${field('topic')}\\" && span.messaging.destination.partition.id = \\"${field('partition')}\\" && span.kafka.offset = ${field('first_offset')} }`;
  const pane = `{"t":{"datasource":"\${traces}","queries":[{"refId":"A","datasource":{"type":"tempo","uid":"\${traces}"},"queryType":"traceql","limit":20,"query":"${query}"}],"range":{"from":"\${__from}","to":"\${__to}"}}}`;
  return link('Its traces', `/explore?schemaVersion=1&panes=${encodedAround(pane)}`);
}

/** Encodes all but the variables, which Grafana puts in first. */
function encodedAround(text: string): string {
  return text
    .split(/(\$\{(?:[^{}"]|"[^"]*")*\})/)
    .map((part) => (part.startsWith('${') ? part : encodeURIComponent(part)))
    .join('');
}

export const recordLinks = () => [lifeHere(), ofRecord(), traces()];

export const incidentLinks = () => [
  link('This incident in Dupescope', `\${service}/#/incidents/${field('id')}`),
  link('Its findings by the API', `\${service}/v1/incidents/${field('id')}`),
];
