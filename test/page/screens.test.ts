import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { json, type Running, startService } from '../service/running';
import { Seed, seedStory, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { axeFindings } from './axe';
import { describeInBrowser, launch, openPage, settled } from './browser';
import { IdlePage, noteChanges, whenShown } from './to-screen';

const folder = temporaryFolder();
const storePath = join(folder.path, 'story.db');
const TOKEN = 'a-token-of-the-page';
let running: Running;
let browser: Browser;

const SCREENS = [
  ['overview', '#/?since=6h'],
  ['groups', '#/groups'],
  ['group', '#/groups/billing?cluster=c1&since=6h'],
  ['a watched group', '#/groups/audit?since=6h'],
  ['incidents', '#/incidents?since=6h'],
  ['incident: redelivery', '#/incidents/1'],
  ['incident: premature commit', '#/incidents/2'],
  ['incident: rewind', '#/incidents/5'],
  ['redeliveries', '#/redeliveries?since=6h'],
  ['record', '#/records/orders/0/160'],
  ['record with a copy', '#/records/orders/0/120'],
  ['identity', '#/identities/order-20'],
  ['identity that is not known', '#/identities/nobody'],
  ['topics', '#/topics?since=6h'],
  ['health', '#/health'],
  ['no such screen', '#/nowhere'],
] as const;

describeInBrowser('the screens', () => {
  beforeAll(async () => {
    seedStory(storePath);
    running = await startService({
      storePath,
      setup: {
        retention: { days: 30, bytes: 2 ** 31 },
        links: {
          grafana: 'https://grafana.example/d/x?var-group={group}&from={from}',
          traces: 'https://traces.example/{topic}/{partition}/{offset}',
        },
      },
    });
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

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    let view: Awaited<ReturnType<typeof openPage>>;
    beforeAll(async () => {
      view = await openPage(browser, { colorScheme });
    }, 60_000);
    afterAll(() => view?.page.context().close());

    test.each(SCREENS)(
      '%s: axe finds nothing serious, nothing goes wrong, nothing overflows',
      async (_name, hash) => {
        const { page, wrong } = view;
        await page.setViewportSize({ width: 1280, height: 900 });
        await visit(page, hash);
        expect(await axeFindings(page)).toEqual([]);
        for (const width of [360, 2560]) {
          await page.setViewportSize({ width, height: 900 });
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        }
        expect(wrong).toEqual([]);
      },
    );
  });

  test('the record shows written, delivered, committed, sought and caught', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/records/orders/0/160?cluster=c1&group=billing');
    const text = await page.locator('main').textContent();
    expect(text).toContain('Delivered 2 times, 1 caught by its own check');
    expect(text).toMatch(
      /Delivered, attempt 1: handled[\s\S]*Seek to offset 150[\s\S]*Delivered again, attempt 2/,
    );
    expect(text).toContain('recognised by its own check, not applied again');
    expect(text).toContain('Committed offset went back from 200 to offset 150');
    expect(await page.getByRole('link', { name: /Traces/ }).getAttribute('href')).toBe(
      'https://traces.example/orders/0/160',
    );
    await page.context().close();
  });

  test('search leads from any screen to records, messages, groups and incidents, by keyboard', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/health');
    for (const [typed, heading] of [
      ['orders/0/120', /^Record orders\/0\/120/],
      ['order-20', /^Message order-20/],
      ['billing', /^billing/],
      ['#1', /billing got 50 records again/],
    ] as const) {
      await page.keyboard.press('/');
      await page.keyboard.type(typed);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    }
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: /^billing/ }).waitFor();
    await page.context().close();
  });

  test('the state stands in the address: range, zone, filter and page; another browser shows the same', async () => {
    const { page } = await openPage(browser, { timezoneId: 'Asia/Kolkata' });
    await visit(page, '#/redeliveries?since=6h');
    const first = page.locator('tbody time').first();
    const local = await first.textContent();
    await page.getByLabel('Times in').selectOption('utc');
    await until('times are in UTC', async () => (await first.textContent()) !== local);
    await page.getByLabel('Cause').selectOption('unknown');
    await page.getByLabel('Time range').selectOption('24h');
    await settled(page);
    const hash = new URL(page.url()).hash;
    expect(Object.fromEntries(new URLSearchParams(hash.split('?')[1]))).toEqual({
      since: '24h',
      tz: 'utc',
      cause: 'unknown',
    });
    const { page: other } = await openPage(browser, { timezoneId: 'America/New_York' });
    await visit(other, hash);
    const rows = (at: Page) => at.locator('tbody').textContent();
    expect(await rows(other)).toBe(await rows(page));
    await page.context().close();
    await other.context().close();
  });

  test('what is seen can be saved as CSV and JSON', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/redeliveries?since=6h');
    for (const form of ['CSV', 'JSON']) {
      const download = page.waitForEvent('download');
      await page.getByRole('button', { name: form }).click();
      const saved = await (await download).createReadStream();
      let text = '';
      for await (const piece of saved) text += String(piece);
      expect((await download).suggestedFilename()).toBe(`dupescope-redeliveries.${form.toLowerCase()}`);
      expect(text).toContain('client-bb');
      if (form === 'JSON') expect(JSON.parse(text)).toHaveProperty('items');
      else expect(text.split('\r\n')[0]).toMatch(/^id,version,at,/);
    }
    await page.context().close();
  });

  test('a redelivery reaches an open screen; a lost connection is shown, and heals', async () => {
    const other = join(folder.path, 'live.db');
    seedStory(other);
    let service = await startService({ storePath: other });
    const { port } = service;
    const { page, wrong } = await openPage(browser);
    await page.goto(`${service.url}/#/redeliveries?since=6h&group=billing`);
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    const rows = page.locator('tbody tr');
    const before = await rows.count();
    const seed = new Seed(other);
    const again = (first: number) => {
      const {
        gp,
        run,
        previous_run: previous,
      } = seed.db.prepare('SELECT gp, run, previous_run FROM redelivery WHERE first = 150').get() as {
        gp: number;
        run: number;
        previous_run: number;
      };
      seed.redelivery(gp, run, previous, { first, last: first, at: Date.now() });
    };
    await noteChanges(page, "document.querySelectorAll('tbody tr').length");
    const idle = await IdlePage.open(browser);
    for (let i = 0; i < 5; i++) {
      again(160 + i);
      const written = Date.now();
      const shown = () => whenShown(page, before + i + 1);
      await until('the redelivery is shown', async () => (await shown()) !== null, 60_000);
      const at = (await shown()) as number;
      // Every one of them, from the moment when the store has it: the service looks for news every 0.1 s, the page
      // pauses up to 0.5 s, the rest is its questions; and what the machine took from a page with nothing to do.
      expect(at - written).toBeLessThan(2_000 + (await idle.lateWithin(written, at)));
    }

    await idle.close();
    await service.service.close();
    await page.getByRole('status').filter({ hasText: 'not connected' }).waitFor();
    again(170);
    service = await startService({ storePath: other, listenPort: port });
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    await until('what was missed is shown', async () => (await rows.count()) === before + 6, 60_000);
    await page.locator('.trouble').waitFor({ state: 'detached' });
    expect(wrong).toEqual([]);
    seed.close();
    await page.context().close();
    await service.service.close();
  }, 180_000);

  test('a service with a token asks for it, once a tab', async () => {
    const guarded = await startService({ storePath, token: TOKEN });
    const { page, wrong } = await openPage(browser);
    await page.goto(guarded.url);
    await page.getByLabel('Token').fill('another-token');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('The service refused that token').waitFor();
    expect(await axeFindings(page)).toEqual([]);
    await page.getByLabel('Token').fill(TOKEN);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
    await page.reload();
    await page.locator('.figures').first().waitFor();
    expect(wrong).toEqual([]);
    await page.context().close();
    await guarded.service.close();
  });

  test('empty states say what to do next, on a store that is new and where there is none', async () => {
    const empty = join(folder.path, 'empty.db');
    new Seed(empty).close();
    const fresh = await startService({ storePath: empty });
    const missing = await startService({ storePath: join(folder.path, 'missing.db') });
    const { page } = await openPage(browser);
    await page.goto(`${fresh.url}/`);
    await page.getByText('Nothing has been seen yet').waitFor();
    await page.getByText('node --require dupescope/register app.js').first().waitFor();
    for (const hash of ['#/groups', '#/topics', '#/incidents', '#/redeliveries', '#/health']) {
      await page.goto(`${fresh.url}/${hash}`);
      await settled(page);
      expect(await page.locator('.empty').count()).toBeGreaterThan(0);
      expect(await axeFindings(page)).toEqual([]);
    }
    await page.goto(`${missing.url}/`);
    await page.getByText('Start an instrumented consumer').first().waitFor();
    await page.context().close();
    await fresh.service.close();
    await missing.service.close();
  });

  test('what became of copies adds up to all of them, on the overview and for the group', async () => {
    const { page } = await openPage(browser);
    for (const [hash, path] of [
      ['#/?since=6h', '/v1/summary'],
      ['#/groups/billing?cluster=c1&since=6h', '/v1/groups/billing?cluster=c1'],
    ] as const) {
      await visit(page, hash);
      const told = await json<Record<string, number>>(running.port, path);
      const caught = page.locator('.figure', { has: page.getByText('Caught', { exact: true }) });
      const text = (await caught.locator('.note').textContent()) ?? '';
      expect(text).toMatch(/^\d+ applied again, 2 perhaps, \d+ failed$/);
      const numbers = [...text.matchAll(/\d+/g)].map(Number);
      const shown = numbers.reduce((sum, n) => sum + n, Number(await caught.locator('.value').textContent()));
      const copies = Number(told.redeliveries) + Number(told.duplicates_delivered);
      // 10 redeliveries of another group are in a handler now: in none of the four.
      expect(shown).toBe(path === '/v1/summary' ? copies - 10 : copies);
    }
    await page.context().close();
  });

  test('figures on the overview are those of the API', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/?since=6h');
    const summary = await json<{ deliveries: number; redeliveries: number; hits: number }>(
      running.port,
      '/v1/summary',
    );
    const figure = (name: string) =>
      page
        .locator('.figure', { has: page.getByText(name, { exact: true }) })
        .locator('.value')
        .textContent();
    expect(await figure('Deliveries')).toBe(summary.deliveries.toLocaleString('en-US'));
    expect(await figure('Redeliveries')).toBe(summary.redeliveries.toLocaleString('en-US'));
    expect(await figure('Caught')).toBe(String(summary.hits));
    await page.context().close();
  });
});
