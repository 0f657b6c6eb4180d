/**
 * How long news takes to an open screen, stage by stage, on one clock:
 *
 *     handled (the handler got the record again) -> left (the service's event of it was sent) -> shown
 *
 * What lies before `left` is the observed application's and the ledger's: journal, the turn of the writer, the look
 * for what is new. What lies after it is the page's: its pause between two looks, its questions, the drawing.
 */
import type { Browser, Page } from 'playwright-core';
import { EventStreamReader } from '../../src/page/logic/event-stream';
import type { Redelivery, Summary } from '../../src/service/schemas';
import { until } from '../support/broker';

export interface News {
  /** Unix ms. */
  handled: number;
  left: number;
  shown: number;
}

/** More than that a machine that only waits does not take: what is later still is ours. */
const LATE_MAX_MS = 8_000;

/**
 * What the machine takes: a page of its own, with nothing to do but to tick, and how late its ticks come. On a machine
 * with 20 programs for a core each of the three that news goes through (service, browser, page) waits at least as long,
 * and no pause of ours is too long for that. Nearly 0 where the machine has time: there the bound is the bare one.
 */
export class IdlePage {
  private constructor(private readonly page: Page) {}

  static async open(browser: Browser): Promise<IdlePage> {
    const page = await (await browser.newContext()).newPage();
    await page.evaluate(`(() => {
      let last = Date.now();
      window.late = [];
      setInterval(() => {
        const now = Date.now();
        window.late.push([now, now - last - 20]);
        last = now;
      }, 20);
    })()`);
    return new IdlePage(page);
  }

  /** In ms, of the time from `from` to `to` (unix ms); LATE_MAX_MS at most. */
  async lateWithin(from: number, to: number): Promise<number> {
    const late = await this.page.evaluate<number>(
      `window.late.reduce((sum, [at, ms]) => sum + (at > ${from} && at <= ${to} ? Math.max(0, Math.min(ms, at - ${from})) : 0), 0)`,
    );
    return Math.min(late, LATE_MAX_MS);
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}

/** Of the overview. */
const REDELIVERIES = `(() => {
  const figure = [...document.querySelectorAll('.figure')].find((one) => one.textContent.includes('Redeliveries'));
  return Number(figure?.querySelector('.value')?.textContent.replaceAll(',', ''));
})()`;

/**
 * Has the page itself note when a number on its screen changes. To ask it from here every few ms takes a good part of a
 * small machine, from the page and from the service, and sees a change later than it came.
 *
 * @param value an expression of the page
 */
export async function noteChanges(page: Page, value: string): Promise<void> {
  await page.evaluate(`(() => {
    const look = () => {
      const value = ${value};
      if (value !== window.shown.at(-1)?.[0]) window.shown.push([value, Date.now()]);
    };
    window.shown = [];
    look();
    new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
  })()`);
}

/** Unix ms when the number was first so high; null: not yet. */
export async function whenShown(page: Page, value: number): Promise<number | null> {
  return page.evaluate<number | null>(`window.shown.find(([value]) => value >= ${value})?.[1] ?? null`);
}

/** @param page an open overview; @param count so many events, of different times, are followed to the screen */
export async function newsToScreen(page: Page, url: string, count: number, limitMs: number): Promise<News[]> {
  await noteChanges(page, REDELIVERIES);
  const ended = new AbortController();
  const found: { handled: number; left: number; total: number }[] = [];
  const reading = follow(url, ended.signal, async (event, left) => {
    // With it in the total: the screen shows it when it shows so many.
    const { redeliveries } = (await (await fetch(`${url}/v1/summary`)).json()) as Summary;
    if (redeliveries > (found.at(-1)?.total ?? 0)) {
      found.push({ handled: Date.parse(event.at), left, total: redeliveries });
    }
  });
  try {
    await until(`${count} redeliveries came`, () => found.length >= count, limitMs);
  } finally {
    ended.abort();
    await reading;
  }
  const last = found.at(-1)?.total ?? 0;
  await until('the last of them is shown', async () => (await whenShown(page, last)) !== null, limitMs);
  return Promise.all(
    found.map(async ({ handled, left, total }) => ({
      handled,
      left,
      shown: (await whenShown(page, total)) as number,
    })),
  );
}

/** The first redelivery of each piece that the stream brings; those that grow are known. */
async function follow(
  url: string,
  ended: AbortSignal,
  onNew: (event: Redelivery, left: number) => Promise<void>,
): Promise<void> {
  try {
    const { body } = await fetch(`${url}/v1/events`, { signal: ended });
    if (body === null) throw new Error('the stream is empty');
    const events = new EventStreamReader();
    const known = new Set<number>();
    for await (const piece of body.pipeThrough(new TextDecoderStream())) {
      const left = Date.now();
      const redeliveries = events
        .read(piece)
        .filter(({ event }) => event === 'redelivery')
        .map(({ data }) => JSON.parse(data) as Redelivery);
      const fresh = redeliveries.find(({ id }) => !known.has(id));
      for (const { id } of redeliveries) known.add(id);
      if (fresh !== undefined) await onNew(fresh, left);
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  }
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
