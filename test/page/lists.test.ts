/** Whatever there is more of than one answer holds is reached, page by page, and the way back stays on the page. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Group, Page as ListPage } from '../../src/service/schemas';
import { json, type Running, startService } from '../service/running';
import { temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { describeInBrowser, launch, openPage, settled } from './browser';
import { FINDINGS, GROUPS, INCIDENTS, REDELIVERIES, seedMany, WORST } from './seed-many';

const folder = temporaryFolder();
const storePath = join(folder.path, 'many.db');
let running: Running;
let browser: Browser;

describeInBrowser('lists', () => {
  beforeAll(async () => {
    seedMany(storePath);
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
