/** What stands where there is nothing to show: empty states with the next step, the token's form; and copying. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type Running, startService } from '../service/running';
import { Seed, seedStory, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { axeFindings } from './axe';
import { describeInBrowser, launch, openPage, settled } from './browser';

const TOKEN = 'a-token-of-the-page';
const folder = temporaryFolder();
const emptyPath = join(folder.path, 'empty.db');
const storyPath = join(folder.path, 'story.db');

const WATCH = 'dupescope serve --brokers localhost:9092';
const OBSERVE = "dupescope serve --brokers localhost:9092 --topics 'orders,payments.*'";
const INSTRUMENT = /^DUPESCOPE_SERVICE=http:\/\/127\.0\.0\.1:\d+ node --require dupescope\/register app\.js$/;
/** Screens of an empty store: what their first empty state says, and every line to copy. */
const EMPTY = [
  ['#/', /^To see every delivery exactly, start a kafkajs consumer/, [INSTRUMENT, OBSERVE, INSTRUMENT]],
  ['#/groups', /^No group is known yet/, [INSTRUMENT, WATCH]],
  ['#/incidents', /^None within this time and these filters/, []],
  ['#/redeliveries', /^None within this time and these filters/, [INSTRUMENT]],
  ['#/findings/rewinds', /^None within this time and these filters/, []],
  ['#/records/orders/0/1', /^Deliveries are seen of instrumented consumers/, [INSTRUMENT, OBSERVE]],
  ['#/identities/order-1', /^Ids are known of topics that are observed/, [OBSERVE]],
  ['#/topics', /^Name topics to find what was written to them more than once/, [OBSERVE]],
  ['#/health', /^No topic is observed/, [OBSERVE, WATCH]],
] as const;

let empty: Running;
let browser: Browser;

describeInBrowser('states', () => {
  beforeAll(async () => {
    new Seed(emptyPath).close();
    seedStory(storyPath);
    empty = await startService({ storePath: emptyPath });
    browser = await launch();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await empty?.service.close();
    folder.remove();
  });

  const fits = async (page: Page, width: number) => {
    await page.setViewportSize({ width, height: 900 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(await axeFindings(page)).toEqual([]);
  };

  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    test.each(EMPTY)('%s of an empty store says what to do next', async (hash, words, lines) => {
      const { page, wrong } = await openPage(browser, { colorScheme });
      await page.goto(`${empty.url}/${hash}`);
      await settled(page);
      const first = page.locator('.empty').first();
      await first.waitFor();
      expect(await first.locator('p').first().textContent()).toMatch(words);
      const shown = await page.locator('.empty .line code').allTextContents();
      expect(shown).toEqual(
        lines.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line))),
      );
      await fits(page, 1280);
      await fits(page, 360);
      expect(wrong).toEqual([]);
      await page.context().close();
    });

    test('a service with a token asks for it, once a tab', async () => {
      const guarded = await startService({ storePath: emptyPath, token: TOKEN });
      const { page, wrong } = await openPage(browser, { colorScheme });
      await page.goto(guarded.url);
      await page.getByLabel('Token').waitFor();
      await fits(page, 360);
      await page.getByLabel('Token').fill('another-token');
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByText('The service refused that token').waitFor();
      await fits(page, 1280);
      await page.getByLabel('Token').fill(TOKEN);
      await page.getByRole('button', { name: 'Open' }).click();
      await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
      await page.reload();
      await page.locator('.figures').first().waitFor();
      // A consumer needs it as well.
      const line = await page.locator('.empty .line code').first().textContent();
      expect(line).toBe(
        `DUPESCOPE_SERVICE=${guarded.url} DUPESCOPE_TOKEN_FILE=./dupescope.token node --require dupescope/register app.js`,
      );
      expect(wrong).toEqual([]);
      await page.context().close();
      await guarded.service.close();
    });
  });

  test('where there is no store yet, it says how one comes to be', async () => {
    const missing = await startService({ storePath: join(folder.path, 'missing.db') });
    const { page } = await openPage(browser);
    await page.goto(`${missing.url}/`);
    await page.getByText('Start an instrumented consumer').first().waitFor();
    await page.context().close();
    await missing.service.close();
  });

  test.each([
    ['on loopback, where a page may write to the clipboard', '127.0.0.1', true],
    ['over plain HTTP from elsewhere, where it may not', 'dupescope.test', false],
  ])('places are copied: %s', async (_name, host, isSecure) => {
    const story = await startService({ storePath: storyPath, allowedHosts: ['dupescope.test'] });
    const own = await launch(['--host-resolver-rules=MAP dupescope.test 127.0.0.1']);
    const { page, wrong } = await openPage(own);
    if (isSecure) await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto(`http://${host}:${story.port}/#/records/orders/0/160?since=6h`);
    await settled(page);
    expect(await page.evaluate('[isSecureContext, navigator.clipboard !== undefined]')).toEqual([
      isSecure,
      isSecure,
    ]);
    const copied = async (button: string) => {
      await page.getByRole('button', { name: button, exact: true }).first().click();
      await page.getByRole('button', { name: 'Copied' }).first().waitFor();
      // As a person sees it: pasted.
      const field = page.locator('input[name=q]');
      await field.fill('');
      await field.press('ControlOrMeta+v');
      let text = '';
      await until('it is pasted', async () => {
        text = await field.inputValue();
        return text !== '';
      });
      return text;
    };
    expect(await copied('Copy the place')).toBe('orders/0/160');
    await page.goto(`http://${host}:${story.port}/#/incidents/1?since=6h`);
    await settled(page);
    expect(await copied('Copy the place 150–199')).toBe('orders/0/150-199');
    await own.close();
    await story.service.close();
    // Chromium says of plain HTTP that it takes no header of this kind from there.
    expect(wrong.filter((line) => !line.includes('Cross-Origin-Opener-Policy'))).toEqual([]);
  });
});
