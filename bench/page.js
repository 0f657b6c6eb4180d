/**
 * The built-in page in a real Chromium on a store with many findings, on loopback: the first view, interactions, and
 * tasks that hold up the page while 20 incidents a second arrive. Also what the answers take that the page asks for.
 *
 *     npm run bench:page -- [--findings 10000000] [--runs 5] [--store <file, made where it is missing>] [--json <file>]
 */
const { existsSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { loadavg, tmpdir, userInfo } = require('node:os');
const { join } = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');
const Database = require('better-sqlite3');
const pino = require('pino');
const { chromium } = require('playwright-core');
const { createService } = require('../dist/service');
const { makeStore } = require('./page-store');
const { median } = require('./topic');

const ARRIVING_MS = 10_000;
const EACH_MS = 50;
const SETTLED = "document.querySelector('main') && !document.querySelector('.wait')";

/** Screens whose requests are timed, in the ranges that people choose; the last three have incidents arriving too. */
const SCREENS = [
  '#/?since=30d',
  '#/?since=7d',
  '#/groups',
  '#/groups/group-3?cluster=bench&since=24h&place=orders-1%3A3',
  '#/groups/group-3?cluster=bench&since=30d',
  '#/incidents/7',
  '#/redeliveries?since=30d',
  '#/redeliveries?since=30d&group=group-3',
  '#/findings/duplicates?since=30d',
  '#/records/orders-1/3/5000',
  '#/identities/order-77',
  '#/topics?since=30d',
  '#/health',
  '#/groups/group-3?cluster=bench&since=1h',
  '#/incidents?since=30d',
  '#/?since=1h',
];
const LIVE_SCREENS = SCREENS.slice(-3);

async function main() {
  const { values } = parseArgs({
    options: {
      findings: { type: 'string', default: '10000000' },
      runs: { type: 'string', default: '5' },
      store: { type: 'string' },
      json: { type: 'string' },
    },
  });
  const folder = values.store === undefined ? mkdtempSync(join(tmpdir(), 'dupescope-page-')) : null;
  const path = values.store ?? join(folder, 'page.db');
  if (!existsSync(path)) makeStore(path, Number(values.findings));
  const service = createService({
    storePath: path,
    allowedHosts: [],
    version: 'bench',
    logger: pino({ level: 'silent' }),
  });
  const { url } = await service.listen({ host: '127.0.0.1', port: 0 });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM_PATH ?? '/usr/bin/chromium',
    args: userInfo().uid === 0 ? ['--no-sandbox'] : [],
  });
  try {
    const result = {
      load: loadavg()[0],
      findings: countOf(path),
      answers: await answers(url, await askedBy(browser, url), Number(values.runs)),
    };
    result.firstViewMs = await firstViews(browser, url, Number(values.runs));
    result.interactionMs = await interactions(browser, url);
    result.arriving = [];
    for (const screen of LIVE_SCREENS) result.arriving.push(await arriving(browser, url, path, screen));
    print(result);
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  } finally {
    await browser.close();
    await service.close();
    if (folder !== null) rmSync(folder, { recursive: true });
  }
}

function countOf(path) {
  const db = new Database(path, { readonly: true });
  const count = (table) => db.prepare(`SELECT max(id) FROM ${table}`).pluck().get();
  const sum = count('redelivery') + count('duplicate');
  db.close();
  return sum;
}

/** What the page asks for on its screens; the stream of changes, which has no end, is not one of them. */
async function askedBy(browser, url) {
  const asked = new Set();
  for (const screen of SCREENS) {
    const page = await (await browser.newContext()).newPage();
    page.on('request', (request) => {
      const address = request.url().slice(url.length);
      if (address.startsWith('/v1/') && !address.startsWith('/v1/events')) asked.add(address);
    });
    const begin = performance.now();
    await page.goto(`${url}/${screen}`);
    await page.evaluate(once(SETTLED));
    console.error(`${screen}: settled after ${(performance.now() - begin).toFixed(0)} ms`);
    const trouble = await page.locator('.trouble').allTextContents();
    if (trouble.length > 0) throw new Error(`${screen}: ${trouble.join(' ')}`);
    await page.context().close();
  }
  return [...asked].sort();
}

/** ms of each address; the first asking apart. */
async function answers(url, addresses, runs) {
  const found = [];
  for (const address of addresses) {
    const times = [];
    for (let i = 0; i <= runs; i++) {
      const begin = performance.now();
      const response = await fetch(url + address);
      await response.text();
      if (!response.ok) throw new Error(`${address}: ${response.status}`);
      times.push(performance.now() - begin);
    }
    const [first, ...rest] = times;
    found.push({ address, firstMs: first, medianMs: median(rest) });
  }
  return found;
}

/** Looks at each picture until it holds; answers when, in ms. The policy lets Playwright's own way not through. */
function once(condition) {
  return `new Promise((done) => {
    const look = () => (${condition} ? done(performance.now()) : requestAnimationFrame(look));
    look();
  })`;
}

/** From the navigation's begin until sentence, figures and chart stand on the screen. */
async function firstViews(browser, url, runs) {
  const times = [];
  for (let i = 0; i <= runs; i++) {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${url}/#/?since=1h`, { waitUntil: 'commit' });
    times.push(
      await page.evaluate(
        once(
          "document.querySelector('.sentence:not(.wait)') && document.querySelector('.figures') && document.querySelector('.plot canvas') && !document.querySelector('.wait')",
        ),
      ),
    );
    await page.context().close();
  }
  // The first one warms up Chromium itself.
  return times.slice(1);
}

/** What the browser calls an event's duration: from the input to the next picture. */
async function interactions(browser, url) {
  const page = await (await browser.newContext()).newPage();
  await page.addInitScript(
    "window.took = []; new PerformanceObserver((list) => { for (const e of list.getEntries()) window.took.push([e.name, e.duration]); }).observe({ type: 'event', durationThreshold: 16, buffered: true });",
  );
  await page.goto(`${url}/#/?since=1h`);
  const settled = () => page.evaluate(once(SETTLED));
  await settled();
  const screens = page.getByRole('navigation', { name: 'Screens' });
  for (let i = 0; i < 3; i++) {
    for (const name of ['Groups', 'Incidents', 'Redeliveries', 'Topics', 'Health', 'Overview']) {
      await screens.getByRole('link', { name }).click();
      await settled();
    }
    await page.getByLabel('Search a record').click();
    await page.keyboard.type('orders-1/3/5000');
    await page.keyboard.press('Enter');
    await settled();
    await screens.getByRole('link', { name: 'Overview' }).click();
    await settled();
    const chart = page.locator('.plot[tabindex="0"]').first();
    await chart.focus();
    for (let k = 0; k < 5; k++) await page.keyboard.press('ArrowLeft');
    // A store that was kept may have nothing of the last hour.
    for (const range of ['7d', '1h', '30d']) {
      await page.getByLabel('Time range').selectOption(range);
      await settled();
    }
    await page
      .getByRole('link', { name: /^group-\d+$/ })
      .first()
      .click();
    await settled();
    await screens.getByRole('link', { name: 'Incidents' }).click();
    await settled();
    await page.locator('.incidents .words a').first().click();
    await settled();
    await screens.getByRole('link', { name: 'Redeliveries' }).click();
    await settled();
    for (const name of ['Next page', 'Previous page']) {
      await page.getByRole('button', { name }).click();
      await settled();
    }
  }
  await sleep(200);
  const took = await page.evaluate('window.took');
  await page.context().close();
  return took.map(([, duration]) => duration).sort((a, b) => b - a);
}

/** 20 incidents a second on an open screen; one that lists them shows the last one. */
async function arriving(browser, url, path, screen) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${url}/${screen}`);
  await page.evaluate(once(SETTLED));
  await page.evaluate(
    "window.long = []; new PerformanceObserver((list) => { for (const e of list.getEntries()) window.long.push(e.duration); }).observe({ type: 'longtask' });",
  );
  const db = new Database(path, { timeout: 10_000 });
  const add = db.transaction((number) => {
    const { version } = db.prepare('UPDATE change SET version = version + 1 RETURNING version').get();
    const { lastInsertRowid: id } = db
      .prepare(
        `INSERT INTO incident (kind, cause, cluster, grp, first_at, last_at, findings, records, gap_max_ms, certainty, because, advice, version)
         VALUES ('redelivery', 'seek', 1, 1 + ? % 20, ?, ?, 1, 1, 5, 'proven', '["seen"]', 'change it', ?)`,
      )
      .run(number, Date.now(), Date.now(), version);
    db.prepare('INSERT INTO incident_place VALUES (?, 1, 0, 1)').run(id);
    return Number(id);
  });
  const begin = performance.now();
  let [made, last] = [0, 0];
  while (performance.now() - begin < ARRIVING_MS) {
    last = add(made++);
    await sleep(Math.max(0, begin + made * EACH_MS - performance.now()));
  }
  const done = performance.now();
  const lists = !screen.startsWith('#/groups');
  if (lists) await page.locator('.incidents .head', { hasText: `#${last}` }).waitFor({ timeout: 60_000 });
  const shownMs = lists ? performance.now() - done : null;
  const long = await page.evaluate('window.long');
  db.close();
  await page.context().close();
  return {
    screen,
    made,
    perSecond: made / (ARRIVING_MS / 1000),
    longTasksMs: long.sort((a, b) => b - a),
    lastShownMs: shownMs,
  };
}

function print({ load, findings, answers: asked, firstViewMs, interactionMs, arriving: live }) {
  const ms = (value) => `${value.toFixed(0)} ms`;
  const held = (name, worst, limit) => {
    if (worst >= limit) process.exitCode = 1;
    return `${name} ${ms(worst)} (< ${limit}${worst < limit ? '' : ': MISSED'})`;
  };
  console.log(`${findings.toLocaleString('en-US')} findings, load ${load.toFixed(1)}`);
  for (const { address, firstMs, medianMs } of asked) {
    console.log(`  ${address.padEnd(96)} first ${ms(firstMs).padStart(8)}  then ${ms(medianMs).padStart(8)}`);
  }
  console.log(held('the slowest answer, median', Math.max(...asked.map(({ medianMs }) => medianMs)), 100));
  console.log(`first view: ${firstViewMs.map(ms).join(', ')}; ${held('median', median(firstViewMs), 1_000)}`);
  console.log(
    `interactions above 16 ms: ${interactionMs.length}; ${held('the longest', interactionMs[0] ?? 0, 100)}`,
  );
  for (const { screen, perSecond, longTasksMs, lastShownMs } of live) {
    const shown = lastShownMs === null ? '' : `; the last one shown after ${ms(lastShownMs)}`;
    const long = held(`${longTasksMs.length} long tasks, the longest`, longTasksMs[0] ?? 0, 200);
    console.log(`${perSecond} incidents a second on ${screen}: ${long}${shown}`);
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
