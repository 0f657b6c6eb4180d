import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { FINDING_LISTS } from '../../src/page/logic/place';
import { causeWords, outcomeWords } from '../../src/page/logic/words';
import type {
  Identity,
  Page as ListPage,
  PrematureCommit,
  RecordHistory,
  Redelivery,
  Skip,
  StalledCommit,
} from '../../src/service/schemas';
import { Block, encodeBlock } from '../../src/store/identity/block';
import { ask, json, type Running, startService } from '../service/running';
import { BEGIN, Seed, seedStory, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { axeFindings } from './axe';
import { describeInBrowser, launch, openPage, settled } from './browser';
import { SCREENS } from './screens';
import { IdlePage, noteChanges, whenShown } from './to-screen';

const folder = temporaryFolder();
const storePath = join(folder.path, 'story.db');
let running: Running;
let browser: Browser;

describeInBrowser('the screens', () => {
  beforeAll(async () => {
    seedStory(storePath);
    seedTopicIncident(storePath);
    running = await startService({
      storePath,
      setup: {
        retention: { days: 30, bytes: 2 ** 31 },
        links: {
          grafana: 'https://grafana.example/d/x?var-group={group}&from={from}',
          traces: 'https://traces.example/{cluster}/{topic}/{partition}/{offset}',
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
        for (const width of [2560, 360]) {
          await page.setViewportSize({ width, height: 900 });
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        }
        // What is left out or folded there is looked at as it is there.
        expect(await axeFindings(page)).toEqual([]);
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
    await page.context().close();
  });

  test('each further delivery says why, as the API does, and leads to the incident', async () => {
    const { page } = await openPage(browser);
    for (const hash of [
      '#/records/orders/0/160?cluster=c1&group=billing',
      '#/records/orders/0/70?cluster=c1&group=billing',
      '#/identities/order-155',
    ]) {
      await visit(page, hash);
      const offset = hash.startsWith('#/identities') ? 155 : Number(/0\/(\d+)/.exec(hash)?.[1]);
      const { history } = await json<RecordHistory>(
        running.port,
        `/v1/records/orders/0/${offset}?cluster=c1`,
      );
      const again = history.flatMap(({ deliveries }) => deliveries).filter((one) => one.redelivery !== null);
      expect(again).toHaveLength(1);
      for (const { redelivery, attempt } of again) {
        // The other place of that message has a life of its own.
        const life = page.locator('.panel', {
          has: page.getByRole('heading', { name: new RegExp(`^(Life of 0/${offset}|Delivered .*)$`) }),
        });
        const step = life.locator('.life > li', { hasText: `Delivered again, attempt ${attempt}` });
        const why = step.locator('.why');
        expect(await why.locator('.cause').textContent()).toContain(causeWords(redelivery?.cause ?? ''));
        expect(await why.locator('.cause svg').count()).toBe(1);
        for (const line of redelivery?.because ?? []) expect(await why.textContent()).toContain(line);
        if (redelivery?.cause !== 'unknown') {
          expect(await why.locator('.tag').textContent()).toBe(redelivery?.certainty);
          expect(await why.locator('.advice').textContent()).toBe(redelivery?.advice);
        }
        const links = why.getByRole('link', { name: 'incident' });
        expect(await links.evaluateAll((all) => all.map((one) => one.getAttribute('href')))).toEqual(
          redelivery?.incident === null ? [] : [`#/incidents/${redelivery?.incident}`],
        );
      }
    }
    await page.context().close();
  });

  test('a row opens by keyboard: why, and the fate of the copy before, at any width; it leads to its incident', async () => {
    const { page, wrong } = await openPage(browser);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      await visit(page, '#/redeliveries?since=6h&cause=seek');
      const { items } = await json<ListPage<Redelivery>>(running.port, '/v1/redeliveries?cause=seek');
      const [told] = items;
      expect(items).toHaveLength(1);
      const row = page.getByRole('region', { name: 'Redeliveries' }).locator('tbody tr').first();
      expect(await row.getByText('Before that to').count()).toBe(0);
      const opener = row.getByRole('button', { name: 'Details' });
      await opener.focus();
      await page.keyboard.press('Enter');
      expect(await opener.getAttribute('aria-expanded')).toBe('true');
      const open = page.locator('tr.opened');
      for (const text of [
        told?.because[0] ?? '',
        told?.advice ?? '',
        told?.previous.host ?? '',
        outcomeWords(told?.previous.outcome ?? ''),
        told?.delivery.error ?? '',
      ]) {
        expect(text).not.toBe('');
        await open.getByText(text).filter({ visible: true }).first().waitFor();
      }
      expect(await axeFindings(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      await page.keyboard.press('Enter');
      expect(await open.count()).toBe(0);
      await row.getByRole('link', { name: 'incident' }).click();
      await page.waitForURL(new RegExp(`#/incidents/${told?.incident}`));
    }
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('a row leads to the record of its own cluster, and so do its neighbours', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/redeliveries?since=6h');
    const rows = page.getByRole('region', { name: 'Redeliveries' }).locator('tbody tr');
    // Both clusters have a topic of that name.
    const { items } = await json<ListPage<Redelivery>>(running.port, '/v1/redeliveries');
    expect(new Set(items.map(({ cluster, topic }) => `${cluster} ${topic}`))).toEqual(
      new Set(['c1 orders', 'c2 orders']),
    );
    for (const [i, { cluster }] of items.entries())
      expect(await rows.nth(i).textContent()).toContain(cluster);
    for (const [cluster, group] of [
      ['c2', '=cmd()'],
      ['c1', 'billing'],
    ]) {
      await visit(page, '#/redeliveries?since=6h');
      await rows
        .filter({ hasText: group ?? '' })
        .last()
        .locator('.place a')
        .click();
      await page.waitForURL(new RegExp(`/records/orders/.*cluster=${cluster}`));
      await settled(page);
      const groups = page.locator('.panel header a[href^="#/groups/"]');
      const all = await groups.evaluateAll((links) => links.map((link) => link.getAttribute('href')));
      expect(all.length).toBeGreaterThan(0);
      for (const href of all) expect(href).toContain(`cluster=${cluster}`);
      await page
        .getByRole('link', { name: /^offset \d+$/ })
        .last()
        .click();
      await page.waitForURL(new RegExp(`cluster=${cluster}`));
    }
    // The topic of c1 was made anew: of its record of now, nothing of the one before is shown; without the id, all.
    await visit(page, `#/records/orders/0/5?cluster=c1&topic_id=${'b'.repeat(32)}`);
    expect(await page.locator('.panel', { hasText: /^Delivered/ }).count()).toBe(2);
    await page.getByRole('button', { name: /^topic_id/ }).click();
    await page.getByText(`topic id ${'a'.repeat(32)}`).waitFor();
    expect(await page.locator('.panel', { hasText: /^Delivered/ }).count()).toBe(3);
    await visit(page, '#/records/orders/0/5');
    await page.getByText('on c2').first().waitFor();
    await page.context().close();
  });

  test('what may be lost says by whom, how sure, and whether it goes on', async () => {
    const { page } = await openPage(browser);
    const row = page.getByRole('region', { name: 'What may be lost' }).locator('tbody tr').first();
    for (const [list, texts] of [
      ['skips', ["operator's reset", 'proven', '10 records', '#3']],
      ['premature-commits', ['committed before handled', 'proven', 'client-a', 'host-a, pid 101', '#2']],
      ['stalled-commits', ['handled, nothing committed for', 'goes on', 'host-bb, pid 102', 'proven', '#4']],
    ] as const) {
      await visit(page, `#/findings/${list}?since=6h`);
      const { items } = await json<ListPage<PrematureCommit | Skip | StalledCommit>>(
        running.port,
        `/v1/${list}?since=6h`,
      );
      for (const text of texts) expect(await row.textContent()).toContain(text);
      expect(await row.locator('.cause svg').count()).toBe(1);
      await row.getByRole('button', { name: 'Details' }).click();
      expect(await page.locator('tr.opened').textContent()).toContain(items[0]?.because[0]);
    }
    // It began before that time and goes on in it.
    const { items: stalls } = await json<ListPage<StalledCommit>>(running.port, '/v1/stalled-commits');
    const [since, until] = [20_000, 30_000].map((ms) =>
      new Date(Date.parse(stalls[0]?.since ?? '') + ms).toISOString(),
    );
    await visit(page, `#/findings/stalled-commits?since=${since}&until=${until}`);
    await row.getByText('goes on').waitFor();
    await visit(page, '#/findings/rewinds?since=6h');
    for (const offset of [200, 150]) {
      expect(await page.getByRole('button', { name: `Copy the offset ${offset}` }).count()).toBe(1);
    }
    await page.context().close();
  });

  test('a message says how far it was looked for, and never more than that', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/identities/order-20');
    const identity = await json<Identity>(running.port, '/v1/identities/order-20');
    expect(identity).toMatchObject({ complete: true, remembered: [{ ended_by: 'records' }] });
    const main = page.locator('main');
    await page.getByRole('heading', { name: 'Stands in the log 2 times' }).waitFor();
    const since = identity.remembered[0]?.since ?? '';
    expect(await main.locator(`time[datetime="${since}"]`).count()).toBe(1);
    expect(await main.textContent()).toContain('the window ended by its number of records');
    // The service's own answer, as it is when there was no time for all.
    await page.route('**/v1/identities/*', async (route) => {
      const response = await route.fetch();
      const answer = { ...((await response.json()) as Identity), complete: false, copies: [] };
      const [first, ...rest] = answer.places;
      const unknown = { ...first, producer: null, producer_known: false };
      await route.fulfill({ response, json: { ...answer, places: [unknown, ...rest] } });
    });
    await page.reload();
    await page.getByRole('heading', { name: 'Found in the log 2 times, perhaps not all' }).waitFor();
    await settled(page);
    const text = (await main.textContent()) ?? '';
    expect(text).toContain('places may be missing');
    expect(text).not.toContain('written once');
    expect(text).toContain('by a producer that is not known');
    expect(text).not.toContain('by a producer without a number of its own');
    await page.context().close();
  });

  test('a record that stands once shows when it was written, by whom, and leads to its message', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/records/orders/0/130?cluster=c1');
    const { written } = await json<RecordHistory>(running.port, '/v1/records/orders/0/130?cluster=c1');
    expect(written).toHaveLength(1);
    const panel = page.locator('.panel', { has: page.getByRole('heading', { name: 'Written' }) });
    expect(await panel.locator(`time[datetime="${written[0]?.at}"]`).count()).toBe(1);
    expect(await panel.textContent()).toContain('by producer 9, epoch 0, sequence 130');
    await panel.getByRole('link', { name: 'its message' }).click();
    await page.getByRole('heading', { name: 'Stands in the log 1 time' }).waitFor();
    await page.getByRole('region', { name: 'Places' }).getByText('orders/0/130').waitFor();
    await page.context().close();
  });

  test('a message shows the whole life of each of its copies: producer, attempts, commits, hits', async () => {
    const { page, wrong } = await openPage(browser);
    await visit(page, '#/identities/order-20?since=6h');
    const places = page.getByRole('region', { name: 'Places' }).locator('tbody tr');
    expect(await places.count()).toBe(2);
    const life = (place: string) =>
      page.locator('.panel', { has: page.getByRole('heading', { name: `Life of ${place}`, exact: true }) });
    for (const [offset, sequence] of [
      [20, 20],
      [120, 120],
    ] as const) {
      const at = `0/${offset}`;
      const { history } = await json<RecordHistory>(running.port, `/v1/records/orders/${at}?cluster=c1`);
      const words = (await life(at).textContent()) ?? '';
      const writer = `producer 9, epoch 0, sequence ${sequence}`;
      expect(words).toContain(`by ${writer}`);
      expect(await places.filter({ hasText: `orders/${at}` }).textContent()).toContain(writer);
      const told = history.filter(({ topic_id: id }) => id === 'b'.repeat(32));
      expect(told.map(({ group }) => group).sort()).toEqual(['audit', 'billing']);
      for (const { group, deliveries, events } of told) {
        expect(words).toContain(group);
        for (const { attempt, host, pid, client_id: client } of deliveries) {
          expect(words).toContain(`attempt ${attempt}`);
          expect(words).toContain(`to ${client} (${host}, pid ${pid})`);
        }
        for (const { kind, offset: committed } of events) {
          if (kind === 'committed') expect(words).toContain(`Committed offset ${committed}`);
        }
      }
    }
    expect(await life('0/20').textContent()).toContain('Committed offset 50: behind it');
    expect(await life('0/120').textContent()).toContain('Committed offset 200: behind it');
    // The story's check caught what was delivered again from 150 on: of that copy too.
    await page.goto(`${running.url}/#/identities/order-155`);
    await settled(page);
    expect(await life('0/155').textContent()).toContain('recognised by its own check, not applied again');
    expect(await life('0/155').textContent()).toContain('delivered 2 times, 1 caught by its own check');
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('an incident of a topic has the topic over time around it', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/incidents/6');
    const panel = page.locator('.panel', { has: page.getByRole('heading', { name: 'The topic around it' }) });
    const chart = panel.getByRole('slider');
    expect(await chart.getAttribute('aria-label')).toMatch(
      /^Chart over time: \d+ deliveries.*, 2 duplicates/,
    );
    await page.context().close();
  });

  test('links to Grafana and to traces stand where the configuration names them, filled', async () => {
    const { page } = await openPage(browser);
    const hrefs = (name: RegExp) =>
      page.getByRole('link', { name }).evaluateAll((links) => links.map((link) => link.getAttribute('href')));
    const AROUND = 300_000;
    for (const [hash, group, traces] of [
      ['#/records/orders/0/160?cluster=c1&group=billing', 'billing', 'c1/orders/0/160'],
      ['#/records/orders/0/160?cluster=c1', null, 'c1/orders/0/160'],
      ['#/incidents/1', 'billing', 'c1/orders/0/150'],
      ['#/incidents/6', '', 'c1/orders/0/120'],
      // Of a group or of all there is no one trace.
      ['#/groups/billing?cluster=c1&since=6h', 'billing', null],
      ['#/?since=2026-01-31T12:00:00Z&until=2026-01-31T13:00:00Z', '', null],
      ['#/topics?since=6h', '', null],
    ] as const) {
      await visit(page, hash);
      const grafana = (await hrefs(/Grafana/)).map((href) => new URL(href ?? ''));
      expect(grafana).toHaveLength(1);
      const [link] = grafana;
      // What the screen does not know is left out: Grafana takes an empty one for nothing at all.
      if (group !== null) expect(link?.searchParams.get('var-group') ?? '').toBe(group);
      if (group === '') expect(link?.searchParams.has('var-group')).toBe(false);
      const from = Number(link?.searchParams.get('from'));
      expect(Number.isSafeInteger(from)).toBe(true);
      if (hash === '#/incidents/1') expect(from).toBe(BEGIN + 31_000 - AROUND);
      if (hash.startsWith('#/?')) expect(from).toBe(Date.parse('2026-01-31T12:00:00Z') - AROUND);
      expect(await hrefs(/Traces/)).toEqual(traces === null ? [] : [`https://traces.example/${traces}`]);
    }
    await page.context().close();
  });

  test('a time that ends before it begins is refused in words', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/incidents?since=6h');
    await page.getByLabel('Time range').selectOption('other');
    await page.getByLabel('from (local time)', { exact: true }).fill('2026-02-02T10:00:00');
    await page.getByLabel('to (local time)', { exact: true }).fill('2026-02-02T09:00:00');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByRole('alert').filter({ hasText: 'The first time must be before the second' }).waitFor();
    expect(page.url()).not.toContain('until=');
    await page.getByLabel('to (local time)', { exact: true }).fill('2026-02-02T11:00:00');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/until=/);
    expect(await page.getByRole('alert').count()).toBe(0);
    await page.context().close();
  });

  test('a time between two stays the same time in another zone; a link with fixed times holds it', async () => {
    const { page, wrong } = await openPage(browser, { timezoneId: 'Asia/Kolkata' });
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await visit(page, '#/incidents?since=6h');
    await page.getByRole('button', { name: 'Copy a link with fixed times' }).click();
    const copied = new URL(await page.evaluate<string>('navigator.clipboard.readText()'));
    const range = new URLSearchParams(copied.hash.split('?')[1]);
    const [from, to] = [range.get('since'), range.get('until')].map((at) => Date.parse(at ?? ''));
    expect(Number(to) - Number(from)).toBe(6 * 3_600_000);
    expect(Math.abs(Number(to) - Date.now())).toBeLessThan(60_000);
    expect(copied.href.split('?')[0]).toBe(`${running.url}/#/incidents`);

    const field = (name: string) => page.getByLabel(name, { exact: true });
    await page.getByLabel('Time range').selectOption('other');
    await field('from (local time)').fill('2026-02-02T10:00:10');
    await field('to (local time)').fill('2026-02-02T11:30:20');
    // Not shown yet, and in another zone: the same times, with other digits.
    await page.getByLabel('Times in').selectOption('utc');
    expect(await field('from (UTC)').inputValue()).toBe('2026-02-02T04:30:10');
    expect(await field('to (UTC)').inputValue()).toBe('2026-02-02T06:00:20');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/until=/);
    const shown = () => {
      const query = new URLSearchParams(new URL(page.url()).hash.split('?')[1]);
      return [query.get('since'), query.get('until')];
    };
    const meant = ['2026-02-02T04:30:10.000Z', '2026-02-02T06:00:20.000Z'];
    expect(shown()).toEqual(meant);
    // Back in the local zone, shown again: nothing moves.
    await page.getByLabel('Times in').selectOption('local');
    expect(await field('from (local time)').inputValue()).toBe('2026-02-02T10:00:10');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.getByLabel('Times in').selectOption('utc');
    await page.waitForURL(/tz=utc/);
    expect(shown()).toEqual(meant);
    // It stands still already: there is nothing to fix.
    expect(await page.getByRole('button', { name: 'Copy a link with fixed times' }).count()).toBe(0);
    await visit(page, '#/?since=999999999d');
    expect(await page.getByLabel('Time range').inputValue()).toBe('1h');
    expect(wrong).toEqual([]);
    await page.context().close();
  });

  test('light or dark by choice, whatever the system has; it stays after a reload', async () => {
    const { page } = await openPage(browser, { colorScheme: 'light' });
    await visit(page, '#/health');
    const back = () => page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor');
    const light = await back();
    await page.getByLabel('Colours').selectOption('dark');
    await until('it is dark', async () => (await back()) !== light);
    const dark = await back();
    await page.reload();
    await settled(page);
    expect([await page.getByLabel('Colours').inputValue(), await back()]).toEqual(['dark', dark]);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.getByLabel('Colours').selectOption('light');
    await until('it is light', async () => (await back()) === light);
    await page.getByLabel('Colours').selectOption('auto');
    await until('it is as the system', async () => (await back()) === dark);
    await page.context().close();
  });

  test('of topics on two clusters each is shown, with its own copies', async () => {
    const { page } = await openPage(browser);
    await visit(page, '#/topics?since=6h');
    const heading = page.getByRole('heading', { level: 2, name: /^orders/ });
    const rows = page.getByRole('region', { name: 'Observed topics' }).locator('tbody tr');
    expect(await rows.count()).toBe(2);
    await rows.last().getByRole('link', { name: 'orders' }).click();
    await page.waitForURL(/cluster=c2/);
    await until('the one of c2', async () => (await heading.textContent())?.includes('on c2') === true);
    await settled(page);
    await page.getByText('None was found within this time').waitFor();
    await page.getByLabel('Cluster').selectOption('c1');
    await until('the one of c1', async () => (await heading.textContent())?.includes('on c1') === true);
    await page.getByRole('region', { name: 'Duplicates' }).locator('tbody tr').first().waitFor();
    await page.getByRole('region', { name: 'Batches' }).getByText('30, behind 120').waitFor();
    await page.context().close();
  });

  test('the state stands in the address: range, zone and filter; another browser shows the same', async () => {
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

  const save = async (page: Page, form: string) => {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: form, exact: true }).first().click();
    const saved = await (await download).createReadStream();
    let text = '';
    for await (const piece of saved) text += String(piece);
    return { name: (await download).suggestedFilename(), text };
  };

  test.each(['redeliveries', ...FINDING_LISTS])(
    '%s can be saved as CSV and JSON, as the API has them',
    async (list) => {
      // A page of its own: Chromium asks a person after ten downloads of one.
      const { page } = await openPage(browser);
      await visit(page, `#/${list === 'redeliveries' ? '' : 'findings/'}${list}?since=6h`);
      const of = `/v1/${list}?limit=100&since=6h`;
      const told = await json<ListPage<object>>(running.port, of);
      expect(told.items.length).toBeGreaterThan(0);
      expect(await save(page, 'CSV')).toEqual({
        name: `dupescope-${list}.csv`,
        text: (await ask(running.port, `${of}&format=csv`)).text,
      });
      const asJson = await save(page, 'JSON');
      expect(asJson.name).toBe(`dupescope-${list}.json`);
      expect(JSON.parse(asJson.text)).toEqual(told);
      await page.context().close();
    },
  );

  test('a record, a message and an incident can be saved as JSON', async () => {
    const { page } = await openPage(browser);
    for (const [hash, path] of [
      ['#/records/orders/0/160?cluster=c1', '/v1/records/orders/0/160?cluster=c1'],
      ['#/identities/order-20', '/v1/identities/order-20'],
      ['#/incidents/1', '/v1/incidents/1'],
    ] as const) {
      await visit(page, hash);
      expect(JSON.parse((await save(page, 'JSON')).text)).toEqual(await json(running.port, path));
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
    // They are of no time: each leads to all that is kept.
    for (const [name, path] of [
      ['Redeliveries', 'redeliveries'],
      ['Caught', 'findings/hits'],
      ['May be lost', 'findings/premature-commits'],
      ['May be lost', 'findings/skips'],
    ] as const) {
      const own = page.locator('.figure', { has: page.getByText(name, { exact: true }) });
      await own.locator(`a[href^="#/${path}?since=30d"]`).waitFor();
    }
    await page.context().close();
  });
});

/** A second cluster's topic of the same name is observed; and a copy of `orders` was caught by nobody: an incident. */
function seedTopicIncident(path: string): void {
  const s = new Seed(path);
  const topicOf = s.db.prepare(
    'SELECT t.id, t.cluster FROM topic t JOIN cluster c ON c.id = t.cluster WHERE c.cluster_id = ? ORDER BY t.id DESC',
  );
  const other = topicOf.get('c2') as { id: number };
  s.row('observed_topic', { topic: other.id, records: 20, duplicates: 0 });
  s.row('observer_offset', {
    topic: other.id,
    partition: 0,
    next_offset: 20,
    state: 'live',
    newest_at: BEGIN,
    observed_at: BEGIN,
  });
  const { id: topic, cluster } = topicOf.get('c1') as { id: number; cluster: number };
  s.row('incident', {
    id: 6,
    kind: 'duplicate',
    cause: 'resent',
    cluster,
    topic,
    first_at: BEGIN + 90_000,
    last_at: BEGIN + 90_000,
    findings: 1,
    records: 1,
    gap_max_ms: 90_000,
    certainty: 'proven',
    because: '["seen"]',
    advice: 'send once',
    version: 4,
  });
  s.row('incident_place', { incident: 6, topic, partition: 0, records: 1 });
  s.db.prepare('UPDATE duplicate SET incident = 6').run();
  s.db
    .prepare('UPDATE redelivery SET cause = ?, certainty = ?, because = ?, advice = ? WHERE first = 150')
    .run(
      'seek',
      'proven',
      '["the application sought back to 150"]',
      'Seek no further back than what was handled.',
    );
  // A record that stands once is in the log of identities alone.
  const block = new Block(0);
  block.add(new Uint32Array([1, 2, 3, 4]), 0, {
    ...{ ordinal: 0, partition: 0, offset: 130, at: BEGIN + 95_000, payload: 7, provenance: 0, edges: null },
    ...{ producerId: 9, producerEpoch: 0, sequence: 130, transactional: false },
  });
  s.db.prepare('INSERT INTO identity_log VALUES (1, ?, ?)').run(topic, encodeBlock(block));
  // Of a record that was delivered twice and caught, there is a copy too.
  const copy = s.db.prepare('SELECT * FROM duplicate WHERE id = 1').get() as Record<string, string | number>;
  s.row('duplicate', {
    ...copy,
    id: 2,
    identity: 'order-155',
    record_offset: 155,
    previous_offset: 55,
    first_offset: 55,
    incident: null,
  });
  s.close();
}
