/**
 * One run of a workload with faults on the real broker, the service, and a real Prometheus that scrapes it: every
 * expression of every panel, annotation and rule answers, every statement of the Evidence dashboard runs on the store
 * and agrees with the API.
 */
import { join } from 'node:path';
import { ALERTS } from '../../dashboards/src/alerts';
import { EVIDENCE_UID } from '../../dashboards/src/evidence';
import { openReader } from '../../src/store/open';
import { PlaceIds } from '../../src/telemetry/place-ids';
import { type Started, start } from '../cli/command';
import { testBrokers, uniqueName, until } from '../support/broker';
import { testFolder } from '../support/folder';
import { dashboards, promTargets, sqlTargets, variablesOf } from './dashboards';
import { Prometheus, type Series } from './prometheus';
import { substituted, substitutedSql } from './variables';
import { Workload } from './workload';

const folder = testFolder('grafana');
const store = join(folder, 'dupescope.db');
const from = Date.now();
/** Stalled commits are told after a minute; a busy machine takes several times as long for all the rest. */
const LIMIT_MS = 600_000;

let service: { url: string; process: Started };
let prometheus: Prometheus;
let workload: Workload;
let to: number;

const overview = dashboards().filter(({ uid }) => uid !== EVIDENCE_UID);
const [evidence] = dashboards().filter(({ uid }) => uid === EVIDENCE_UID);
if (evidence === undefined) throw new Error('there is an Evidence dashboard');

/** What an alert compares; without its threshold where that takes longer than a test. */
const asked = [
  ...overview.flatMap(promTargets),
  ...ALERTS.filter(({ name }) => name !== 'NotScraped').map(({ name, value, above }) => {
    const isSlow = name === 'ExposureGrowing' || name === 'ObserverBehind';
    return { of: `alert ${name}`, expr: isSlow ? value : `(${value}) > ${above}` };
  }),
];

const inTests = (expr: string) => substituted(expr, { from, to: Date.now(), interval: '20s' });

/** Over all that happened, as a panel shows it. */
const shown = (expr: string): Promise<Series[]> => prometheus.range(inTests(expr), from, Date.now(), 2);

const api = async <T>(path: string): Promise<T> => {
  const answer = await fetch(`${service.url}${path}`);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
};

/** For a message of what went wrong. */
const said = async (path: string): Promise<string> =>
  `${path}: ${await (await fetch(service.url + path)).text()}`;

beforeAll(async () => {
  const id = uniqueName('grafana');
  const process = start(
    [
      ...['serve', '--store', store, '--listen', '127.0.0.1:0', '--brokers', testBrokers().join(',')],
      // Of a broker that many tests use.
      ...['--groups', `${id}-*,billing-*,shipping-*`],
      ...['--topics', `${id}-*`, '--lag-interval-ms', '500', '--log-level', 'warn'],
    ],
    {},
    LIMIT_MS,
  );
  const line = await process.firstLine;
  service = { url: /http:\/\/\S+/.exec(line)?.[0] ?? '', process };
  prometheus = await Prometheus.start(service.url.replace('http://', ''), folder);
  workload = new Workload(service.url, folder, id);
  workload.startDemo();
  await workload.readInPeace();
  const seen = async () => {
    const series = await prometheus.query('dupescope_deliveries_total > 0');
    const groups = new Set(series.map(({ metric }) => metric.group));
    // The observer looks for new topics now and then.
    const observed = await prometheus.query('dupescope_observed_records_total > 0');
    const topics = new Set(observed.map(({ metric }) => metric.topic));
    return workload.groups().every((group) => groups.has(group)) && topics.has(workload.topic);
  };
  await until('Prometheus has seen all groups and the topic', seen, 180_000);
  await workload.misbehave();

  let missing = asked;
  const allAnswer = async () => {
    const lost = workload.lost();
    if (lost !== null) throw new Error(`the demo ended: ${lost}`);
    const still = [];
    for (const one of missing) if (!shows(one, await shown(one.expr))) still.push(one);
    missing = still;
    // Prometheus knows no more before it has scraped again.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return missing.length === 0;
  };
  await until('every expression answers', allAnswer, 240_000).catch(async (error: Error) => {
    const told = missing.map(({ of, expr }) => `${of}: ${expr}`).join('\n');
    const state = await Promise.all(['/v1/topics', '/v1/duplicates?limit=3', '/readyz'].map(said));
    throw new Error(`${error.message}; without an answer:\n${told}\n${state.join('\n')}`);
  });
  await workload.stop();
  await until('the last of it is scraped', scrapedAll, 120_000);
  to = Date.now() + 1_000;
}, LIMIT_MS);

afterAll(async () => {
  await workload?.stop();
  await prometheus?.stop();
  service?.process.process.kill('SIGTERM');
  await service?.process.ended;
}, 60_000);

/**
 * What is zero where Dupescope itself is well, as it is here: the observer keeps up, nothing is dropped, no name is
 * beyond the bound, and of handlers as slow as these a kill leaves nothing uncertain. That there is a value is all that
 * can be asked of these.
 */
const WELL_AT_ZERO = new Set([
  'Topic observer behind, in time',
  'Partitions behind',
  'Detail dropped',
  'Names told together',
  'Uncertain records',
]);

/** NaN is what 0 / 0 gives: no value. Zero is what a counter of nothing gives: the faults must show. */
function shows({ of }: { of: string }, series: readonly Series[]): boolean {
  const isWell = WELL_AT_ZERO.has(of);
  return series.some(({ values = [] }) =>
    values.some(([, value]) => value !== 'NaN' && (isWell || Number(value) !== 0)),
  );
}

async function scrapedAll(): Promise<boolean> {
  const told = await api<Record<string, number>>('/v1/summary');
  const counted = await Promise.all(['deliveries', 'redeliveries'].map((name) => sumOf(`${name}_total`)));
  const causes = await prometheus.query('sum(dupescope_redelivery_causes_total)');
  return counted[0] === told.deliveries && counted[1] === told.redeliveries && causes.length === 1;
}

/**
 * A test of two answers that are asked for one after the other: what comes in between (a cause that is found, a group of
 * another test) may part them for a moment.
 */
function agrees(name: string, check: () => Promise<void>): void {
  test(name, async () => {
    let reason: unknown;
    const agreed = await until(name, () =>
      check().then(
        () => true,
        (error: unknown) => {
          reason = error;
          return false;
        },
      ),
    ).catch(() => false);
    if (agreed === false) throw reason;
  }, 60_000);
}

async function sumOf(name: string): Promise<number> {
  const [sum] = await prometheus.query(`sum(dupescope_${name})`);
  return Number(sum?.value?.[1]);
}

describe('Prometheus', () => {
  test('scrapes OpenMetrics and evaluates the rules without a problem', async () => {
    expect(await prometheus.problems()).toEqual([]);
  });

  test.each(asked.map((one) => [one.of, one.expr, one] as const))('%s: %s', async (_of, expr, one) => {
    expect(shows(one, await shown(expr))).toBe(true);
  });

  test('sums are those of the API', async () => {
    // What a process told last may have come between a scrape and the answer.
    await until('deliveries and redeliveries agree', scrapedAll, 60_000);
    const { items } = await api<{ items: { records: number; cause: string }[] }>(
      '/v1/redeliveries?limit=1000&certain=true',
    );
    const caused = await prometheus.query('sum by (cause) (dupescope_redelivery_causes_total) > 0');
    const known = new Set(items.map(({ cause }) => cause));
    for (const { metric } of caused) expect(known).toContain(metric.cause);
    // The demo's and ours.
    expect(caused.length).toBeGreaterThanOrEqual(2);
  });

  agrees('what became of copies is that of the API', async () => {
    const told = await api<Record<string, number>>('/v1/summary');
    const counters = await Promise.all(
      ['idempotency_hits_total', 'applied_again_total', 'perhaps_applied_again_total'].map(sumOf),
    );
    const [hits, again, perhaps] = counters as [number, number, number];
    expect(hits).toBe(told.hits);
    // Counters keep what a late fact took back.
    expect(again).toBeGreaterThanOrEqual(told.applied_again as number);
    expect(perhaps).toBeGreaterThanOrEqual(told.perhaps_again as number);
    const copies = (told.redeliveries as number) + (told.duplicates_delivered as number);
    expect(told.hits as number).toBeGreaterThan(0);
    expect((told.hits as number) + (told.applied_again as number) + (told.failed_again as number)).toBe(
      copies,
    );
  });

  agrees('exemplars lead to the traces of redeliveries', async () => {
    const found = await prometheus.exemplars('dupescope_redeliveries_total', from, to);
    const traces = found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id));
    expect(traces.length).toBeGreaterThan(0);
    interface Item {
      cluster: string;
      topic: string;
      topic_id: string | null;
      partition: number;
      first_offset: number;
    }
    const { items } = await api<{ items: Item[] }>('/v1/redeliveries?limit=1000');
    const known = new Set(
      items.map((item) =>
        new PlaceIds({ ...item, clusterId: item.cluster, topicId: item.topic_id }, '').trace(
          item.first_offset,
        ),
      ),
    );
    // A stretch that grew to its front begins elsewhere by now.
    expect(traces.filter((trace) => known.has(trace)).length).toBeGreaterThan(0);
  });

  test('one group alone: every expression of groups runs, tells of no other, and shows what that one has', async () => {
    const group = workload.group('checked');
    const narrowed = dashboards()
      .flatMap(promTargets)
      .filter(({ expr }) => expr.includes('$group'));
    const told = new Set<string>();
    for (const { of, expr } of narrowed) {
      const narrow = substituted(expr, { names: { group: [group] }, from, to, interval: '20s' });
      const series = await prometheus.range(narrow, from, to, 2);
      for (const { metric } of series) expect([of, metric.group ?? group]).toEqual([of, group]);
      if (shows({ of }, series)) told.add(of);
    }
    expect(new Set(narrowed.map(({ of }) => of)).size).toBeGreaterThan(20);
    // It was handed everything again, and recognised copies by its check.
    const its = [
      ...['Redelivered', 'Share redelivered', 'Redeliveries by group', 'Redeliveries by cause'],
      ...['Deliveries', 'Copies caught', 'Catch ratio by group', 'What became of copies'],
    ];
    for (const title of its) expect(told).toContain(title);
    // And these are another's.
    expect(told).not.toContain('Lost or at risk');
    expect(told).not.toContain('Committed too early, and skipped');
  });
});

/** Runs a statement as the data source does: a connection of its own that may only read. */
function rows(sql: string, names: Record<string, string[]> = {}): Record<string, unknown>[] {
  const db = openReader(store);
  try {
    const statement = db.prepare(substitutedSql(sql, { names, from, to }));
    expect(statement.readonly).toBe(true);
    return statement.all() as Record<string, unknown>[];
  } finally {
    db.close();
  }
}

const sqlOf = (title: string) => sqlTargets(evidence).find(({ of }) => of === title)?.sql as string;

describe('SQL', () => {
  const record = { record_topic: ['orders'], record_partition: ['0'], record_offset: ['0'] };

  agrees('variables give the names of the API', async () => {
    const of = (name: string) => {
      const query = variablesOf(evidence).find((variable) => variable.name === name)?.query ?? '';
      return rows(query).map((row) => Object.values(row)[0]);
    };
    interface Group {
      group: string;
      cluster: string;
    }
    const { items } = await api<{ items: Group[] }>('/v1/groups?limit=1000');
    expect(of('group')).toEqual(expect.arrayContaining(workload.groups()));
    for (const { group } of items.filter(({ group }) => group.startsWith('grafana-'))) {
      expect(of('group')).toContain(group);
    }
    expect(of('cluster')).toEqual([...new Set(items.map(({ cluster }) => cluster))]);
    expect(of('topic')).toContain(workload.topic);
  });

  /** Groups whose deliveries are told to this service: others of the broker have rewinds at any time. */
  const ours = async () => {
    const { items } = await api<{ items: { group: string; deliveries: number }[] }>('/v1/groups?limit=1000');
    return new Set<unknown>(items.filter(({ deliveries }) => deliveries > 0).map(({ group }) => group));
  };
  const between = () => `since=${new Date(from).toISOString()}&until=${new Date(to).toISOString()}`;

  agrees('incidents', async () => {
    const { items } = await api<{ items: Record<string, unknown>[] }>(`/v1/incidents?limit=100&${between()}`);
    const groups = await ours();
    const told = (incidents: Record<string, unknown>[]) =>
      incidents
        .filter(({ group }) => group === null || groups.has(group))
        .map(({ id, kind, cause, group, records }) => ({ id, kind, cause, group, records }));
    const found = told(rows(sqlOf('Incidents')));
    expect(found).toEqual(told(items));
    expect(new Set(found.map(({ kind }) => kind)).size).toBeGreaterThanOrEqual(4);
  });

  const place = (row: Record<string, unknown>) => {
    const { group, topic, partition, first_offset, records, cause } = row;
    return [group, topic, partition, first_offset, records, cause].join(' ');
  };

  agrees('redeliveries', async () => {
    const asked = `/v1/redeliveries?limit=100&${between()}`;
    const { items } = await api<{ items: Record<string, unknown>[] }>(asked);
    expect(rows(sqlOf('Redeliveries')).map(place)).toEqual(items.map(place));
    const group = workload.group('checked');
    const one = await api<{ items: Record<string, unknown>[] }>(`${asked}&group=${group}`);
    expect(one.items.length).toBeGreaterThan(0);
    expect(rows(sqlOf('Redeliveries'), { group: [group] }).map(place)).toEqual(one.items.map(place));
    // A name that is not there, and one that would be SQL if it were pasted in.
    expect(rows(sqlOf('Redeliveries'), { group: ["') OR 1 = 1 --"] })).toEqual([]);
  });

  agrees('duplicates', async () => {
    const { items } = await api<{ items: Record<string, unknown>[] }>('/v1/duplicates?limit=100');
    expect(items.length).toBe(10);
    const found = rows(sqlOf('Duplicates'));
    expect(
      found.map(({ topic, partition, first_offset, cause }) => [topic, partition, first_offset, cause]),
    ).toEqual(items.map(({ topic, partition, offset, cause }) => [topic, partition, offset, cause]));
    expect(rows(sqlOf('Duplicates'), { topic: ['nothing'] })).toEqual([]);
  });

  agrees('hits', async () => {
    const { items } = await api<{ items: Record<string, unknown>[] }>('/v1/hits?limit=100');
    const key = ({ group, partition, first_offset, records }: Record<string, unknown>) =>
      [group, partition, first_offset, records].join(' ');
    const found = rows(sqlOf('Idempotency hits'));
    expect(found.length).toBeGreaterThan(0);
    expect(found.map(key).sort()).toEqual(items.map(key).sort());
  });

  agrees('premature commits and skips', async () => {
    const count = async (path: string) => (await api<{ items: unknown[] }>(`${path}?limit=100`)).items.length;
    const found = rows(sqlOf('Committed early, and skipped'));
    const kinds = (kind: string) => found.filter((row) => row.kind === kind).length;
    expect(kinds('premature_commit')).toBe(await count('/v1/premature-commits'));
    expect(kinds('skip')).toBe(await count('/v1/skips'));
    expect(kinds('skip')).toBeGreaterThan(0);
    expect(kinds('premature_commit')).toBeGreaterThan(0);
  });

  agrees('the life of one record', async () => {
    const chosen = { record_topic: [workload.topic], record_partition: ['0'], record_offset: ['25'] };
    const life = rows(sqlOf('Life of the record chosen above'), chosen);
    interface InGroup {
      group: string;
      deliveries: { outcome: string }[];
    }
    const { history } = await api<{ history: InGroup[] }>(`/v1/records/${workload.topic}/0/25`);
    const told = history.flatMap(({ group, deliveries }) =>
      deliveries.map(({ outcome }) => `${group} ${outcome}`),
    );
    const delivered = life.filter(({ what }) => what === 'delivered');
    expect(delivered.map(({ group, how }) => `${group} ${how}`).sort()).toEqual(told.sort());
    const moved = life.filter(({ group }) => group === workload.group('moved'));
    expect(moved.map(({ what }) => what)).toEqual(['delivered', 'delivered', 'delivered again, attempt 2']);
    expect(life.some(({ what }) => what === 'recognised by its check')).toBe(true);
    // A copy of offset 3.
    const copy = rows(sqlOf('Life of the record chosen above'), { ...chosen, record_offset: ['43'] });
    expect(copy.map(({ what }) => what)).toContain('written again: a copy of partition 0 offset 3');
    // What nobody knows is no error, nor is what is no number.
    expect(rows(sqlOf('Life of the record chosen above'), record)).toEqual([]);
    expect(rows(sqlOf('Life of the record chosen above'), { ...record, record_offset: ["x'; --"] })).toEqual(
      [],
    );
  });
});
