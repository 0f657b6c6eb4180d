/** What goes wrong between page and service, or between pages: it is told as it is, and heals by itself. */
import { join } from 'node:path';
import type { Browser, Page, Route } from 'playwright-core';
import type { Totals } from '../../src/service/schemas';
import { json, type Running, startService } from '../service/running';
import { Seed, seedStory, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { describeInBrowser, launch, openPage, settled } from './browser';

/** More than the connections that a browser holds to one host. */
const PAGES = 8;
/** Of the service. */
const STREAMS_MAX = 64;
const OVERVIEW = '#/?since=6h&tz=utc';

const folder = temporaryFolder();
const storePath = join(folder.path, 'heals.db');
let running: Running;
let browser: Browser;
let seed: Seed;

describeInBrowser('between page and service', () => {
  beforeAll(async () => {
    seedStory(storePath);
    seed = new Seed(storePath);
    running = await startService({ storePath });
    browser = await launch();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await running?.service.close();
    seed?.close();
    folder.remove();
  });

  const live = (page: Page) => page.getByRole('status').filter({ hasText: /^live/ }).waitFor();
  const sentence = (page: Page) => page.locator('.sentence').textContent();
  const again = (first: number) => {
    const row = seed.db.prepare('SELECT gp, run, previous_run FROM redelivery WHERE first = 150').get();
    const { gp, run, previous_run: previous } = row as { gp: number; run: number; previous_run: number };
    seed.redelivery(gp, run, previous, { first, last: first, at: Date.now() });
  };

  test(`${PAGES} pages in one browser share one stream, and each gets its answers`, async () => {
    const { page: first } = await openPage(browser);
    const context = first.context();
    const pages = [first];
    for (let i = 1; i < PAGES; i++) pages.push(await context.newPage());
    const streams = new Set<Page>();
    for (const page of pages) {
      page.on('request', (request) => {
        if (request.url().includes('/v1/events')) streams.add(page);
      });
      page.on('requestfailed', (request) => {
        if (request.url().includes('/v1/events')) streams.delete(page);
      });
    }
    const rows = (page: Page) => page.locator('tbody tr').count();
    for (const page of pages) {
      await page.goto(`${running.url}/#/redeliveries?since=6h&group=billing`);
      await settled(page);
      await live(page);
    }
    expect(await Promise.all(pages.map((page) => page.evaluate('document.hidden')))).not.toContain(true);
    expect(streams.size).toBe(1);
    const before = await rows(first);
    const reaches = async (some: readonly Page[], count: number) => {
      for (const page of some) await until('it is shown', async () => (await rows(page)) === count, 60_000);
    };
    again(160);
    await reaches(pages, before + 1);

    // The page that leads goes out of sight (pages that are driven are all in sight, so it is told so): another leads.
    const [leader] = streams;
    if (leader === undefined) throw new Error('No page leads.');
    const turn = (hidden: boolean) =>
      leader.evaluate(`(() => {
        Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
      })()`);
    await turn(true);
    await until('another page leads', () => streams.size === 1 && !streams.has(leader));
    const others = pages.filter((page) => page !== leader);
    for (const page of others) await live(page);
    again(161);
    await reaches(others, before + 2);
    expect(await rows(leader)).toBe(before + 1);
    // It comes back: what it missed stands there at once, and it has no stream of its own.
    await turn(false);
    await reaches([leader], before + 2);
    await live(leader);
    expect(streams.has(leader)).toBe(false);

    // The one that leads is closed: the lock goes on by itself.
    const [next] = streams;
    streams.clear();
    await next?.close();
    const rest = pages.filter((page) => page !== next);
    await until('a third page leads', () => streams.size === 1);
    for (const page of rest) await live(page);
    again(162);
    await reaches(rest, before + 3);
    await context.close();
  }, 180_000);

  test('where the service has no stream left, the page says so, and is asked for all the same', async () => {
    const ended = new AbortController();
    const open = () => fetch(`${running.url}/v1/events`, { signal: ended.signal });
    // Kept: one that nobody holds any more would be closed.
    const taken = (await Promise.all(Array.from({ length: STREAMS_MAX }, open))).filter(({ ok }) => ok);
    // Those of pages that were closed a moment ago end when the service sees it.
    await until('every stream is taken', async () => {
      const one = taken.length < STREAMS_MAX ? await open() : null;
      if (one?.ok === true) taken.push(one);
      return taken.length === STREAMS_MAX;
    });
    const { page, wrong } = await openPage(browser);
    await page.goto(`${running.url}/${OVERVIEW}`);
    await page.getByRole('status').filter({ hasText: 'every stream of the service is taken' }).waitFor();
    await settled(page);
    expect(await sentence(page)).toMatch(/^Records may be lost: /);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    }
    expect(wrong).toEqual([]);
    expect(taken).toHaveLength(STREAMS_MAX);
    ended.abort();
    await page.context().close();
  }, 60_000);

  test('a lost service: what is shown stays, with its age; an upgraded one says that the page is old', async () => {
    const path = join(folder.path, 'upgraded.db');
    seedStory(path);
    let service = await startService({ storePath: path, version: '1.0.0' });
    const { port } = service;
    const { page, wrong } = await openPage(browser);
    await page.goto(`${service.url}/${OVERVIEW}`);
    await settled(page);
    await live(page);
    const before = await sentence(page);
    await service.service.close();
    await page
      .getByRole('status')
      .filter({ hasText: /not connected.*last answer \d\d:\d\d:\d\d/ })
      .waitFor();
    await page
      .getByRole('alert')
      .filter({ hasText: /This is the answer of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d .*; the next one failed/ })
      .first()
      .waitFor();
    expect(await sentence(page)).toBe(before);
    expect(await page.locator('.figures').count()).toBe(1);
    service = await startService({ storePath: path, listenPort: port, version: '1.1.0' });
    await live(page);
    await page.getByText('The service is Dupescope 1.1.0 now; this page is of 1.0.0.').waitFor();
    await until('nothing is wrong any more', async () => (await page.locator('.trouble').count()) === 0);
    await page.getByRole('button', { name: 'Reload the page' }).click();
    await live(page);
    await settled(page);
    expect(await page.locator('.notice').count()).toBe(0);
    expect(wrong).toEqual([]);
    await page.context().close();
    await service.service.close();
  }, 120_000);

  test('an answer that fails is told, never taken for nothing; and it heals', async () => {
    const { page } = await openPage(browser);
    const fail = (route: Route) => route.fulfill({ status: 500, body: 'no' });
    await page.route('**/v1/totals*', fail);
    await page.goto(`${running.url}/${OVERVIEW}`);
    await until('it is told', async () => (await sentence(page)) !== 'Asking…');
    expect(await sentence(page)).toBe('What was delivered again is not known: The service answered 500.');
    await page.unroute('**/v1/totals*');
    again(163);
    await until('it heals', async () => /^Records may be lost/.test((await sentence(page)) ?? ''), 30_000);
    const before = await sentence(page);
    await page.route('**/v1/{totals,incidents,timeseries,summary}*', fail);
    again(164);
    await page.getByRole('alert').filter({ hasText: 'the next one failed' }).first().waitFor();
    expect(await sentence(page)).toBe(before);
    await page.unroute('**/v1/{totals,incidents,timeseries,summary}*');
    again(165);
    await until('nothing is wrong', async () => (await page.locator('.trouble').count()) === 0, 30_000);
    await page.context().close();
  }, 120_000);

  test('a question that hangs is ended, and asked again', async () => {
    const { page } = await openPage(browser);
    // A tenth of the time that the page gives an answer.
    await page.addInitScript(`(() => {
      const whole = AbortSignal.timeout.bind(AbortSignal);
      AbortSignal.timeout = (ms) => whole(ms / 10);
    })()`);
    let asked = 0;
    let holds = true;
    await page.route('**/v1/groups?order=worst&limit=12', async (route) => {
      asked++;
      if (!holds) await route.continue();
    });
    await page.goto(`${running.url}/${OVERVIEW}`);
    const groups = page.locator('.panel', { has: page.getByRole('heading', { name: 'Groups' }) });
    await groups.getByRole('alert').filter({ hasText: 'did not answer within 30 s' }).waitFor();
    holds = false;
    again(166);
    await groups.getByRole('link', { name: 'audit' }).waitFor();
    expect(asked).toBeGreaterThan(1);
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await page.context().close();
  }, 60_000);

  test('a screen that cannot be drawn says so; the others go on', async () => {
    const { page } = await openPage(browser);
    await page.route('**/v1/summary', (route) => route.fulfill({ json: { groups: 1 } }));
    await page.goto(`${running.url}/${OVERVIEW}`);
    const told = page.getByRole('alert').filter({ hasText: 'This screen could not be drawn.' });
    await told.waitFor();
    await told.getByRole('button', { name: 'Reload the page' }).waitFor();
    await page.getByRole('link', { name: 'Groups', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Groups' }).waitFor();
    expect(await told.count()).toBe(0);
    await page.unroute('**/v1/summary');
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.locator('.figures').waitFor();
    await page.context().close();
  }, 60_000);

  test.each([-3, 3])(
    'on a machine whose clock is %i h away, the chart ends at the service’s now',
    async (hours) => {
      const minute = Math.floor(Date.now() / 60_000) - 3;
      const { grp, topic } = seed.db.prepare('SELECT grp, topic FROM rollup_minute LIMIT 1').get() as {
        grp: number;
        topic: number;
      };
      seed.db
        .prepare(
          'INSERT INTO rollup_minute VALUES (?, ?, ?, 7, 0, 0) ON CONFLICT DO UPDATE SET deliveries = 7',
        )
        .run(grp, topic, minute);
      const { page } = await openPage(browser);
      await page.clock.setFixedTime(Date.now() + hours * 3_600_000);
      await page.goto(`${running.url}/#/?since=15m&tz=utc`);
      await settled(page);
      const chart = page.getByRole('slider');
      const { deliveries } = await json<Totals>(running.port, '/v1/totals?since=15m&step=1m');
      expect(deliveries).toBeGreaterThanOrEqual(7);
      await until('every step is in the chart', async () =>
        ((await chart.getAttribute('aria-label')) ?? '').startsWith(
          `Chart over time: ${deliveries} deliveries`,
        ),
      );
      await page.context().close();
    },
    60_000,
  );
});
