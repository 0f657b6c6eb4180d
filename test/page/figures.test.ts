/** What topics, health and a group tell on the screen is what the API answers, figure by figure. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { backlog, bytes, count, duration, percent } from '../../src/page/logic/format';
import { causeWords, verdictWords } from '../../src/page/logic/words';
import type {
  GroupDetail,
  Page as ListPage,
  ObservedTopic,
  Session,
  Status,
} from '../../src/service/schemas';
import { fixedLag, json, type Running, startService } from '../service/running';
import { BEGIN, Seed, seedStory, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { describeInBrowser, launch, openPage, settled } from './browser';

const SESSIONS = 130;

const folder = temporaryFolder();
const storePath = join(folder.path, 'figures.db');
let running: Running;
let browser: Browser;
let page: Page;
let wrong: string[];

describeInBrowser('figures', () => {
  beforeAll(async () => {
    seedStory(storePath);
    seedMore(storePath);
    const lag = fixedLag();
    const aged = lag.all().map((known) => ({ ...known, seconds: 95 }));
    running = await startService({
      storePath,
      lag: {
        ...lag,
        all: () => aged,
        of: (...place) => (lag.of(...place) === null ? null : (aged[0] ?? null)),
      },
      setup: { retention: { days: 30, bytes: 2 ** 31 }, links: { grafana: null, traces: null } },
    });
    browser = await launch();
    ({ page, wrong } = await openPage(browser));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await running?.service.close();
    folder.remove();
  });
  afterEach(() => expect(wrong).toEqual([]));

  const visit = async (hash: string) => {
    await page.goto(`${running.url}/${hash}`);
    await settled(page);
  };
  const panel = (title: string | RegExp) =>
    page.locator('.panel', { has: page.getByRole('heading', { name: title, exact: true }) });
  const figure = async (name: string) => {
    const found = page.locator('.figure', { has: page.getByText(name, { exact: true }) });
    return [
      await found.locator('.value').textContent(),
      await found.locator('.note').allTextContents(),
    ].flat();
  };
  const cells = (label: string) =>
    page
      .getByRole('region', { name: label, exact: true })
      .locator('tbody tr')
      .evaluateAll((rows) =>
        rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)),
      );
  const bars = (title: string) =>
    panel(title)
      .locator('.bars li')
      .evaluateAll((rows) => rows.map((row) => row.textContent ?? ''));

  test('a topic: duplicates by cause, time between copies, windows, sources, memory, where it stands', async () => {
    await visit('#/topics?since=6h&topic=orders&cluster=c1');
    await panel('Duplicates by cause').waitFor();
    const { items } = await json<ListPage<ObservedTopic>>(running.port, '/v1/topics?topic=orders&cluster=c1');
    const [topic] = items as [ObservedTopic];
    const { time_to_duplicate: delays, window } = topic;
    if (delays === null || window === null) throw new Error('the story has both');
    const { p99, p999, all } = delays.window_seconds;
    // Apart, so that none can stand in the place of another.
    expect(new Set([p99, p999, all]).size).toBe(3);
    expect(await figure('To catch 99%')).toEqual([duration(p99)]);
    expect(await figure('To catch 99.9%')).toEqual([duration(p999)]);
    expect(await figure('To catch all seen')).toEqual([duration(all)]);

    expect(delays.steps.reduce((sum, { records }) => sum + records, 0)).toBe(delays.records);
    const steps = await bars('Time between copies, and what to remember');
    expect(steps).toHaveLength(delays.steps.length);
    let caught = 0;
    delays.steps.forEach(({ records, up_to_seconds: upTo }, i) => {
      caught += records;
      expect(steps[i]).toContain(duration(upTo));
      expect(steps[i]).toContain(`${count(records)}, ${percent(caught / delays.records)}`);
    });
    const marked = (words: string) => steps.findIndex((step) => step.includes(words));
    const reached = (share: number) => {
      let left = share * delays.records;
      return delays.steps.findIndex(({ records }) => {
        left -= records;
        return left <= 0;
      });
    };
    expect(marked('99% by here')).toBe(reached(0.99));
    expect(marked('99.9% by here')).toBe(reached(0.999));
    expect(marked('all by here')).toBe(delays.steps.length - 1);
    expect(reached(0.99)).toBeLessThan(reached(0.999));
    expect(await panel('Time between copies, and what to remember').textContent()).toContain(delays.advice);

    const causes = await bars('Duplicates by cause');
    expect(causes).toHaveLength(topic.causes.length);
    topic.causes.forEach(({ cause, records }, i) => {
      expect(causes[i]).toContain(causeWords(cause));
      expect(causes[i]?.endsWith(count(records))).toBe(true);
    });
    expect(await bars('Where identities stand')).toEqual(
      topic.identity_sources.map(({ source, ratio }) => `${source ?? 'none found'}${percent(ratio)}`),
    );
    const memory = (await panel("The observer's memory").textContent()) ?? '';
    expect(memory).toContain(count(window.identities));
    expect(memory).toContain(`up to ${duration(window.reach_seconds)} apart`);
    expect(memory).toContain(duration(window.configured_seconds));
    expect((await cells('Partitions')).map((row) => row.slice(0, 3))).toEqual(
      topic.partitions.map(({ partition, next_offset: next, state }) => [
        ...[String(partition), String(next), state.replace('_', ' ')],
      ]),
    );
    expect(
      await panel('Where the observer stands').getByRole('button', { name: 'Copy offset' }).count(),
    ).toBe(topic.partitions.length);
  });

  test('a topic that is not observed is said to be so, with the line that observes it', async () => {
    await visit('#/topics?since=6h&topic=payments');
    await panel('Not observed').waitFor();
    const words = (await panel('Not observed').textContent()) ?? '';
    expect(words).toContain('payments is not observed');
    expect(words).toContain("--topics 'payments'");
    // No other topic's figures stand for it.
    expect(await panel('Duplicates by cause').count()).toBe(0);
    const choice = page.locator('.filters label', { hasText: /^Topic/ }).locator('select');
    expect(await choice.inputValue()).toBe('payments');
  });

  test('of more namesakes than are shown at once each has its row, and leads to itself', async () => {
    await visit('#/topics?since=6h&topic=made-anew');
    const headings = page.getByRole('heading', { level: 2, name: /^made-anew/ });
    await page.getByText('2 more of that name').waitFor();
    expect(await headings.count()).toBe(5);
    const rows = page.getByRole('region', { name: 'Observed topics' }).locator('tbody tr');
    await rows.filter({ hasText: 'made-anew' }).last().getByRole('link', { name: 'made-anew' }).click();
    await until('that one alone', async () => {
      const shown = await headings.allTextContents();
      return shown.length === 1 && (shown[0]?.includes('id 00000006') ?? false);
    });
  });

  test('health: store and retention, uncertain, dropped, passed over, versions, where observers stand', async () => {
    await visit('#/health');
    const status = await json<Status>(running.port, '/v1/status');
    const { retention } = status;
    if (retention === null) throw new Error('it is given above');
    expect(await figure('State')).toEqual(['ready']);
    const [store, kept] = await figure('Store');
    expect(store).toBe(bytes(status.store_bytes));
    expect(kept).toBe(
      `${percent(status.store_bytes / retention.bytes)} of ${bytes(retention.bytes)}, 30 days kept`,
    );
    expect(await figure('Uncertain records')).toEqual([count(status.uncertain), 'left so by kills']);
    expect(status.uncertain).toBeGreaterThan(0);
    expect(await figure('Dropped detail')).toEqual([
      count(status.dropped_deliveries),
      `deliveries, in ${count(status.dropped_events)} events`,
    ]);
    const facts = (await panel('Facts').textContent()) ?? '';
    const clients = status.clients.map(
      ({ version, sessions }) => `${sessions} consumer${sessions === 1 ? '' : 's'} of ${version}`,
    );
    expect(clients.length).toBeGreaterThan(0);
    for (const told of [status.version, status.node, status.sqlite, String(status.schema), ...clients]) {
      expect(facts).toContain(told);
    }
    expect(status.unread).toHaveLength(2);
    const unread = await cells('Passed over');
    expect(unread.map(([where, , many]) => [where, many])).toEqual([
      ['__consumer_offsets', '3 records'],
      ['orders', '1,200 records'],
    ]);
    expect(unread[1]?.[1]).toContain('gone before they were read');
    const { items } = await json<ListPage<ObservedTopic>>(running.port, '/v1/topics');
    const places = items.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, next_offset: next, state }) => [
        ...[topic, String(partition), String(next), state.replace('_', ' ')],
      ]),
    );
    const shown = (await cells('Observers')).map((row) => row.slice(0, 4));
    expect(shown[0]?.[3]).toBe('catching up');
    expect(shown.map(String).sort()).toEqual(places.map(String).sort());
  });

  test('a group: verdict, totals of all time, exposure and lag with units, partitions, advice, sessions', async () => {
    await visit('#/groups/billing?cluster=c1&since=6h');
    const group = await json<GroupDetail>(running.port, '/v1/groups/billing?cluster=c1');
    const { exposure_history: history } = group;
    const head = (await page.locator('main .title').first().textContent()) ?? '';
    expect(head).toContain(verdictWords(group.verdict));
    expect(head).toContain(group.verdict_words);
    await page.getByText('Counts are of all time since the group was first seen').waitFor();
    expect(await figure('Deliveries')).toEqual([count(group.deliveries), `${count(group.failed)} failed`]);
    expect(await figure('Redelivered')).toEqual([count(group.redeliveries), percent(group.redelivery_ratio)]);
    expect(await figure('May be lost')).toEqual([
      count(group.premature + group.skipped),
      `${group.premature} committed early, ${group.skipped} skipped`,
    ]);
    const [exposed, since] = await figure('Exposure');
    expect(exposed).toBe(count(group.exposure_records));
    // Its age grows with each look.
    expect(since).toMatch(/^records, \d/);
    expect(since).toContain(`99% of 24 h below ${count(history.records.p99)}`);
    expect(await figure('Consumer lag')).toEqual(['100', `records, the oldest ${duration(95)} old`]);
    expect(await figure('Rewinds')).toEqual([count(group.rewinds), 'rebalances are not watched']);

    const partitions = await cells('Partitions');
    expect(partitions).toHaveLength(group.partitions_detail.length);
    group.partitions_detail.forEach((one, i) => {
      const [place, committed, exposure, lag, redelivered] = partitions[i] ?? [];
      expect(place).toBe(`${one.topic}/${one.partition}`);
      expect(committed).toBe(one.committed_offset === null ? '–' : String(one.committed_offset));
      expect(exposure).toMatch(new RegExp(`^${one.exposure_records} records?`));
      expect(lag).toBe(one.lag_records === null ? '–' : backlog(one.lag_records, one.lag_seconds));
      expect(redelivered).toBe(count(one.redeliveries));
    });
    expect(partitions.map(([, , , lag]) => lag)).toContain('100 records, 1 min 35 s');
    const advice = await panel('What to change').textContent();
    for (const line of [...group.advice, group.check?.words ?? '']) expect(advice).toContain(line);

    const all: string[] = [];
    const { items } = await json<ListPage<Session>>(
      running.port,
      `/v1/groups/billing/sessions?cluster=c1&limit=1000`,
    );
    expect(items).toHaveLength(SESSIONS + 2);
    expect(group.sessions_total).toBe(SESSIONS + 2);
    for (;;) {
      const rows = await cells('Sessions');
      all.push(...rows.map(([client]) => client ?? ''));
      const next = page.getByRole('button', { name: 'Next page' });
      if ((await next.count()) === 0) break;
      await next.click();
      await until('another page', async () => (await cells('Sessions'))[0]?.[0] !== rows[0]?.[0]);
    }
    expect(all).toEqual(items.map(({ client_id: client }) => client));
  });

  test('a watched group: its state, members, rebalances of the last hour, and that it was deleted', async () => {
    const told = async () => (await page.locator('main').textContent()) ?? '';
    await visit('#/groups/audit?since=6h');
    const { watched, rebalances } = await json<GroupDetail>(running.port, '/v1/groups/audit');
    if (watched === null) throw new Error('the story watches it');
    expect(await told()).toContain(`It has 1 member, generation ${watched.generation}`);
    expect(await figure('Rewinds')).toEqual([
      '0',
      `${rebalances} rebalances, ${watched.rebalances_last_hour} in the last hour`,
    ]);
    expect(watched.rebalances_last_hour).toBe(1);
    expect((await cells('Members')).map(([client, host]) => [client, host])).toEqual(
      watched.members.map(({ client_id: client, host }) => [client, host]),
    );
    const seed = new Seed(storePath);
    seed.db.prepare('UPDATE watched_group SET gone_at = ?').run(BEGIN + 60_000);
    seed.close();
    await visit('#/groups/audit?since=3h&tz=utc');
    const at = new Date(BEGIN + 60_000).toISOString().slice(0, 19).replace('T', ' ');
    // The answer of before is shown until the next one is there.
    await until(
      'that is told',
      async () => (await told()).includes(`The group was deleted at ${at} UTC`),
      30_000,
    );
  });
});

/** More delays, so that the windows differ; what observers passed over; namesakes; more sessions than one answer has. */
function seedMore(path: string): void {
  const s = new Seed(path);
  const topic = s.db.prepare("SELECT id, cluster FROM topic WHERE topic_id LIKE 'b%'").get() as {
    id: number;
    cluster: number;
  };
  // 985 copies after 0.3 s, 9 after 5 s, 5 after 12 min; the story's own after 90 s counts in between.
  for (const [bucket, records] of [
    [287, 985],
    [427, 9],
    [675, 5],
  ] as const) {
    s.row('duplicate_delay', { topic: topic.id, bucket, records });
  }
  s.db.prepare('UPDATE observed_topic SET longest_delay_ms = 720000 WHERE topic = ?').run(topic.id);
  s.row('duplicate_total', { topic: topic.id, kind: 'id_reuse', cause: 'unknown', records: 1_234 });
  const passed = { cluster: topic.cluster, last_at: BEGIN };
  s.row('unread', { ...passed, observer: 'topics', topic: 'orders', what: 'missed', count: 1_200 });
  s.row('unread', { ...passed, observer: 'groups', topic: '', what: 'unknown', count: 3 });
  for (let i = 0; i < 7; i++) {
    const made = s.topic(topic.cluster, 'made-anew', String(i).padStart(8, '0').padEnd(32, 'f'), BEGIN + i);
    s.row('observed_topic', { topic: made, records: 1, duplicates: 0 });
    const stands = { next_offset: 1, state: 'live', newest_at: BEGIN, observed_at: BEGIN };
    s.row('observer_offset', { topic: made, partition: 0, ...stands });
  }
  const { id: group } = s.db
    .prepare(
      "SELECT g.id FROM consumer_group g JOIN cluster c ON c.id = g.cluster WHERE g.name = 'billing' AND c.cluster_id = 'c1'",
    )
    .get() as { id: number };
  for (let i = 0; i < SESSIONS; i++) {
    s.session(group, `old-${i}`, BEGIN - 10_000_000 + i, { at: BEGIN - 1_000_000, how: 'stop' });
  }
  s.close();
}
