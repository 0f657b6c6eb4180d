/**
 * How long news takes to an open screen, stage by stage, on one clock:
 *
 *     handled (the handler got the record again) -> left (the service's event of it was sent) -> shown
 *
 * What lies before `left` is the observed application's and the ledger's: journal, the turn of the writer, the look
 * for what is new. What lies after it is the page's: its pause between two looks, its questions, the drawing.
 */
import type { Page } from 'playwright-core';
import { EventStreamReader } from '../../src/page/logic/event-stream';
import type { Redelivery, Summary } from '../../src/service/schemas';
import { until } from '../support/broker';

export interface News {
  /** Unix ms. */
  handled: number;
  left: number;
  shown: number;
}

/** Notes each value of the overview's figure when it comes to the screen. */
const NOTE_VALUES = `(() => {
  const look = () => {
    const figure = [...document.querySelectorAll('.figure')].find((one) => one.textContent.includes('Redeliveries'));
    const value = Number(figure?.querySelector('.value')?.textContent.replaceAll(',', ''));
    if (value !== window.shown.at(-1)?.[0]) window.shown.push([value, Date.now()]);
  };
  window.shown = [];
  look();
  new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true });
})()`;

/** @param page an open overview; @param count so many events, of different times, are followed to the screen */
export async function newsToScreen(page: Page, url: string, count: number, limitMs: number): Promise<News[]> {
  await page.evaluate(NOTE_VALUES);
  const ended = new AbortController();
  const found: { handled: number; left: number; total: number }[] = [];
  const reading = follow(url, ended.signal, async (event, left) => {
    // With it in the total: the screen shows it when it shows so many.
    const { redeliveries } = (await (await fetch(`${url}/v1/summary`)).json()) as Summary;
    if (redeliveries > (found.at(-1)?.total ?? 0)) {
      found.push({ handled: Date.parse(event.at), left, total: redeliveries });
    }
  });
  let shown: [number, number][] = [];
  const whenShown = (total: number) => shown.find(([value]) => value >= total)?.[1];
  try {
    await until(
      `${count} redeliveries came and are shown`,
      async () => {
        shown = await page.evaluate<[number, number][]>('window.shown');
        return found.length >= count && found.every(({ total }) => whenShown(total) !== undefined);
      },
      limitMs,
    );
  } finally {
    ended.abort();
    await reading;
  }
  return found.map(({ handled, left, total }) => ({ handled, left, shown: whenShown(total) as number }));
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
