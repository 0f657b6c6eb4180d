import { join } from 'node:path';
import { z } from 'zod';
import { REQUEST_HEAD_MAX } from '../../src/service';
import { ROUTES } from '../../src/service/routes';
import {
  type Duplicate,
  type Group,
  GroupDetail,
  type Hit,
  type Identity,
  type Incident,
  type IncidentDetail,
  type ObservedTopic,
  type Page,
  type PrematureCommit,
  type Producer,
  type RecordHistory,
  type Redelivery,
  type Rewind,
  type SeriesPoint,
  type StalledCommit,
  type Summary,
  type Totals,
} from '../../src/service/schemas';
import { ask, fixedLag, json, type Running, startService } from './running';
import { BEGIN, Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
let running: Running;
const get = <T>(path: string, status?: number) => json<T>(running.port, path, status);

beforeAll(async () => {
  const storePath = join(folder.path, 'story.db');
  seedStory(storePath);
  running = await startService({ storePath, lag: fixedLag() });
});
afterAll(async () => {
  await running.service.close();
  folder.remove();
});

const EXAMPLES: Record<string, string> = {
  summary: '/v1/summary',
  groups: '/v1/groups',
  group: '/v1/groups/billing?cluster=c1',
  redeliveries: '/v1/redeliveries',
  incidents: '/v1/incidents',
  incident: '/v1/incidents/1',
  'premature-commits': '/v1/premature-commits',
  skips: '/v1/skips',
  hits: '/v1/hits',
  producers: '/v1/producers',
  rewinds: '/v1/rewinds',
  duplicates: '/v1/duplicates',
  identity: '/v1/identities/order-20',
  topics: '/v1/topics',
  'sequence-anomalies': '/v1/sequence-anomalies?topic=orders&partition=0',
  'stalled-commits': '/v1/stalled-commits',
  record: '/v1/records/orders/0/150',
  timeseries: '/v1/timeseries?since=3h&by=topic',
  totals: '/v1/totals?since=3h',
  'group-sessions': '/v1/groups/billing/sessions?cluster=c1',
  'group-timeline': '/v1/groups/billing/timeline?cluster=c1&since=3h',
  'group-positions': '/v1/groups/billing/positions?cluster=c1&topic=orders&partition=0&since=3h',
  status: '/v1/status',
};

test.each(ROUTES.map((route) => [route.id, route] as const))(
  '%s answers what its schema says',
  async (id, route) => {
    const answer = await get<object>(EXAMPLES[id] ?? '');
    const schema =
      route.kind === 'object'
        ? route.schema
        : z.strictObject({ items: z.array(route.schema).min(1), next_cursor: z.string().nullable() });
    expect(schema.safeParse(answer).error).toBeUndefined();
  },
);

test('the summary', async () => {
  const summary = await get<Summary>('/v1/summary');
  expect(summary).toMatchObject({ groups: 4, redeliveries: 114, exposure_records: 30, lag_records: 100 });
  expect(summary).toMatchObject({ dropped_deliveries: 7, change: 4, version: '0.0.0-test' });
  expect(summary.exposure_seconds).toBeGreaterThanOrEqual(4);
  expect(summary.redelivery_ratio).toBeCloseTo(114 / 536, 4);
});

test('verdicts, in the summary and of each group', async () => {
  const summary = await get<Summary>('/v1/summary');
  expect(summary.verdicts).toEqual({
    nothing_delivered: 0,
    exactly_once_so_far: 2,
    at_least_once: 1,
    at_most_once: 1,
  });
  expect(summary).toMatchObject({ incidents_open: 2, premature: 2, skipped: 10 });
  const { items } = await get<Page<{ cluster: string; group: string; verdict: string }>>('/v1/groups');
  expect(items.map(({ cluster, group, verdict }) => `${cluster} ${group} ${verdict}`)).toEqual([
    'c2 =cmd() at_least_once',
    'c1 audit exactly_once_so_far',
    'c1 billing at_most_once',
    'c2 billing exactly_once_so_far',
  ]);
  const billing = GroupDetail.parse(await get('/v1/groups/billing?cluster=c1'));
  expect(billing.verdict_words).toBe(
    'at most once: 2 committed before they were handled, 10 skipped, 104 redelivered, 4 more perhaps, 30 copies caught by the check, 10 applied again',
  );
  expect(billing.advice).toEqual(['advice 4', 'advice 3']);
  expect(billing.exposure_history.records).toEqual({ p50: 2, p99: 35, max: 40 });
  expect(billing.exposure_history.seconds).toMatchObject({ max: 4 });
});

test('rewinds say who saw them and what came of it', async () => {
  const { items } = await get<Page<Rewind>>('/v1/rewinds?group=billing&cause=seek');
  expect(items).toMatchObject([
    {
      from_offset: 200,
      to_offset: 150,
      records: 50,
      redelivered: 50,
      seen_by: ['watcher', 'consumer'],
      host: 'host-bb',
      incident: 5,
    },
  ]);
  expect((await get<Page<Rewind>>('/v1/rewinds?group=audit')).items).toEqual([]);
  const refused = await get<{ detail: string }>('/v1/rewinds?cause=handler_error', 400);
  expect(refused.detail).toContain('group_deleted');
});

test('a group that is seen from outside', async () => {
  const audit = GroupDetail.parse(await get('/v1/groups/audit'));
  expect(audit).toMatchObject({
    state: 'live',
    rebalances: 3,
    watched: { generation: 7, protocol: 'classic' },
  });
  // One of its two generations began within the hour; each is told with who had what.
  expect(audit.watched?.rebalances_last_hour).toBe(1);
  expect(
    audit.watched?.generations.map(({ generation, members, members_detail: then }) => [
      generation,
      members,
      then.map(({ client_id, assignment }) => [client_id, assignment]),
    ]),
  ).toEqual(
    [8, 7].map((generation) => [generation, 1, [['audit-app', [{ topic: 'orders', partitions: [0] }]]]]),
  );
  expect(audit.watched?.members).toMatchObject([
    { client_id: 'audit-app', assignment: [{ topic: 'orders', partitions: [0] }] },
  ]);
  const billing = GroupDetail.parse(await get('/v1/groups/billing?cluster=c1'));
  expect(billing).toMatchObject({ state: null, watched: null, rewinds: 1 });
});

test('hits say what they caught, and the group how its check does', async () => {
  const { items } = await get<Page<Hit>>('/v1/hits?group=billing&topic=orders&partition=0');
  expect(items).toMatchObject([
    {
      first_offset: 150,
      records: 30,
      caught: 'redelivery',
      cause: 'unknown',
      age_seconds: 5,
      window_seconds: 10,
    },
  ]);
  expect((await get<Page<Hit>>('/v1/hits?until=3h')).items).toEqual([]);
  const billing = GroupDetail.parse(await get('/v1/groups/billing?cluster=c1'));
  expect(billing).toMatchObject({ hits: 30, applied_again: 10, failed_again: 64, perhaps_again: 2 });
  expect(billing.check).toMatchObject({ catch_ratio: 0.75, window_seconds: 10, copies_within_window: 1 });
  expect(billing.check?.words).toContain('caught 30 of 40 copies (75%)');
  const audit = GroupDetail.parse(await get('/v1/groups/audit'));
  expect(audit.check).toBeNull();
});

test('producers with advice on their settings', async () => {
  const { items } = await get<Page<Producer>>('/v1/producers?cluster=c1');
  expect(items).toMatchObject([{ host: 'host-a', acks: [1], unanswered: 2, idempotent: false }]);
  expect(items[0]?.advice.map(({ risk }) => risk)).toEqual(expect.arrayContaining(['duplicates', 'loss']));
  expect((await get<Page<Producer>>('/v1/producers?cluster=c2')).items).toEqual([]);
});

test('duplicates, the places of one identity, and the copies of one record', async () => {
  const { items } = await get<Page<Duplicate>>('/v1/duplicates?topic=orders&kind=duplicate&cause=resent');
  expect(items).toMatchObject([
    {
      offset: 120,
      previous: { offset: 20 },
      delay_seconds: 90,
      producer: { sequence: 120 },
      previous_producer: { sequence: 20 },
    },
  ]);
  await get('/v1/duplicates?kind=skip', 400);
  for (const id of ['order-20', 'AB'.repeat(16)]) {
    const identity = await get<Identity>(`/v1/identities/${id}`);
    expect(identity.places.map(({ offset, deliveries }) => [offset, deliveries])).toEqual([
      [20, []],
      [120, []],
    ]);
  }
  const missing = await get<{ detail: string }>('/v1/identities/order-21', 404);
  expect(missing.detail).toContain('/v1/topics');
  for (const offset of [20, 120]) {
    const record = await get<RecordHistory>(`/v1/records/orders/0/${offset}`);
    expect(record.copies.map((copy) => copy.offset)).toEqual([120]);
  }
});

test('observed topics: where identities stand, and how long to remember', async () => {
  const { items } = await get<Page<ObservedTopic>>('/v1/topics?topic=orders');
  expect(items).toMatchObject([
    {
      records: 205,
      duplicates: 1,
      identity_ratio: 0.97561,
      identity_sources: [{ source: 'message-id' }, { source: null, records: 5 }],
      causes: [{ kind: 'duplicate', cause: 'resent', records: 1 }],
      window: {
        identities: 200,
        reach_seconds: 3600,
        configured_seconds: 7200,
        ended_by: 'records',
        shorter: true,
      },
      partitions: [{ state: 'live' }, { state: 'catching_up' }],
    },
  ]);
  expect(items[0]?.time_to_duplicate).toMatchObject({ records: 1, max_seconds: 90 });
  expect(items[0]?.time_to_duplicate?.advice).toContain('1.5 min');
});

test('incidents, filtered and by page', async () => {
  const ids = async (query: string) =>
    (await get<Page<Incident>>(`/v1/incidents${query}`)).items.map(({ id }) => id);
  expect(await ids('')).toEqual([4, 3, 1, 5, 2]);
  expect(await ids('?state=open')).toEqual([4, 3]);
  expect(await ids('?state=closed&topic=orders')).toEqual([1, 5, 2]);
  expect(await ids('?kind=rewind')).toEqual([5]);
  expect(await ids('?kind=skip')).toEqual([3]);
  expect(await ids('?group=audit')).toEqual([]);
  expect(await ids('?since=1h')).toEqual([4, 3]);
  expect(await ids('?until=1h')).toEqual([1, 5, 2]);
  const first = await get<Page<Incident>>('/v1/incidents?limit=3');
  const second = await get<Page<Incident>>(`/v1/incidents?limit=3&cursor=${first.next_cursor}`);
  expect([first, second].map(({ items }) => items.map(({ id }) => id))).toEqual([
    [4, 3, 1],
    [5, 2],
  ]);
  expect(second.next_cursor).toBeNull();
  await get(`/v1/skips?cursor=${first.next_cursor}`, 400);
});

test('one incident, with its findings', async () => {
  const seek = await get<IncidentDetail>('/v1/incidents/1');
  expect(seek).toMatchObject({
    words: 'billing got 50 records again on 1 partition of orders: seek',
    state: 'closed',
    places: [{ topic: 'orders', partition: 0, records: 50 }],
    closed_at: new Date(BEGIN + 331_000).toISOString(),
  });
  expect(seek.redeliveries.map((row) => row.first_offset)).toEqual([150]);
  const { items } = await get<Page<Redelivery>>('/v1/redeliveries?incident=1');
  expect(items.map((row) => row.first_offset)).toEqual([150]);
  const stalled = await get<IncidentDetail>('/v1/incidents/4');
  expect(stalled).toMatchObject({ state: 'growing', closed_at: null, stalled_commits: [{ records: 30 }] });
  const missing = await get<{ detail: string }>('/v1/incidents/77', 404);
  expect(missing.detail).toContain('/v1/incidents');
  await get('/v1/incidents/x', 400);
});

test('premature commits say whether the records came again', async () => {
  const { items } = await get<Page<PrematureCommit>>('/v1/premature-commits?group=billing&topic=orders');
  expect(items.map((row) => [row.first_offset, row.outcome, row.delivered_later])).toEqual([
    [300, 'failed', false],
    [50, 'in_flight', true],
  ]);
  await get('/v1/premature-commits?partition=0', 400);
});

test('a stall that goes on belongs to every time that it reaches into, and says so', async () => {
  const stalls = async (query: string) =>
    (await get<Page<StalledCommit>>(`/v1/stalled-commits?${query}`)).items;
  // It began 90 s before the store was made and was seen 1 s before: within the last minute or two either way.
  const all = await stalls('group=billing');
  expect(all).toMatchObject([{ seen_by: 'consumer', going_on: true, ended_at: null, certainty: 'proven' }]);
  expect(all[0]?.because[0]).toMatch(/^client-bb on host-bb \(pid 102\) has handled 30 records since /);
  const [began, seen] = [all[0]?.since ?? '', all[0]?.seen_at ?? ''];
  const later = (time: string, ms: number) => new Date(Date.parse(time) + ms).toISOString();
  expect(await stalls(`since=${later(began, 10_000)}`)).toEqual(all);
  expect(await stalls(`since=${later(began, 10_000)}&until=${later(began, 20_000)}`)).toEqual(all);
  expect(await stalls(`since=${seen}&limit=1`)).toEqual(all);
  expect(await stalls(`since=${later(seen, 1)}`)).toEqual([]);
  expect(await stalls(`until=${began}`)).toEqual([]);
  expect(await stalls(`since=${later(began, 10_000)}&group=audit`)).toEqual([]);
});

test.each([
  ['premature-commits', 2, 2],
  ['skips', 3, 1],
  ['stalled-commits', 4, 1],
])('%s of an incident are those that stand in it', async (list, incident, count) => {
  const { items } = await get<Page<{ incident: number }>>(`/v1/${list}?incident=${incident}`);
  expect(items.map((one) => one.incident)).toEqual(new Array(count).fill(incident));
  expect(await get(`/v1/${list}?incident=1`)).toMatchObject({ items: [] });
});

test('a group with partitions, sessions, members and lag', async () => {
  const group = GroupDetail.parse(await get('/v1/groups/billing?cluster=c1'));
  expect(group.partitions_detail.map((p) => [p.topic_id?.[0], p.partition, p.deliveries])).toEqual([
    ['a', 0, 10],
    ['b', 0, 300],
    ['b', 1, 5],
  ]);
  // The lag of a name is that of its latest topic.
  expect(group.partitions_detail[0]?.lag_records).toBeNull();
  expect(group.partitions_detail[1]).toMatchObject({
    exposure_records: 30,
    committed_offset: 150,
    lag_records: 100,
    log_end_offset: 250,
    owner: { host: 'host-bb', member_id: 'member-2-0' },
  });
  expect(group.sessions_detail.map((s) => [s.host, s.ended_how])).toEqual([
    ['host-bb', null],
    ['host-a', 'died'],
  ]);
  expect(group.sessions_detail[0]?.settings).toMatchObject({ session_timeout_ms: 30_000, auto_commit: true });
  expect(group.sessions_detail[0]?.members[0]?.assignment).toEqual([{ topic: 'orders', partitions: [0, 1] }]);
});

test('a group on two clusters wants the cluster, an unknown one is not found', async () => {
  expect(await get('/v1/groups/billing', 400)).toMatchObject({
    code: 'bad-parameter',
    detail: expect.stringContaining('c1, c2'),
  });
  expect(await get('/v1/groups/biling', 404)).toMatchObject({
    code: 'not-found',
    detail: expect.stringContaining('Did you mean "billing"?'),
  });
  expect(await get(`/v1/groups/${encodeURIComponent('=cmd()')}`)).toMatchObject({ cluster: 'c2' });
});

describe('redeliveries', () => {
  const of = async (query: string) => (await get<Page<Redelivery>>(`/v1/redeliveries?${query}`)).items;

  test('tell both sides and what became of the records', async () => {
    const [again, perhaps, taken] = await of('group=billing');
    expect(again).toMatchObject({
      first_offset: 150,
      last_offset: 199,
      records: 50,
      attempt: 2,
      certain: true,
      delivery: { outcome: 'failed', handled_records: 30, error: 'Error: no such account' },
      previous: { outcome: 'handled', handled_records: 50, error: null },
    });
    expect(perhaps).toMatchObject({
      first_offset: 100,
      doubt: 'uncertain',
      previous: { outcome: 'uncertain' },
    });
    expect(taken).toMatchObject({
      first_offset: 50,
      doubt: 'in_flight',
      certain: false,
      gap_seconds: 5,
      delivery: { host: 'host-bb', generation: 1, client_id: 'client-bb' },
      previous: { host: 'host-a', outcome: 'in_flight', handled_records: 0 },
    });
  });

  test.each([
    ['', 4],
    ['cluster=c1', 3],
    ['cluster=c2', 1],
    ['group=audit', 0],
    ['topic=orders&partition=1', 0],
    ['topic=orders&partition=0', 4],
    ['certain=true', 2],
    ['certain=false&group=billing', 2],
    ['topic=orders&partition=0&first_offset=100&last_offset=120', 1],
    ['topic=orders&partition=0&first_offset=99&last_offset=120', 2],
    ['topic=orders&partition=0&last_offset=49', 1],
    ['topic=orders&partition=0&first_offset=199', 1],
    ['since=3h', 4],
    ['since=30m', 0],
    ['until=30m', 4],
    [`since=${new Date(BEGIN + 12_000).toISOString()}&until=${new Date(BEGIN + 31_000).toISOString()}`, 2],
    [`since=${encodeURIComponent('2020-01-01T00:00:00+02:00')}`, 4],
    ['since=2020-01-01T00:00:00+02:00', 4],
  ])('?%s finds %i', async (query, count) => {
    expect(await of(query)).toHaveLength(count);
  });
});

describe('one record', () => {
  const historyOf = async (offset: number, query = 'group=billing&cluster=c1') =>
    (await get<RecordHistory>(`/v1/records/orders/0/${offset}?${query}`)).history.find(
      (entry) => entry.topic_id === 'b'.repeat(32),
    );
  const told = (entry: RecordHistory['history'][number] | undefined) =>
    entry?.deliveries.map((d) => [d.attempt, d.outcome, d.certain, d.host]);

  test('handled before the kill', async () => {
    const entry = await historyOf(49);
    expect(told(entry)).toEqual([[1, 'handled', true, 'host-a']]);
    expect(entry?.events).toMatchObject([{ kind: 'committed', offset: 50, host: 'host-a' }]);
  });

  test('each further delivery says why, as the redelivery of that run does', async () => {
    const { items } = await get<Page<Redelivery>>('/v1/redeliveries?group=billing&cluster=c1');
    for (const offset of [50, 101, 160]) {
      const entry = await historyOf(offset);
      const whys = entry?.deliveries.map(({ redelivery }) => redelivery) ?? [];
      const own = items.filter((one) => one.first_offset <= offset && offset <= one.last_offset);
      expect(own.length).toBe(1);
      expect(whys[0]).toBeNull();
      expect(whys.slice(1)).toEqual(
        own.map(({ id, incident, cause, certainty, because, advice }) => ({
          ...{ id, incident, cause, certainty, because, advice },
        })),
      );
    }
    expect((await historyOf(160))?.deliveries[1]?.redelivery?.incident).toBe(1);
  });

  test('in flight at the kill', async () => {
    expect(told(await historyOf(50))).toEqual([
      [1, 'in_flight', false, 'host-a'],
      [2, 'handled', true, 'host-bb'],
    ]);
  });

  test('uncertain: in no count', async () => {
    const entry = await historyOf(103);
    expect(told(entry)).toEqual([
      [1, 'uncertain', false, 'host-a'],
      [1, 'handled', true, 'host-bb'],
    ]);
    expect(entry).toMatchObject({ deliveries_certain: 1, deliveries_uncertain: 1 });
  });

  test('sought back to: commits, the lowered one, the seek', async () => {
    const entry = await historyOf(185);
    expect(told(entry)).toEqual([
      [1, 'handled', true, 'host-bb'],
      [2, 'failed', true, 'host-bb'],
    ]);
    expect(entry?.deliveries[1]?.error).toBe('Error: no such account');
    expect(entry?.events.map((event) => event.kind).sort()).toEqual(['commit_lowered', 'committed', 'seek']);
  });

  test('every group and topic id, each by itself', async () => {
    const { history } = await get<RecordHistory>('/v1/records/orders/0/5');
    expect(
      history.map((entry) => [entry.cluster, entry.group, entry.topic_id?.[0], entry.deliveries.length]),
    ).toEqual([
      ['c1', 'audit', 'b', 1],
      ['c1', 'billing', 'a', 1],
      ['c1', 'billing', 'b', 1],
      ['c2', '=cmd()', undefined, 2],
      ['c2', 'billing', undefined, 0],
    ]);
  });

  test('never delivered, and not known at all', async () => {
    expect(await historyOf(5_000)).toMatchObject({ deliveries: [], deliveries_certain: 0 });
    expect(await get('/v1/records/ordres/0/1', 404)).toMatchObject({
      detail: expect.stringContaining('"orders"'),
    });
    expect(await get('/v1/records/orders/77/1', 404)).toMatchObject({ code: 'not-found' });
  });
});

test('a series has whole steps', async () => {
  const { items } = await get<Page<SeriesPoint>>('/v1/timeseries?since=3h&step=1h&by=group&group=billing');
  expect(items.reduce((sum, point) => sum + point.deliveries, 0)).toBe(305);
  expect(items.every((point) => point.time.endsWith(':00:00.000Z') && point.group === 'billing')).toBe(true);
});

test('totals of a time are what its series adds up to', async () => {
  const range = 'since=3h&step=1h';
  const totals = await get<Totals>(`/v1/totals?${range}`);
  const { items } = await get<Page<SeriesPoint>>(`/v1/timeseries?${range}&by=group`);
  const groups = new Map<string, number[]>();
  for (const { group, cluster, deliveries, redeliveries, hits } of items) {
    if (group === null) continue;
    const [d = 0, r = 0, h = 0] = groups.get(`${cluster} ${group}`) ?? [];
    groups.set(`${cluster} ${group}`, [d + deliveries, r + redeliveries, h + hits]);
  }
  expect(
    totals.worst.map((one) => [`${one.cluster} ${one.group}`, [one.deliveries, one.redeliveries, one.hits]]),
  ).toEqual([...groups].sort(([, [, a = 0]], [, [, b = 0]]) => b - a));
  expect(totals.worst[0]).toMatchObject({ cluster: 'c1', group: 'billing', redeliveries: 104, hits: 30 });
  for (const key of ['deliveries', 'redeliveries', 'failed', 'hits', 'duplicates', 'id_reuses'] as const) {
    expect(totals[key]).toBe(items.reduce((sum, point) => sum + point[key], 0));
  }
  expect(totals).toMatchObject({ groups_reading: 2, groups_again: 1 });
  expect(totals.duplicates).toBeGreaterThan(0);
});

test.each([
  ['/v1/redeliveries?grup=x', 'Did you mean "group"?'],
  ['/v1/redeliveries?group=a&group=b', 'more than once'],
  ['/v1/redeliveries?limit=0', 'from 1 to 1000'],
  ['/v1/redeliveries?limit=1e3', 'from 1 to 1000'],
  ['/v1/redeliveries?limit=', 'from 1 to 1000'],
  ['/v1/redeliveries?since=yesterday', 'RFC 3339|2026-01-31'],
  ['/v1/redeliveries?since=2026-13-45T00:00:00Z', '2026-01-31'],
  ['/v1/redeliveries?partition=1', 'needs topic'],
  ['/v1/redeliveries?first_offset=1', 'need topic and partition'],
  ['/v1/redeliveries?topic=orders&partition=0&first_offset=2&last_offset=1', 'above last_offset'],
  ['/v1/redeliveries?certain=yes', 'true or false'],
  ['/v1/redeliveries?format=xml', 'json, ndjson, csv'],
  ['/v1/timeseries?step=90s', 'whole minutes'],
  ['/v1/timeseries?since=30d&step=1m', 'longer step'],
  ['/v1/timeseries?since=1h&until=2h', 'since must be before'],
  ['/v1/records/orders/x/1', 'partition in the path'],
  ['/v1/records/orders/0/-1', 'offset in the path'],
  ['/v1/records/orders/0/99999999999999999', 'offset in the path'],
  ['/v1/summary?format=csv', 'no parameter "format"'],
  ['/v1/groups/%E0%A4%A', '%25'],
  ['/healthz?x=1', 'no parameter "x"'],
])('%s is refused in one line', async (path, words) => {
  const answer = await ask(running.port, path);
  expect(answer.status).toBe(400);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  const problem = JSON.parse(answer.text) as { detail: string; code: string; instance: string };
  expect(problem.detail).toMatch(new RegExp(words.replace(/[()?]/g, '\\$&')));
  expect(problem).toMatchObject({ code: 'bad-parameter', status: 400, instance: path.split('?')[0] });
  expect(answer.text).not.toContain('\n');
});

describe('names', () => {
  // 32,767 bytes: 10,922 characters of three bytes, and the longest URL that a name can make.
  const longest = `${'語'.repeat(10_922)}x`;

  test('as long as Kafka takes them are asked for, in the path and in the query', async () => {
    expect(Buffer.byteLength(longest)).toBe(32_767);
    const name = encodeURIComponent(longest);
    expect(await get(`/v1/incidents?topic=${'t'.repeat(249)}&group=${name}`)).toMatchObject({ items: [] });
    const told = (await get(`/v1/groups/${name}`, 404)) as { detail: string };
    expect(told.detail.length).toBeLessThan(500);
  });

  test('that are longer are refused with their bound, or by the HTTP parser', async () => {
    const refused = await get(`/v1/redeliveries?group=${encodeURIComponent(`${longest}x`)}`, 400);
    expect(refused).toMatchObject({
      code: 'bad-parameter',
      detail: expect.stringContaining('a text of 1 to 32767 bytes'),
    });
    // A little more than is taken: of much more the server leaves some unread, and that resets the connection.
    expect((await ask(running.port, `/v1/identities/${'x'.repeat(REQUEST_HEAD_MAX)}`)).status).toBe(431);
  });

  test('of 32 kB end a page of groups as any other', async () => {
    const store = join(folder.path, 'long-names.db');
    const seed = new Seed(store);
    const cluster = seed.cluster('c');
    for (const end of ['a', 'b', 'c']) seed.group(cluster, `${longest.slice(0, -1)}${end}`);
    seed.close();
    const other = await startService({ storePath: store });
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const from: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const page: Page<Group> = await json(other.port, `/v1/groups?limit=1${from}`);
      seen.push(...page.items.map(({ group }) => group.slice(-1)));
      cursor = page.next_cursor;
    }
    await other.service.close();
    expect(seen).toEqual(['a', 'b', 'c']);
  });
});

test('odd request targets are answered', async () => {
  for (const path of ['//', '//x?a=1', '/?', '/v1/summary?', '/v1/groups/?limit=1', '/v1/%2e%2e/x']) {
    expect((await ask(running.port, path)).status).toBeLessThan(500);
  }
});

test('unknown paths and other methods', async () => {
  expect(await get('/v1/nothing', 404)).toMatchObject({
    code: 'not-found',
    type: 'urn:dupescope:error:not-found',
  });
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
    const answer = await ask(running.port, '/v1/redeliveries', { method });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  }
  expect((await ask(running.port, '/v1/summary', { method: 'HEAD' })).status).toBe(200);
});
