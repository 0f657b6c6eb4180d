import { join } from 'node:path';
import type { GroupTimeline, Page, PartitionPositions, SeriesPoint, Status } from '../../src/service/schemas';
import { fixedLag, json, type Running, startService } from './running';
import { BEGIN, Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
const storePath = join(folder.path, 'story.db');
let running: Running;
const get = <T>(path: string, status?: number) => json<T>(running.port, path, status);
const at = (ms: number) => new Date(BEGIN + ms).toISOString();

beforeAll(async () => {
  seedStory(storePath);
  const seed = new Seed(storePath);
  const { gp } = seed.db
    .prepare(
      `SELECT p.id AS gp FROM group_partition p JOIN consumer_group g ON g.id = p.grp JOIN topic t ON t.id = p.topic
       WHERE g.name = 'billing' AND t.topic_id LIKE 'b%' AND p.partition = 0`,
    )
    .get() as { gp: number };
  seed.row('lag_point', { gp, at: BEGIN + 15_000, committed: 120, log_end: 210 });
  seed.close();
  running = await startService({
    storePath,
    lag: fixedLag(),
    setup: {
      retention: { days: 30, bytes: 2 ** 31 },
      links: { grafana: 'https://grafana.example/{group}', traces: null },
    },
  });
});
afterAll(async () => {
  await running.service.close();
  folder.remove();
});

describe('a group within a time', () => {
  const path = '/v1/groups/billing/timeline?cluster=c1';

  test('has the sessions that lived then, with members, and what was found', async () => {
    const timeline = await get<GroupTimeline>(`${path}&since=${at(0)}&until=${at(60_000)}`);
    expect(timeline.sessions.map(({ session, ended_how }) => [session, ended_how])).toEqual([
      ['bb', null],
      ['a', 'died'],
    ]);
    expect(timeline.sessions[1]?.members).toHaveLength(1);
    expect(
      timeline.findings.map(({ kind, first_offset, last_offset, session }) => [
        kind,
        first_offset,
        last_offset,
        session,
      ]),
    ).toEqual([
      ['redelivery', 150, 199, 'bb'],
      ['rewind', 150, 200, 'bb'],
      ['redelivery', 100, 103, 'bb'],
      ['redelivery', 50, 99, 'bb'],
      ['premature_commit', 300, 300, 'a'],
      ['premature_commit', 50, 50, 'a'],
    ]);
    expect(timeline.findings.at(-3)).toMatchObject({ previous_session: 'a', previous_at: at(7_000) });
    expect(timeline.truncated).toBe(false);
    // All of that time is past.
    expect(timeline.known_until).toBe(timeline.until);
  });

  test('has what may be lost, each with its incident; a stall that goes on, whenever it began', async () => {
    const { findings } = await get<GroupTimeline>(`${path}&since=1m&until=1s`);
    expect(findings).toMatchObject([{ kind: 'stalled_commits', records: 30, session: 'bb', incident: 4 }]);
    expect(findings[0]).toMatchObject({ first_offset: null, cause: 'stalled_commits', certainty: 'proven' });
    const earlier = await get<GroupTimeline>(`${path}&since=3m`);
    expect(
      earlier.findings.map(({ kind, session, incident, records }) => [kind, session, incident, records]),
    ).toEqual([
      ['stalled_commits', 'bb', 4, 30],
      ['skip', null, 3, 10],
    ]);
    expect((await get<GroupTimeline>('/v1/groups/audit/timeline?since=3h')).findings).toEqual([]);
  });

  test('is known until now, where the time goes on behind it', async () => {
    const begin = Date.now();
    const ahead = new Date(begin + 600_000).toISOString();
    const told = await get<GroupTimeline>(`${path}&since=${at(0)}&until=${ahead}`);
    expect(told.until).toBe(ahead);
    expect(Date.parse(told.known_until)).toBeGreaterThanOrEqual(begin);
    expect(Date.parse(told.known_until)).toBeLessThanOrEqual(Date.now());
  });

  test('leaves out what began later or had ended before', async () => {
    const early = await get<GroupTimeline>(`${path}&since=${at(0)}&until=${at(9_000)}`);
    expect(early.sessions.map(({ session }) => session)).toEqual(['a']);
    expect(early.findings).toEqual([]);
    const late = await get<GroupTimeline>(`${path}&since=${at(20_000)}&until=${at(30_500)}`);
    expect(late.sessions.map(({ session }) => session)).toEqual(['bb']);
    expect(late.findings.map(({ kind }) => kind)).toEqual(['rewind']);
  });

  test('has generations of a group that is watched from outside', async () => {
    // The one of a minute ago lies behind it.
    const { generations } = await get<GroupTimeline>('/v1/groups/audit/timeline?since=3h&until=30m');
    expect(generations).toMatchObject([{ at: at(0), generation: 7, members: 1, members_detail: [{}] }]);
    // Who had what when the time began is told by the one before it.
    const later = await get<GroupTimeline>(`/v1/groups/audit/timeline?since=${at(60_000)}&until=30m`);
    expect(later.generations).toMatchObject([{ at: at(0), generation: 7 }]);
  });

  test('is refused where the group is not known or the time is turned', async () => {
    expect(await get('/v1/groups/biling/timeline', 404)).toMatchObject({
      detail: expect.stringContaining('"billing"'),
    });
    expect(await get(`${path}&since=1h&until=2h`, 400)).toMatchObject({ code: 'bad-parameter' });
    expect(await get('/v1/groups/billing/timeline', 400)).toMatchObject({
      detail: expect.stringContaining('cluster='),
    });
  });
});

describe('positions of a partition', () => {
  const path = '/v1/groups/billing/positions?cluster=c1';

  test('are its commits, deliveries, redeliveries and rewinds in the order of time', async () => {
    const found = await get<PartitionPositions>(
      `${path}&topic=orders&partition=0&since=${at(0)}&until=${at(60_000)}`,
    );
    expect(found.topic_id).toBe('b'.repeat(32));
    expect(found.commits).toEqual([
      { at: at(5_000), offset: 50, lowered_from: null },
      { at: at(20_000), offset: 200, lowered_from: null },
      { at: at(30_000), offset: 150, lowered_from: 200 },
    ]);
    expect(
      found.deliveries.map(({ first_offset, last_offset, outcome }) => [first_offset, last_offset, outcome]),
    ).toEqual([
      [0, 99, 'in_flight'],
      [50, 199, 'handled'],
      [150, 199, 'failed'],
    ]);
    expect(found.redeliveries).toHaveLength(3);
    expect(found.rewinds).toMatchObject([{ first_offset: 150, last_offset: 200, cause: 'seek' }]);
    expect(found.lag).toEqual([{ at: at(15_000), committed: 120, log_end: 210 }]);
  });

  test('want a partition that the group reads', async () => {
    expect(await get(path, 400)).toMatchObject({ detail: expect.stringContaining('topic= and partition=') });
    expect(await get(`${path}&topic=orders&partition=9`, 404)).toMatchObject({ code: 'not-found' });
  });
});

test('series tell hits of groups and duplicates of topics, and what is inserted later at once', async () => {
  const sums = async (query: string) => {
    const { items } = await get<Page<SeriesPoint>>(`/v1/timeseries?since=3h&step=1h${query}`);
    const sum = (name: 'deliveries' | 'hits' | 'duplicates') =>
      items.reduce((all, one) => all + one[name], 0);
    return { deliveries: sum('deliveries'), hits: sum('hits'), duplicates: sum('duplicates') };
  };
  expect(await sums('')).toEqual({ deliveries: 505, hits: 30, duplicates: 1 });
  expect(await sums('&group=billing')).toEqual({ deliveries: 305, hits: 30, duplicates: 0 });
  expect(await sums('&topic=orders&by=topic')).toEqual({ deliveries: 505, hits: 30, duplicates: 1 });
  const { items } = await get<Page<SeriesPoint>>('/v1/timeseries?since=3h&step=1d&by=group');
  expect(items.filter(({ duplicates }) => duplicates > 0).every(({ group }) => group === null)).toBe(true);

  const seed = new Seed(storePath);
  // A stretch of hits that grows counts what it grew by, whoever writes it.
  seed.db.exec(`UPDATE idempotency_hit SET last = last + 5, at = ${BEGIN + 60_000 * 61}`);
  seed.db.exec('UPDATE idempotency_hit SET window_ms = 1');
  seed.close();
  expect(await sums('')).toEqual({ deliveries: 505, hits: 35, duplicates: 1 });
});

test('the status tells versions, retention, what was dropped and where to look besides', async () => {
  const status = await get<Status>('/v1/status');
  expect(status).toMatchObject({
    status: 'ok',
    problems: [],
    node: process.versions.node,
    retention: { days: 30, bytes: 2 ** 31 },
    uncertain: 4,
    dropped_deliveries: 7,
    watches_groups: true,
    links: { grafana: 'https://grafana.example/{group}', traces: null },
    redeliveries_since: at(12_000),
  });
  const own = await startService({ storePath });
  expect(await json<Status>(own.port, '/v1/status')).toMatchObject({
    retention: null,
    watches_groups: false,
  });
  await own.service.close();
});
