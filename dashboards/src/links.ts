/** Where a row leads: the service's own page, the record on this dashboard, and its traces. */
import { EVIDENCE_UID } from './evidence';
import { dashboard } from './sdk';
import { ofIncident, ofRecord } from './traceql';

/** A column of the row, safe in a URL. */
const field = (name: string) => `\${__data.fields["${name}"]:percentencode}`;
/** A variable, likewise. */
const chosen = (name: string) => `\${${name}:percentencode}`;

interface Record {
  topic: string;
  partition: string;
  offset: string;
}

/** The record that a row begins with. */
const OF_ROW: Record = {
  topic: field('topic'),
  partition: field('partition'),
  offset: field('first_offset'),
};
/** The record that is chosen on top. */
const CHOSEN: Record = {
  topic: chosen('record_topic'),
  partition: chosen('record_partition'),
  offset: chosen('record_offset'),
};

function link(title: string, url: string, newTab = true): dashboard.DashboardLink {
  return new dashboard.DashboardLinkBuilder(title)
    .type(dashboard.DashboardLinkType.Link)
    .url(url)
    .targetBlank(newTab)
    .build();
}

/** The life of the record on the Evidence dashboard. Its cluster is chosen: another may have the same place. */
const lifeHere = ({ topic, partition, offset }: Record) =>
  link(
    'Life of this record',
    `/d/${EVIDENCE_UID}?var-cluster=${field('cluster')}&\${group:queryparam}&\${topic:queryparam}&\${sqlite:queryparam}&\${traces:queryparam}&\${service:queryparam}&\${__url_time_range}&var-record_topic=${topic}&var-record_partition=${partition}&var-record_offset=${offset}`,
    false,
  );

const inDupescope = ({ topic, partition, offset }: Record) =>
  link(
    'The same in Dupescope',
    `\${service}/#/records/${topic}/${partition}/${offset}?cluster=${field('cluster')}`,
  );

/** @param query TraceQL; what `put` gave stands for a variable */
function traces(
  title: string,
  query: (put: (variable: string) => string) => string,
): dashboard.DashboardLink {
  const variables: string[] = [];
  const put = (variable: string) => `__${variables.push(variable) - 1}__`;
  const uid = put(`\${traces}`);
  const asked = { refId: 'A', datasource: { type: 'tempo', uid }, queryType: 'traceql', limit: 20 };
  const pane = {
    datasource: uid,
    queries: [{ ...asked, query: query(put) }],
    range: { from: put(`\${__from}`), to: put(`\${__to}`) },
  };
  // All but the variables is encoded: Grafana puts them in first.
  const encoded = encodeURIComponent(JSON.stringify({ t: pane }));
  const panes = encoded.replace(/__(\d+)__/g, (_all, i: string) => variables[Number(i)] ?? '');
  return link(title, `/explore?schemaVersion=1&panes=${panes}`);
}

const tracesOf = ({ topic, partition, offset }: Record) =>
  traces('Its traces', (put) =>
    ofRecord({ topic: put(topic), partition: put(partition), offset: put(offset) }),
  );

export const recordLinks = () => [lifeHere(OF_ROW), inDupescope(OF_ROW), tracesOf(OF_ROW)];

/** Of the life of the record that is chosen. */
export const lifeLinks = () => [inDupescope(CHOSEN), tracesOf(CHOSEN)];

export const incidentLinks = () => [
  link('This incident in Dupescope', `\${service}/#/incidents/${field('id')}`),
  link('Its findings by the API', `\${service}/v1/incidents/${field('id')}`),
  traces('Traces of its findings', (put) => ofIncident(put(field('id')))),
];
