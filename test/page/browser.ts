/** A real Chromium for the page's tests: CHROMIUM_PATH, or where distributions put it. */
import { accessSync, constants } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { until } from '../support/broker';

const PLACES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Null: there is none on this machine. */
export function chromiumPath(): string | null {
  const given = process.env.CHROMIUM_PATH;
  if (given !== undefined && given !== '') return given;
  const folders = (process.env.PATH ?? '').split(':').concat('/usr/bin');
  for (const name of PLACES) {
    const found = folders.map((folder) => join(folder, name)).find(isThere);
    if (found !== undefined) return found;
  }
  return null;
}

/** `describe` where there is a browser; else its tests count as skipped, and the name says why. */
export function describeInBrowser(name: string, tests: () => void): void {
  if (chromiumPath() !== null) describe(name, tests);
  else describe.skip(`${name} (NO CHROMIUM: set CHROMIUM_PATH or install the package chromium)`, tests);
}

export function launch(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath() ?? '',
    // Root has no sandbox; a container's /dev/shm is small.
    args: ['--disable-dev-shm-usage', ...(userInfo().uid === 0 ? ['--no-sandbox'] : []), ...more],
  });
}

/** A page that remembers what went wrong in it: errors, and whatever the policy refused. */
export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
): Promise<{ page: Page; wrong: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('dialog', (dialog) => {
    wrong.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    // A refused answer is shown by the page; Chromium tells of it besides.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      wrong.push(message.text());
    }
  });
  return { page, wrong };
}

/** Until no answer is awaited: each part of the screen says while it asks. */
export async function settled(page: Page): Promise<void> {
  await page.locator('main').waitFor();
  await until(
    'every part of the screen has its answer',
    async () => (await page.locator('.wait').count()) === 0,
    60_000,
  );
}
