/** Where the rows of Evidence lead, filled in as Grafana does from rows that the statements give; two clusters, one topic. */
import { join } from 'node:path';
import { evidence as built } from '../../dashboards/src/evidence';
import { ofIncident, ofRecord } from '../../dashboards/src/traceql';
import { openReader } from '../../src/store/open';
import { Seed, temporaryFolder } from '../service/seed';
import { dashboards, sqlTargets } from './dashboards';
import { substitutedSql } from './variables';

const folder = temporaryFolder();
const store = join(folder.path, 'two.db');
const AT = Date.parse('2026-11-27T10:00:00Z');
const [evidence] = dashboards().filter(({ uid }) => uid === built().uid);
if (evidence === undefined) throw new Error('there is an Evidence dashboard');

type Row = Record<string, string | number | null>;

beforeAll(() => {
  const seed = new Seed(store);
  for (const name of ['east', 'west']) {
    const cluster = seed.cluster(name);
    const topic = seed.topic(cluster, 'orders', `topic-of-${name}`);
    const group = seed.group(cluster, `billing ${name}`);
    const place = seed.place(group, topic, 2);
    const sessions = [0, 1].map((i) => seed.session(group, `${name}-${i}`, AT));
    const runs = sessions.map((session, i) =>
      seed.run(place, session, { first: 40, last: 49, at: AT + i * 10_000 }),
    );
    seed.redelivery(place, runs[1] as number, runs[0] as number, { first: 42, last: 49, at: AT + 10_000 });
  }
  seed.close();
});
afterAll(() => folder.remove());

interface Linked {
  title: string;
  fieldConfig: {
    overrides: {
      matcher: { options: string };
      properties: { id: string; value: { title: string; url: string }[] }[];
    }[];
  };
}

/** Links of a panel, with the column that carries them. */
const linksOf = (panel: Linked) =>
  panel.fieldConfig.overrides.flatMap(({ matcher, properties }) =>
    properties.flatMap(({ id, value }) =>
      id === 'links' ? value.map((link) => ({ ...link, column: matcher.options })) : [],
    ),
  );
const panels = evidence.panels as unknown as Linked[];

function ask(title: string, names: Record<string, string[]> = {}): { rows: Row[]; columns: string[] } {
  const sql = sqlTargets(evidence as never).find(({ of }) => of === title)?.sql ?? '';
  const db = openReader(store);
  try {
    const statement = db.prepare(substitutedSql(sql, { names, from: AT - 60_000, to: AT + 60_000 }));
    return { rows: statement.all() as Row[], columns: statement.columns().map(({ name }) => name) };
  } finally {
    db.close();
  }
}

const CHOSEN: Record<string, string> = {
  ...{ service: 'http://127.0.0.1:7475', traces: 'tempo-uid', __from: '1', __to: '2' },
  ...{ record_topic: 'orders', record_partition: '2', record_offset: '45' },
};

/** As Grafana fills in an address: variables, columns of the row, and whole parameters. */
function filledIn(url: string, row: Row): string {
  return url
    .replace(/\$\{(\w+):queryparam\}/g, (_all, name: string) => `var-${name}=x`)
    .replace(`\${__url_time_range}`, 'from=1&to=2')
    .replace(/\$\{__data\.fields\["(\w+)"\]:percentencode\}/g, (_all, name: string) =>
      encodeURIComponent(String(row[name] ?? '')),
    )
    .replace(/\$\{(\w+)(?::percentencode)?\}/g, (_all, name: string) => CHOSEN[name] ?? `no ${name}`);
}

const traceQl = (url: string) => {
  interface Pane {
    datasource: string;
    queries: { query: string; datasource: { uid: string } }[];
    range: { from: string; to: string };
  }
  const panes = new URL(url, 'http://grafana').searchParams.get('panes') ?? '';
  return (JSON.parse(panes) as { t: Pane }).t;
};

test.each(panels.map((panel) => [panel.title, panel] as const))(
  '%s: links take columns that are there',
  (title, panel) => {
    const { columns } = ask(title);
    const links = linksOf(panel);
    expect(links.length).toBeGreaterThan(1);
    // Each table leads to traces, and to the service.
    expect(links.some(({ url }) => url.startsWith('/explore'))).toBe(true);
    expect(links.some(({ url }) => url.startsWith(`\${service}`))).toBe(true);
    for (const { url, column } of links) {
      expect(columns).toContain(column);
      for (const [, name] of url.matchAll(/__data\.fields\["(\w+)"\]/g)) expect(columns).toContain(name);
    }
  },
);

test('a redelivery leads to its record, in its own cluster', () => {
  const { rows } = ask('Redeliveries');
  expect(rows.map(({ cluster }) => cluster).sort()).toEqual(['east', 'west']);
  const row = rows.find(({ cluster }) => cluster === 'west') as Row;
  const urls = linksOf(panels.find(({ title }) => title === 'Redeliveries') as Linked).map(({ url }) =>
    filledIn(url, row),
  );
  const [here = '', there = '', traces = ''] = urls;
  expect(urls.join()).not.toMatch(/\$|undefined|no \w/);
  expect(new URL(here, 'http://grafana').searchParams.get('var-cluster')).toBe('west');
  expect(new URL(here, 'http://grafana').searchParams.get('var-record_offset')).toBe('42');
  expect(there).toBe('http://127.0.0.1:7475/#/records/orders/2/42?cluster=west');
  const { datasource, queries, range } = traceQl(traces);
  expect([datasource, queries[0]?.datasource.uid, range]).toEqual([
    'tempo-uid',
    'tempo-uid',
    { from: '1', to: '2' },
  ]);
  expect(queries[0]?.query).toBe(ofRecord({ topic: 'orders', partition: '2', offset: '42' }));
});

test('the life of a record is of the cluster that is chosen', () => {
  const record = { record_topic: ['orders'], record_partition: ['2'], record_offset: ['45'] };
  const title = 'Life of the record chosen above';
  const groups = (names: Record<string, string[]>) =>
    new Set(ask(title, { ...record, ...names }).rows.map(({ group }) => group));
  expect(groups({ cluster: ['west'] })).toEqual(new Set(['billing west']));
  expect(groups({ cluster: ['nowhere'] })).toEqual(new Set());
  expect(groups({})).toEqual(new Set(['billing east', 'billing west']));
  const { rows } = ask(title, { ...record, cluster: ['east'] });
  expect(rows.map(({ what }) => what)).toEqual(['delivered', 'delivered', 'delivered again, attempt 2']);
  const links = linksOf(panels.find((panel) => panel.title === title) as Linked);
  const urls = links.map(({ url }) => filledIn(url, rows[0] as Row));
  expect(urls[0]).toBe('http://127.0.0.1:7475/#/records/orders/2/45?cluster=east');
  expect(traceQl(urls[1] ?? '').queries[0]?.query).toBe(
    ofRecord({ topic: 'orders', partition: '2', offset: '45' }),
  );
});

test('an incident leads to the traces of its findings', () => {
  const link = linksOf(panels.find(({ title }) => title === 'Incidents') as Linked).find(({ url }) =>
    url.startsWith('/explore'),
  );
  expect(traceQl(filledIn(link?.url ?? '', { id: 12 })).queries[0]?.query).toBe(ofIncident('12'));
});
