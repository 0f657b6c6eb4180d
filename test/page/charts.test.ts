/** Charts draw what the API tells: looked at as pixels, by keyboard, and while it grows. */
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import type {
  GroupTimeline,
  Incident,
  Page as ListPage,
  PartitionPositions,
  SeriesPoint,
} from '../../src/service/schemas';
import { json, type Running, startService } from '../service/running';
import { BEGIN, Seed, seedStory, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { describeInBrowser, launch, openPage, settled } from './browser';

const folder = temporaryFolder();
const storePath = join(folder.path, 'charts.db');
let running: Running;
let browser: Browser;

describeInBrowser('charts', () => {
  beforeAll(async () => {
    seedStory(storePath);
    const seed = new Seed(storePath);
    // The first member was too slow: what it had went to the second.
    seed.db.exec(
      "UPDATE redelivery SET cause = 'session_timeout', certainty = 'proven' WHERE first = 50 AND attempt = 2",
    );
    seed.close();
    running = await startService({ storePath });
    browser = await launch();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await running?.service.close();
    folder.remove();
  });

  const visit = async (page: Page, hash: string) => {
    await page.goto(`${running.url}/${hash}`);
    await settled(page);
  };
  /** Pixels of a chart in a colour of the style sheet, and how far to the right the last of them is. */
  const drawn = (chart: Locator, colour: string) =>
    chart.evaluate((place, name) => {
      const canvas = place.querySelector('canvas') as unknown as {
        width: number;
        height: number;
        getContext(kind: '2d'): { getImageData(...box: number[]): { data: Uint8ClampedArray } };
      };
      const view = globalThis as unknown as {
        document: { createElement(tag: string): { style: { color: string }; remove(): void } };
        getComputedStyle(element: object): { color: string };
      };
      const probe = view.document.createElement('i');
      probe.style.color = `var(--${name})`;
      (place as unknown as { append(element: object): void }).append(probe);
      const [red, green, blue] = (view.getComputedStyle(probe).color.match(/\d+/g) ?? []).map(Number);
      probe.remove();
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let count = 0;
      let right = 0;
      for (let i = 0; i < data.length; i += 4) {
        if (data[i] !== red || data[i + 1] !== green || data[i + 2] !== blue || data[i + 3] !== 255) continue;
        count++;
        right = Math.max(right, (i / 4) % canvas.width);
      }
      return { count, right, width: canvas.width };
    }, colour);

  test.each(['light', 'dark'] as const)('in %s each series is drawn in its colour', async (colorScheme) => {
    const { page, wrong } = await openPage(browser, { colorScheme });
    // A range that stands still against the story: one that ends now draws the lines elsewhere at each hour of the day.
    const range = [BEGIN - 600_000, BEGIN + 4_200_000].map((at) => new Date(at).toISOString());
    await visit(page, `#/?since=${range[0]}&until=${range[1]}`);
    const chart = page.getByRole('slider');
    await until('redeliveries are drawn', async () => (await drawn(chart, 'redeliveries')).count > 20);
    for (const name of ['deliveries', 'duplicates', 'hits']) {
      expect([name, (await drawn(chart, name)).count > 20]).toEqual([name, true]);
    }
    expect((await drawn(chart, 'incident')).count).toBeGreaterThan(5);
    // A time in which nothing was: the axis alone.
    await visit(page, `#/?since=2026-01-31T12:00:00Z&until=2026-01-31T13:00:00Z`);
    await until('no incident is drawn', async () => (await drawn(chart, 'incident')).count === 0);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  const incidents = async (since: string, end: string) =>
    (await json<ListPage<Incident>>(running.port, `/v1/incidents?since=${since}&until=${end}&limit=200`))
      .items;

  test('incidents are links over the chart; a stretch that is drawn over becomes the time', async () => {
    const { page, wrong } = await openPage(browser);
    const [since = '', end = ''] = [BEGIN - 600_000, BEGIN + 600_000].map((at) => new Date(at).toISOString());
    await visit(page, `#/?since=${since}&until=${end}&tz=utc`);
    const spots = page.getByRole('list', { name: 'Incidents in the chart' }).getByRole('link');
    await spots.first().waitFor();
    const told = (await spots.allTextContents()).join('\n');
    const found = await incidents(since, end);
    expect(found.length).toBeGreaterThan(1);
    for (const { id, words } of found) expect(told).toContain(`#${id} ${words}`);
    await spots.first().click();
    await page.waitForURL(/#\/incidents/);
    await settled(page);
    const shown = (await page.locator('main').textContent()) ?? '';
    expect(found.some(({ words }) => shown.includes(words))).toBe(true);

    await visit(page, `#/?since=${since}&until=${end}&tz=utc`);
    const plot = page.locator('.chart .u-over');
    const box = await plot.boundingBox();
    if (box === null) throw new Error('There is no chart.');
    // From the sixth to the fourteenth of its 20 minutes, both begun.
    const x = (minute: number) => box.x + (box.width * minute) / 20;
    await page.mouse.move(x(5.5), box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(x(9), box.y + box.height / 2);
    await page.mouse.move(x(13.5), box.y + box.height / 2);
    await page.mouse.up();
    const asked = () => new URLSearchParams(new URL(page.url()).hash.split('?')[1]);
    await until('another time', () => asked().get('since') !== since);
    expect([asked().get('since'), asked().get('until')]).toEqual(
      [BEGIN - 300_000, BEGIN + 240_000].map((at) => new Date(at).toISOString()),
    );
    await settled(page);
    expect(Number(await page.getByRole('slider').getAttribute('aria-valuemax'))).toBe(8);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('offsets over time: commits, deliveries, what came again, and the rewind', async () => {
    const { page } = await openPage(browser);
    const end = new Date(BEGIN + 60_000).toISOString();
    await visit(
      page,
      `#/groups/billing?cluster=c1&topic=orders&partition=0&since=${new Date(BEGIN - 10_000).toISOString()}&until=${end}`,
    );
    const chart = page.getByRole('slider', { name: /^Chart of offsets/ });
    for (const colour of ['accent', 'deliveries', 'redeliveries', 'bad']) {
      await until(`${colour} is drawn`, async () => (await drawn(chart, colour)).count > 10);
    }
    await page.context().close();
  });

  test('offsets by keyboard and by pointer: what stood at each point; a stretch leads to its incident', async () => {
    const { page, wrong } = await openPage(browser);
    const [since, end] = [BEGIN - 10_000, BEGIN + 60_000].map((at) => new Date(at).toISOString());
    const place = `topic=orders&partition=0&since=${since}&until=${end}`;
    await visit(page, `#/groups/billing?cluster=c1&${place}&tz=utc`);
    const found = await json<PartitionPositions>(
      running.port,
      `/v1/groups/billing/positions?cluster=c1&${place}`,
    );
    const chart = page.getByRole('slider', { name: /^Chart of offsets/ });
    await chart.focus();
    await page.keyboard.press('Home');
    const last = Number(await chart.getAttribute('aria-valuemax'));
    const told = new Map<string, string>();
    for (let step = 0; step <= last; step++) {
      await until('the point', async () => (await chart.getAttribute('aria-valuenow')) === String(step));
      const [at = '', words = ''] = ((await chart.getAttribute('aria-valuetext')) ?? '').split(/ UTC: /);
      told.set(at, words);
      await page.keyboard.press('ArrowRight');
    }
    const at = (time: string) => told.get(time.slice(0, 19).replace('T', ' '));
    for (const { at: time, offset } of found.commits) expect(at(time)).toContain(`committed ${offset}`);
    for (const run of found.deliveries) {
      expect(at(run.from)).toContain(`delivered ${run.first_offset}\u2013${run.last_offset}`);
    }
    expect(at(found.rewinds[0]?.at ?? '')).toContain('rewind from 200 to 150, seek back');
    const again = found.redeliveries.find(({ first_offset: first }) => first === 150);
    expect(at(again?.at ?? '')).toContain('delivered again 150\u2013199');
    await page.keyboard.press('Escape');

    // All of them in a list, too.
    await page.getByText(/^In words: 3 stretches delivered again, 1 rewind/).click();
    const rows = page.getByRole('region', { name: 'What came again' }).locator('tbody tr');
    // What is opened is drawn a moment later.
    await rows.first().waitFor();
    expect(await rows.count()).toBe(found.redeliveries.length + found.rewinds.length);
    const rewind = rows.filter({ hasText: 'rewind' });
    expect(await rewind.getByRole('button', { name: /^Copy offset (200|150)$/ }).count()).toBe(2);
    expect(await rewind.getByRole('link').getAttribute('href')).toContain('#/incidents/5');
    expect(await rows.last().getByRole('link').last().getAttribute('href')).toContain('#/incidents/1');

    const over = await chart.locator('.u-over').boundingBox();
    if (over === null) throw new Error('the chart has no place');
    const x = over.x + (over.width * (31_500 + 10_000)) / 70_000;
    await page.mouse.move(x, over.y + over.height / 2);
    await page.locator('.legend', { hasText: 'Committed offset150' }).waitFor();
    await page.mouse.click(x, over.y + over.height / 2);
    await page.waitForURL(/#\/incidents\/1/);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('lanes: each member with its assignments, the slow one marked, losses, ends, and all in words', async () => {
    const { page, wrong } = await openPage(browser);
    await visit(page, '#/groups/billing?cluster=c1&since=3h&tz=utc');
    const timeline = await json<GroupTimeline>(
      running.port,
      '/v1/groups/billing/timeline?cluster=c1&since=3h',
    );
    const lane = (name: string) => page.locator('.lane', { hasText: name });
    for (const { client_id: client, host, pid, members } of timeline.sessions) {
      const one = lane(client ?? '');
      expect(await one.textContent()).toContain(`${host}, pid ${pid}`);
      expect(await one.locator('.lane-piece').count()).toBe(members.length);
    }
    expect(await lane('client-a').locator('.lane-mark.before').textContent()).toBe(
      'slow: its session timed out with 50 records',
    );
    expect(await lane('client-a').locator('.lane-mark.end').textContent()).toBe('killed');
    expect(await lane('client-a').locator('.lane-mark.premature_commit').count()).toBe(1);
    expect(await lane('client-bb').locator('.lane-mark.stalled_commits').count()).toBe(1);
    expect(await lane('The group').locator('.lane-mark.skip').count()).toBe(1);

    await page.getByText(/^In words: \d+ events/).focus();
    await page.keyboard.press('Enter');
    const rows = page.getByRole('region', { name: 'What the lanes show' }).locator('tbody tr');
    await rows.first().waitFor();
    const words = await rows.allTextContents();
    const told = (...parts: string[]) => words.filter((row) => parts.every((part) => row.includes(part)));
    const short = (time: string) => `${time.slice(0, 19).replace('T', ' ')} UTC`;
    for (const { client_id: client, started_at: began, members } of timeline.sessions) {
      expect(told(short(began), client ?? '', 'began')).toHaveLength(1);
      for (const { generation, joined_at: joined } of members) {
        const assigned = `generation ${generation}: orders 0, 1`;
        expect(told(short(joined), client ?? '', assigned)).toHaveLength(1);
      }
    }
    expect(told('client-a', 'killed')).toHaveLength(1);
    expect(told('client-a', 'slow: its session timed out')).toHaveLength(1);
    expect(told('client-a', 'committed too early: 2 records')).toHaveLength(1);
    expect(told('the group', 'skipped: 10 records')).toHaveLength(1);
    const links = await rows
      .getByRole('link')
      .evaluateAll((all) => all.map((one) => one.getAttribute('href')));
    const incidents = new Set(
      timeline.findings.flatMap(({ incident }) => (incident === null ? [] : [incident])),
    );
    expect(incidents.size).toBe(5);
    for (const id of incidents) {
      expect(links.filter((href) => href?.startsWith(`#/incidents/${id}`)).length).toBeGreaterThan(0);
    }
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('lanes end now, and stay while their incident grows', async () => {
    const { page, wrong } = await openPage(browser);
    await visit(page, '#/incidents/4');
    const ground = page.locator('.lane-ground').first();
    await ground.waitFor();
    const share = Number.parseFloat((await ground.getAttribute('width')) ?? '');
    expect(share).toBeLessThan(100);
    const alive = page.locator('.lane', { hasText: 'client-bb' }).locator('.lane-life');
    const [x, width] = [await alive.getAttribute('x'), await alive.getAttribute('width')].map((part) =>
      Number.parseFloat(part ?? ''),
    );
    expect((x ?? 0) + (width ?? 0)).toBeCloseTo(share, 0);
    await page.locator('.lane-axis').getByText(/^now /).waitFor();

    await page.evaluate(`(() => {
      window.gone = 0;
      new MutationObserver(() => {
        if (document.querySelector('.lanes') === null) window.gone++;
      }).observe(document.body, { childList: true, subtree: true });
    })()`);
    const axis = () => page.locator('.lane-axis span').last().textContent();
    const seed = new Seed(storePath);
    for (const hours of [1, 3]) {
      const before = await axis();
      // So long that the time around it is another one.
      seed.db
        .prepare('UPDATE incident SET first_at = ?, last_at = ?, version = ? WHERE id = 4')
        .run(Date.now() - hours * 3_600_000, Date.now() + hours * 60_000, seed.nextVersion());
      await until('another time is shown', async () => (await axis()) !== before, 30_000);
    }
    expect(await page.evaluate('window.gone')).toBe(0);
    seed.close();
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('by keyboard: the arrow keys lead through the steps, each with its numbers', async () => {
    const { page, wrong } = await openPage(browser);
    const since = new Date(BEGIN - 600_000).toISOString();
    const end = new Date(BEGIN + 600_000).toISOString();
    await visit(page, `#/?since=${since}&until=${end}&tz=utc`);
    const { items } = await json<ListPage<SeriesPoint>>(
      running.port,
      `/v1/timeseries?since=${since}&until=${end}&step=1m`,
    );
    const chart = page.getByRole('slider');
    await chart.focus();
    const told = async () => (await chart.getAttribute('aria-valuetext')) ?? '';
    expect(await told()).toMatch(/^no step chosen/);
    const seen = new Map<string, string>();
    await page.keyboard.press('Home');
    const last = Number(await chart.getAttribute('aria-valuemax'));
    expect(last).toBe(19);
    for (let step = 0; step <= last; step++) {
      await until(
        'the step is told',
        async () => (await chart.getAttribute('aria-valuenow')) === String(step),
      );
      const [at = '', counts = ''] = (await told()).split(/ UTC: /);
      seen.set(at, counts);
      // Below the chart as well, for those who see it.
      expect(await page.locator('.legend .note').first().textContent()).toBe(`${at} UTC`);
      await page.keyboard.press('ArrowRight');
    }
    expect(seen.size).toBe(last + 1);
    for (const { time, deliveries, redeliveries, duplicates, hits } of items) {
      const [counts] = seen.get(time.slice(0, 16).replace('T', ' '))?.split('; ') ?? [];
      expect(counts).toBe(
        `${deliveries} deliveries, ${redeliveries} redeliveries, ${duplicates} duplicates, ${hits} hits`,
      );
    }
    // Incidents are named where they are.
    const found = await incidents(since, end);
    const named = [...seen].flatMap(([at, told]) => (told.includes('; ') ? [[at, told] as const] : []));
    expect(found.length).toBeGreaterThan(0);
    for (const { words, opened_at: at } of found) {
      const [step] = named.find(([minute]) => minute === at.slice(0, 16).replace('T', ' ')) ?? [];
      expect([step, named.some(([, told]) => told.includes(words))]).toEqual([
        at.slice(0, 16).replace('T', ' '),
        true,
      ]);
    }
    expect(items.length).toBeGreaterThan(1);
    await page.keyboard.press('Escape');
    await until('none is chosen', async () => (await told()).startsWith('no step chosen'));
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('a stretch that grows is drawn longer, also in a time that ends later than now', async () => {
    const path = join(folder.path, 'growing.db');
    const seed = new Seed(path);
    const now = Date.now();
    const cluster = seed.cluster('c1');
    const topic = seed.topic(cluster, 'orders', null, now);
    const group = seed.group(cluster, 'growing');
    const gp = seed.place(group, topic, 0, { deliveries: 1_000 });
    const session = seed.session(group, 'a', now - 100_000);
    const run = seed.run(gp, session, { first: 0, last: 999, at: now - 90_000, lastAt: now - 60_000 });
    const grown = seed.run(gp, session, { first: 0, last: 9, at: now - 50_000, lastAt: now - 45_000 });
    const again = seed.redelivery(gp, grown, run, { first: 0, last: 9, at: now - 50_000 });
    const service = await startService({ storePath: path });
    const { page } = await openPage(browser);
    const from = new Date(now - 100_000).toISOString();
    const end = new Date(now + 60_000).toISOString();
    await page.goto(`${service.url}/#/groups/growing?topic=orders&partition=0&since=${from}&until=${end}`);
    await settled(page);
    const chart = page.getByRole('slider', { name: /^Chart of offsets/ });
    await until('it is drawn', async () => (await drawn(chart, 'redeliveries')).count > 0);
    const before = await drawn(chart, 'redeliveries');
    // The same stretches, none more: the last of them goes on.
    seed.db
      .prepare(
        'UPDATE delivery_run SET last = 899, handled = 900, uncertain_last = 899, last_at = ? WHERE id = ?',
      )
      .run(now - 1_000, grown);
    seed.db
      .prepare('UPDATE redelivery SET last = 899, version = ? WHERE id = ?')
      .run(seed.nextVersion(), again);
    await until(
      'it is drawn longer',
      async () => (await drawn(chart, 'redeliveries')).right > before.right + before.width / 20,
      30_000,
    );
    seed.close();
    await page.context().close();
    await service.service.close();
  });
});
