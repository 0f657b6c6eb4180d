/** Whatever a group, a client, a topic, a key or an error is called: it is shown as text. */
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { type Running, startService } from '../service/running';
import { Seed, temporaryFolder } from '../service/seed';
import { until } from '../support/broker';
import { describeInBrowser, launch, openPage, settled } from './browser';

const MARKUP = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"'\`&amp;{{7*7}}`;
const TURNED = 'abc\u202edcba\u200f\u0000\nend';
const LONG = `long-${'x'.repeat(10_240)}`;
/** As long as Kafka takes the name of a group, and as long as a URL makes it: 32,767 bytes, nine characters for three. */
const LONGEST = `${'語'.repeat(10_922)}x`;
/** Kafka's bound. */
const LONGEST_TOPIC = 't'.repeat(249);
const NAMES = [MARKUP, TURNED, LONG];

const folder = temporaryFolder();
const storePath = join(folder.path, 'hostile.db');
let running: Running;
let browser: Browser;

/** Lists of findings, each with such names. */
const LISTS = ['rewinds', 'duplicates', 'premature-commits', 'skips', 'stalled-commits', 'hits'] as const;

/** What else can be found of a group, explained with that name. */
function seedLosses(s: Seed, at: number, gp: number, session: number, name: string): void {
  const why = { certainty: 'proven', because: JSON.stringify([name]), advice: name };
  const stretch = { gp, first: 3, last: 4, at, version: 1 };
  s.row('rewind', {
    ...{ gp, at, from_offset: 9, to_offset: 3, session, cause: 'seek', settled: 1, version: 1 },
    ...why,
  });
  s.row('premature_commit', { ...stretch, session, outcome: 'failed' });
  s.row('skip', { ...stretch, first: 30, last: 34, cause: 'seek', ...why });
  s.row('stalled_commit', { gp, session, since: at, seen_at: at + 500, records: 2, version: 1 });
  s.row('stalled_commit', {
    ...{ gp, client_id: name, host: name, since: at + 1, seen_at: at + 600, records: 2, version: 1 },
  });
  s.row('idempotency_hit', { ...stretch, session, run: 2, window_ms: 1_000 });
}

/** Groups, topics and messages with such names, each with findings of each kind, an incident and a copy. */
function seedHostile(path: string): void {
  const now = Date.now();
  const s = new Seed(path);
  for (const [i, name] of [...NAMES, LONGEST].entries()) {
    const cluster = s.cluster(name === LONGEST ? 'c' : name);
    const topic = s.topic(cluster, name === LONGEST ? LONGEST_TOPIC : name, null, now);
    const group = s.group(cluster, name);
    const gp = s.place(group, topic, 0, { deliveries: 20, redeliveries: 10 });
    const session = s.session(group, name, now - 60_000, { at: now - 1_000, how: 'crash' });
    s.db
      .prepare('UPDATE session SET host = @name, client_id = @name, ended_error = @name WHERE id = @session')
      .run({ name, session });
    s.row('member', {
      session,
      ref: 0,
      member_id: name,
      generation: 1,
      leader: 1,
      joined_at: now - 59_000,
      assignment: JSON.stringify({ [name]: [0] }),
    });
    const first = s.run(gp, session, { first: 0, last: 9, at: now - 50_000, outcome: 'failed', error: name });
    const second = s.run(gp, session, { first: 0, last: 9, at: now - 40_000 });
    const found = s.redelivery(gp, second, first, { first: 0, last: 9, at: now - 40_000 });
    seedLosses(s, now - 30_000, gp, session, name);
    s.row('rollup_minute', {
      grp: group,
      topic,
      minute: Math.floor(now / 60_000),
      deliveries: 20,
      redeliveries: 10,
      failed: 1,
    });
    const incident = s.row('incident', {
      kind: 'redelivery',
      cause: 'handler_error',
      cluster,
      grp: group,
      first_at: now - 50_000,
      last_at: now - 40_000,
      findings: 1,
      records: 10,
      gap_max_ms: 1_000,
      certainty: 'proven',
      because: JSON.stringify([name]),
      advice: name,
      version: i + 1,
    });
    s.row('incident_place', { incident, topic, partition: 0, records: 10 });
    s.db
      .prepare(
        'UPDATE redelivery SET incident = @incident, because = @because, advice = @name WHERE id = @found',
      )
      .run({ incident, found, name, because: JSON.stringify([name]) });
    s.row('observed_topic', { topic, records: 10, duplicates: 1 });
    s.row('identity_found', { topic, source: name, records: 10 });
    s.row('observer_offset', {
      topic,
      partition: 0,
      next_offset: 10,
      state: 'live',
      newest_at: now,
      observed_at: now,
    });
    s.row('copy_run', { id: i + 1, topic, partition: 0, shape: '{}', updated_at: now });
    const place = { partition: 0, offset: 1, at: now, producer: null, transactional: false };
    s.db
      .prepare(
        `INSERT INTO duplicate (topic, kind, hash, identity, source, payload, partition, record_offset, at,
           previous_partition, previous_offset, previous_at, first_partition, first_offset, first_at, copies, delay_ms,
           found_at, run, evidence, cause, certainty, because, advice, settled, version)
         VALUES (@topic, 'duplicate', @hash, @name, @name, 1, 0, 5, @now, 0, 1, @now, 0, 1, @now, 2, 10, @now, 1,
           @evidence, 'resent', 'proven', @because, @name, 1, @i)`,
      )
      .run({
        topic,
        name,
        now,
        i,
        hash: Buffer.alloc(16, i + 1),
        because: JSON.stringify([name]),
        evidence: JSON.stringify({ first: place, copy: { ...place, offset: 5 } }),
      });
  }
  s.close();
}

async function nothingRan(page: Page, wrong: string[]): Promise<void> {
  expect(await page.evaluate('window.hacked')).toBeUndefined();
  expect(await page.locator('img, iframe, object, body script, [onerror], [style*="url"]').count()).toBe(0);
  const [across, width] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, innerWidth]',
  );
  expect(across).toBeLessThanOrEqual(width);
  // No part of the screen was refused its answer.
  expect(await page.locator('.trouble').allTextContents()).toEqual([]);
  expect(wrong).toEqual([]);
}

describeInBrowser('hostile text is shown as text', () => {
  beforeAll(async () => {
    seedHostile(storePath);
    running = await startService({ storePath });
    browser = await launch();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await running?.service.close();
    folder.remove();
  });

  test.each([
    ['markup', MARKUP, /<img src=x onerror="window\.hacked=1"><sc/],
    ['marks of direction, controls', TURNED, /abc⟨U\+202E⟩dcba⟨U\+200F⟩⟨U\+0000⟩⟨U\+000A⟩end/],
    ['10 kB', LONG, /long-x{20,}… \([\d,]{6} characters\)/],
  ])(
    '%s, on every screen',
    async (_name, name, shown) => {
      const { page, wrong } = await openPage(browser, { viewport: { width: 700, height: 900 } });
      const encoded = encodeURIComponent(name);
      const number = NAMES.indexOf(name) + 1;
      for (const hash of [
        '#/',
        '#/groups',
        `#/groups/${encoded}`,
        `#/groups/${encoded}?cluster=${encoded}&topic=${encoded}&partition=0`,
        '#/incidents',
        `#/incidents?group=${encoded}`,
        `#/incidents/${number}`,
        '#/redeliveries',
        `#/redeliveries?group=${encoded}&topic=${encoded}`,
        `#/records/${encoded}/0/5`,
        `#/identities/${encoded}`,
        '#/topics',
        '#/health',
        ...LISTS.map((list) => `#/findings/${list}?since=1h`),
      ]) {
        await page.goto(`${running.url}/${hash}`);
        await settled(page);
        await until(`${hash.slice(0, 40)} shows it`, async () =>
          shown.test((await page.locator('main').textContent()) ?? ''),
        );
        // What an open row tells is other people's text too.
        const openers = page.getByRole('button', { name: 'Details' });
        for (let i = 0; i < (await openers.count()); i++) await openers.nth(i).click();
        await nothingRan(page, wrong);
      }
      await page.context().close();
    },
    180_000,
  );

  test('the longest name that a group can have works on every screen that asks for a group', async () => {
    expect(Buffer.byteLength(LONGEST)).toBe(32_767);
    const { page, wrong } = await openPage(browser, { viewport: { width: 700, height: 900 } });
    const group = encodeURIComponent(LONGEST);
    for (const hash of [
      '#/',
      '#/groups',
      `#/groups/${group}`,
      `#/groups/${group}?cluster=c&topic=${LONGEST_TOPIC}&partition=0`,
      `#/incidents?group=${group}`,
      `#/incidents/${NAMES.length + 1}`,
      `#/redeliveries?group=${group}&topic=${LONGEST_TOPIC}`,
      `#/records/${LONGEST_TOPIC}/0/5?group=${group}`,
    ]) {
      await page.goto(`${running.url}/${hash}`);
      await settled(page);
      await until(`${hash.slice(0, 40)} shows it`, async () =>
        /語{20,}… \(10,923 characters\)/.test((await page.locator('main').textContent()) ?? ''),
      );
      await nothingRan(page, wrong);
    }
    await page.context().close();
  }, 180_000);

  test('what no request can hold is told in words, and the rest of the page goes on', async () => {
    const { page, wrong } = await openPage(browser);
    await page.goto(`${running.url}/#/identities/${'x'.repeat(200_000)}`);
    await page.getByText('What is asked for is longer than a request may be').waitFor();
    await page.goto(`${running.url}/#/health`);
    await settled(page);
    await nothingRan(page, wrong);
    await page.context().close();
  }, 60_000);

  test('the policy refuses what a mistake would let through', async () => {
    const { page } = await openPage(browser);
    await page.goto(`${running.url}/`);
    const refused = await page.evaluate<string>(
      "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'taken'; } catch (e) { return e.name; } })()",
    );
    expect(refused).toBe('TypeError');
    await page.context().close();
  });
});
