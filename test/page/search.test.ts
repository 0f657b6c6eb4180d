/** Search from every screen leads to the thing itself, also where its name stands on two clusters. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type Running, startService } from '../service/running';
import { Seed, seedStory, temporaryFolder } from '../service/seed';
import { describeInBrowser, launch, openPage, settled } from './browser';
import { SCREENS } from './screens';

/** As long as Kafka takes the name of a group. */
const LONGEST = `g-${'x'.repeat(32_765)}`;

const folder = temporaryFolder();
const storePath = join(folder.path, 'search.db');
let running: Running;
let browser: Browser;
let page: Page;

describeInBrowser('search', () => {
  beforeAll(async () => {
    seedStory(storePath);
    // Read by an instrumented group, and observed by nobody.
    const seed = new Seed(storePath);
    const cluster = seed.cluster('c3');
    const topic = seed.topic(cluster, 'parcels', null);
    const group = seed.group(cluster, 'sorting');
    const gp = seed.place(group, topic, 0, { deliveries: 2, redeliveries: 1 });
    const session = seed.session(group, 'e', Date.now() - 5_000);
    const run = seed.run(gp, session, { first: 0, last: 0, at: Date.now() - 4_000 });
    seed.redelivery(gp, run, run, { first: 0, last: 0, at: Date.now() - 3_000 });
    seed.group(cluster, LONGEST);
    // An id that looks like the place of a record.
    const copy = seed.db.prepare('SELECT * FROM duplicate WHERE id = 1').get() as Record<string, string>;
    seed.row('duplicate', {
      ...copy,
      id: 9,
      identity: 'tenant:42:1001',
      record_offset: 130,
      previous_offset: 30,
    });
    seed.close();
    running = await startService({ storePath });
    browser = await launch();
    ({ page } = await openPage(browser));
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await running?.service.close();
    folder.remove();
  });

  const visit = async (hash: string) => {
    await page.goto(`${running.url}/${hash}`);
    await settled(page);
  };
  const search = async (typed: string) => {
    await page.keyboard.press('/');
    await page.keyboard.type(typed);
    await page.keyboard.press('Enter');
  };
  const heading = (name: string | RegExp) => page.getByRole('heading', { level: 1, name }).waitFor();

  test.each(SCREENS)('from %s, by keyboard', async (_name, hash) => {
    await visit(hash);
    await search('orders/0/121');
    await heading(/^Record orders\/0\/121/);
    await page.goBack();
    await page.waitForURL(`${running.url}/${hash}`);
    await search('audit');
    await heading(/^audit/);
    // From the group's own screen the heading is no news.
    await page.waitForURL(/cluster=c1/);
  });

  test.each([
    ['order-20', /^Message order-20/],
    ['#1', /billing got 50 records again/],
    [' orders:0:120 ', /^Record orders\/0\/120/],
    ['=cmd()', /^=cmd\(\)/],
    ['no such thing', /^Message no such thing/],
  ])('%j leads to its screen', async (typed, name) => {
    await visit('#/health');
    await search(typed);
    await heading(name);
    await page.goBack();
    await heading('Health');
  });

  test('a name of any length is searched for whole', async () => {
    await visit('#/health');
    const field = page.locator('input[name=q]');
    await field.fill(LONGEST);
    await field.press('Enter');
    await heading(/^g-x+/);
    expect(new URL(page.url()).hash.split('?')[0]).toBe(`#/groups/${LONGEST}`);
    await settled(page);
    expect(await page.locator('.trouble').count()).toBe(0);
  });

  test('an id that looks like a place leads to its message, or to both', async () => {
    await visit('#/health');
    // There is such a message, and no such record.
    await search('tenant:42:1001');
    await heading(/^Message tenant:42:1001/);
    await settled(page);
    await page.getByRole('link', { name: 'record tenant/42/1001' }).click();
    await heading(/^Record tenant\/42\/1001/);
    // Neither is known: both are offered.
    for (const [typed, record] of [
      ['order:7:1042', 'order/7/1042'],
      ['inv-2026/17', 'inv/2026/17'],
    ] as const) {
      await search(typed);
      await heading(new RegExp(`^Record ${record}`));
      const panel = page.locator('.panel', { has: page.getByRole('heading', { name: 'Not found' }) });
      await panel.getByRole('link', { name: `message ${typed}` }).click();
      await heading(`Message ${typed}`);
    }
    // A record that there is: the message of that id is offered beside it.
    await search('orders:0:120');
    await heading(/^Record orders\/0\/120/);
    await settled(page);
    expect(await page.getByRole('heading', { name: 'Not found' }).count()).toBe(0);
    await page.getByRole('link', { name: 'message orders:0:120' }).waitFor();
  });

  test('a group on two clusters: one of them is chosen', async () => {
    await visit('#/health');
    await search('billing');
    await heading('Groups');
    await settled(page);
    const links = page.getByRole('region', { name: 'Groups' }).getByRole('link', { name: 'billing' });
    expect(await links.count()).toBe(2);
    await links.last().click();
    await heading(/^billing/);
    expect(page.url()).toContain('cluster=c2');
    await settled(page);
    expect(await page.locator('.trouble').count()).toBe(0);
  });

  test('an address of a group without its cluster asks which one', async () => {
    await visit('#/groups/billing');
    await page.getByRole('heading', { name: 'On which cluster?' }).waitFor();
    await page.getByRole('link', { name: 'c2', exact: true }).click();
    await page.waitForURL(/cluster=c2/);
    await settled(page);
    expect(await page.locator('.trouble').count()).toBe(0);
  });

  test('a topic that is observed, and one that is only read', async () => {
    await visit('#/health');
    await search('orders');
    await heading('Topics');
    expect(page.url()).toContain('topic=orders');
    await page.getByRole('heading', { level: 2, name: /^orders/ }).waitFor();
    await search('parcels');
    await heading('Redeliveries');
    await settled(page);
    expect(page.url()).toContain('topic=parcels');
    expect(await page.locator('tbody tr').count()).toBe(1);
  });
});
