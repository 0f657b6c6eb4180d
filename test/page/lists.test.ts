/** Whatever there is more of than one answer holds is reached, page by page, and the way back stays on the page. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Group, Incident, Page as ListPage, Totals } from '../../src/service/schemas';
import { ask, fixedLag, json, type Running, startService } from '../service/running';
import { temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { describeInBrowser, launch, openPage, settled } from './browser';
import { FINDINGS, GROUPS, INCIDENTS, LATER, MINUTES, REDELIVERIES, seedMany, WORST } from './seed-many';

const folder = temporaryFolder();
const storePath = join(folder.path, 'many.db');
let running: Running;
let browser: Browser;

describeInBrowser('lists', () => {
  beforeAll(async () => {
    seedMany(storePath);
    const [known] = fixedLag().all();
    if (known === undefined) throw new Error('There is no lag.');
    const late = { ...known, group: WORST, seconds: 90 };
    running = await startService({ storePath, lag: { ...fixedLag(), all: () => [late] } });
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
  const rows = (page: Page, label: string) =>
    page.getByRole('region', { name: label, exact: true }).locator('tbody tr');
  /** Each row by what is copied of it. */
  const places = (page: Page) =>
    page.locator('tbody tr .place:first-child .num').allTextContents() as Promise<string[]>;
  const turn = async (page: Page, button: string) => {
    const before = await places(page);
    await page.getByRole('button', { name: button }).click();
    await until('another page is shown', async () => {
      await settled(page);
      const now = await places(page);
      return now.length > 0 && now[0] !== before[0];
    });
    return places(page);
  };

  test('redeliveries: every page forward and back, after a reload too; each record once', async () => {
    const { page, wrong } = await openPage(browser);
    await visit(page, '#/redeliveries?since=6h');
    const first = await places(page);
    expect(await page.getByRole('button', { name: 'Previous page' }).count()).toBe(0);
    const second = await turn(page, 'Next page');
    const third = await turn(page, 'Next page');
    const all = [...first, ...second, ...third];
    expect([first.length, second.length, third.length]).toEqual([100, 100, REDELIVERIES - 200]);
    expect(new Set(all).size).toBe(REDELIVERIES);
    await page.getByText('the last page').waitFor();
    expect(await page.getByRole('button', { name: 'Next page' }).count()).toBe(0);

    await page.reload();
    await settled(page);
    expect(await turn(page, 'Previous page')).toEqual(second);
    expect(await turn(page, 'Previous page')).toEqual(first);
    expect(page.url()).not.toContain('cursor=');
    // The browser's own way leads over the same steps.
    await page.goBack();
    await until('the page before it', async () => (await places(page))[0] === second[0]);
    expect(await turn(page, 'First page')).toEqual(first);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('an address that was sent shows its page; nothing there leads away from Dupescope', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/redeliveries?since=6h');
    const first = await places(page);
    const second = await turn(page, 'Next page');
    const { page: other } = await openPage(browser);
    await other.goto('about:blank');
    await other.goto(page.url());
    await settled(other);
    expect(await places(other)).toEqual(second);
    // It is not known what came before: there is no way back but to the first one.
    expect(await other.getByRole('button', { name: 'Previous page' }).count()).toBe(0);
    await turn(other, 'Next page');
    expect(await turn(other, 'Previous page')).toEqual(second);
    expect(await turn(other, 'First page')).toEqual(first);
    await other.context().close();
    await page.context().close();
  });

  test('a filter begins at its first page', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/redeliveries?since=6h');
    const first = await places(page);
    await turn(page, 'Next page');
    await page.getByLabel('Cause').selectOption('unknown');
    await until('the first page', async () => (await places(page))[0] === first[0]);
    expect(page.url()).not.toContain('cursor=');
    expect(await page.getByRole('button', { name: 'Previous page' }).count()).toBe(0);
    await page.context().close();
  });

  test.each([
    ['redelivery', 'Redeliveries', 'Redeliveries', REDELIVERIES],
    ['rewind', 'Rewinds', 'Rewinds', FINDINGS],
    ['premature_commit', 'Committed before they were handled', 'What may be lost', FINDINGS],
    ['skip', 'Committed and never delivered', 'What may be lost', FINDINGS],
    ['stalled_commits', 'Handled with nothing committed', 'What may be lost', FINDINGS],
    ['duplicate', 'Duplicates', 'Duplicates', FINDINGS],
  ] as const)('all of an incident is reached: %s', async (kind, title, label, count) => {
    const { page, wrong } = await openPage(browser);
    // A time in which nothing lies: all of an incident is all of it.
    await visit(page, `#/incidents/${INCIDENTS[kind]}?since=1m`);
    expect(await rows(page, label).count()).toBe(20);
    const panel = page.locator('.panel', { has: page.getByRole('heading', { name: title, exact: true }) });
    await panel.getByRole('link', { name: 'All of this incident' }).click();
    await page.waitForURL(/incident=/);
    await settled(page);
    let seen = 0;
    for (;;) {
      await until('rows are there', async () => (await rows(page, label).count()) > 0);
      seen += await rows(page, label).count();
      const next = page.getByRole('button', { name: 'Next page' });
      if ((await next.count()) === 0) break;
      const shown = await page.locator('tbody').textContent();
      await next.click();
      await until('the next page', async () => (await page.locator('tbody').textContent()) !== shown);
      await settled(page);
    }
    expect(seen).toBe(count);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('from one kind of finding to the next, the group stays; hits are listed too', async () => {
    const { page } = await openPage(browser);
    await visit(page, `#/redeliveries?since=6h&group=${WORST}`);
    const tabs = page.getByRole('navigation', { name: 'Findings' });
    for (const [tab, label] of [
      ['Rewinds', 'Rewinds'],
      ['Skipped', 'What may be lost'],
      ['Hits', 'Hits'],
    ] as const) {
      await tabs.getByRole('link', { name: tab, exact: true }).click();
      await rows(page, label).first().waitFor();
      expect(await rows(page, label).count()).toBe(100);
      expect(page.url()).toContain(`group=${WORST}`);
      expect(await tabs.locator('[aria-current=page]').textContent()).toBe(tab);
    }
    await page.context().close();
  });

  test('of many groups the overview shows the worst, whatever its name, and all are reached', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/?since=6h');
    expect(await rows(page, 'Groups').count()).toBe(12);
    expect(await rows(page, 'Groups').first().locator('td').first().textContent()).toBe(WORST);
    // In records and in time, of the group and of all.
    const head = await page.getByRole('region', { name: 'Groups' }).locator('th').allTextContents();
    const lag = rows(page, 'Groups').first().locator('td').nth(head.indexOf('Lag'));
    expect(await lag.textContent()).toBe('100 records, 1 min 30 s');
    const figure = page.locator('.figure', { has: page.getByText('Consumer lag', { exact: true }) });
    expect(await figure.locator('.note').textContent()).toBe('records, 1 min 30 s');
    await page.getByText(`${GROUPS - 12} more:`).waitFor();
    await page.getByRole('link', { name: 'all groups' }).click();
    await page.waitForURL(/order=worst/);
    const names = async () => rows(page, 'Groups').locator('td:first-child').allTextContents();
    const seen: string[] = [];
    for (let shown = 0; shown < 3; shown++) {
      await until('another page of groups', async () => {
        const now = await names();
        return now.length > 0 && !seen.includes(now[0] as string);
      });
      seen.push(...(await names()));
      if (shown < 2) await page.getByRole('button', { name: 'Next page' }).click();
    }
    const { items } = await json<ListPage<Group>>(running.port, '/v1/groups?order=worst&limit=1000');
    expect(seen).toEqual(items.map(({ group }) => group));
    expect(seen).toHaveLength(GROUPS);
    await page.context().close();
  });

  test('however many groups and incidents there are, the sentence tells the worst, and what may be lost', async () => {
    // A point a step and group is more than an answer holds: what the sentence asks for is not.
    const points = await ask(running.port, '/v1/timeseries?since=2h&step=1m&by=group');
    expect([points.status, points.text]).toEqual([400, expect.stringContaining('points')]);
    const totals = await json<Totals>(running.port, '/v1/totals?since=2h&step=1m');
    expect(totals).toMatchObject({
      deliveries: (GROUPS - 1) * MINUTES + 1_000,
      redeliveries: REDELIVERIES,
      hits: FINDINGS,
      groups_reading: GROUPS,
      groups_again: 1,
    });
    expect(totals.worst).toHaveLength(10);
    // Whole hours are read from another table, and say the same.
    const hours = [-4, 1].map((hour) => (Math.floor(Date.now() / 3_600_000) + hour) * 3_600_000);
    const [from, to] = hours.map((at) => new Date(at).toISOString());
    const [byMinute, byHour] = await Promise.all(
      ['1m', '60m'].map((step) =>
        json<Totals>(running.port, `/v1/totals?since=${from}&until=${to}&step=${step}`),
      ),
    );
    expect(byHour).toEqual(byMinute);
    expect(byHour?.redeliveries).toBe(REDELIVERIES);
    expect(totals.worst[0]).toMatchObject({ group: WORST, redeliveries: REDELIVERIES });

    const { page, wrong } = await openPage(browser);
    // Before the incidents.
    await visit(page, '#/?since=6h&until=1m');
    const sentence = page.locator('.sentence');
    expect(await sentence.textContent()).toMatch(
      new RegExp(`^${WORST} got ${REDELIVERIES} records again between those times; `),
    );
    // The sentence's range and the chart's are one.
    const legend = page.locator('.legend li', { hasText: 'Redeliveries' }).locator('.num');
    expect(await legend.textContent()).toBe(String(REDELIVERIES));

    const { items } = await json<ListPage<Incident>>(running.port, '/v1/incidents?since=6h&limit=200');
    expect(items.filter(({ kind }) => kind === 'premature_commit' || kind === 'skip')).toEqual([]);
    await visit(page, '#/?since=6h');
    await until('what may be lost is told', async () =>
      /^Records may be lost: .* and 1 more incident of the kind\.$/.test(
        (await sentence.textContent()) ?? '',
      ),
    );
    await page.getByText('The latest 200 incidents are marked; there are more within this time.').waitFor();
    const open = page.getByRole('link', { name: `${LATER + Object.keys(INCIDENTS).length} open now` });
    expect(await open.getAttribute('href')).toContain('state=open');
    const panel = page.locator('.panel', {
      has: page.getByRole('heading', { name: 'Incidents', exact: true }),
    });
    await panel.getByRole('heading', { name: 'Open', exact: true }).waitFor();
    expect(await panel.locator('.incidents > li').count()).toBe(8);
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('a group is found by its name however many stand before it', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/health');
    for (const name of [WORST, 'group-228']) {
      await page.keyboard.press('/');
      await page.keyboard.type(name);
      await page.keyboard.press('Enter');
      await page.getByRole('heading', { level: 1, name }).waitFor();
    }
    await page.context().close();
  });
});
