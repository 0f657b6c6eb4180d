/** /metrics with more names than it tells, names made to break it, and facts that come and go. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import pino from 'pino';
import { latestRedeliveries } from '../../src/store/queries';
import { PlaceIds } from '../../src/telemetry/place-ids';
import { ask, startService } from './running';
import { BEGIN, Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
afterAll(() => folder.remove());

const OPEN = { headers: { accept: 'application/openmetrics-text; version=1.0.0' } };
const DELIVERIES =
  /^dupescope_deliveries_total\{cluster="((?:[^"\\]|\\.)*)",group="((?:[^"\\]|\\.)*)",.*\} (\d+)$/gm;
const GROUPS = 10_000;

function deliveriesIn(text: string): Map<string, number> {
  return new Map(
    [...text.matchAll(DELIVERIES)].map(([, , group, value]) => [group as string, Number(value)]),
  );
}

/** promtool reads the text as Prometheus does; of OpenMetrics it knows the parts that both share. */
function promtool(text: string): string {
  const { status, stderr, error } = spawnSync('promtool', ['check', 'metrics'], { input: text });
  if (error !== undefined) throw error;
  // 3: read, and something to say about names.
  return status === 0 || status === 3 ? '' : `${status} ${stderr}`;
}

test('10,000 groups: the first are told by name, the rest in one series; sums stay right, and it is said', async () => {
  const storePath = join(folder.path, 'many.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  const topic = seed.topic(cluster, 'orders', null);
  const add = (name: string, deliveries: number) =>
    seed.place(seed.group(cluster, name), topic, 0, { deliveries });
  let all = 0;
  seed.db.transaction(() => {
    for (let i = 0; i < GROUPS; i++) {
      // Names in falling order: what is told does not go by the name.
      add(`group-${String(GROUPS - i).padStart(5, '0')}`, i + 1);
      all += i + 1;
    }
  })();
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const { service, port } = await startService({ storePath, logger });
  const before = await ask(port, '/metrics');
  const told = deliveriesIn(before.text);
  expect(told.size).toBe(1_001);
  expect([...told.values()].reduce((sum, value) => sum + value, 0)).toBe(all);
  expect(told.get(`group-${GROUPS}`)).toBe(1);
  expect(before.text).toContain(`dupescope_label_sets_in_other{of="delivering"} ${GROUPS - 1_000}\n`);
  expect(promtool(before.text)).toBe('');

  // One more, with a name before all others: nothing changes sides, and it is not said again for a few more.
  add('a-new-one', 7);
  seed.db.prepare('UPDATE group_partition SET deliveries = deliveries + 1').run();
  seed.close();
  const after = deliveriesIn((await ask(port, '/metrics')).text);
  await service.close();
  expect([...after.keys()]).toEqual([...told.keys()]);
  for (const [group, value] of told) expect(after.get(group)).toBeGreaterThan(value);
  expect(after.get('other')).toBe((told.get('other') as number) + GROUPS - 1_000 + 8);

  const warned = lines.map((line) => JSON.parse(line) as { of: string; beyond: number; msg: string });
  expect(warned.map(({ of, beyond }) => [of, beyond])).toEqual([
    ['delivering', GROUPS - 1_000],
    ['group_topic', GROUPS - 1_000],
  ]);
  expect(warned[0]?.msg).toContain('named other');
});

test('thousands of groups seen from outside take no room from those that tell of deliveries', async () => {
  const storePath = join(folder.path, 'outside.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  const topic = seed.topic(cluster, 'orders', null);
  seed.db.transaction(() => {
    for (let i = 0; i < 3_000; i++) {
      const outside = seed.group(cluster, `outside-${i}`);
      const rewind = { gp: seed.place(outside, topic, 0), cause: 'reset', rewinds: 1 };
      seed.row('rewind_total', rewind);
    }
  })();
  const late = seed.group(cluster, 'late');
  seed.place(late, topic, 0, { deliveries: 9, redeliveries: 2 });
  seed.session(late, 'late', BEGIN);
  for (let i = 0; i < 30; i++) {
    seed.place(late, seed.topic(cluster, `more-${i}`, null), 0, { deliveries: 1 });
  }
  seed.close();
  const { service, port } = await startService({ storePath });
  const { text } = await ask(port, '/metrics');
  await service.close();
  expect(text).toContain('dupescope_redeliveries_total{cluster="c1",group="late",topic="orders"} 2\n');
  expect(text).toContain('dupescope_sessions{cluster="c1",group="late"} 1\n');
  // Its topics have a bound too.
  expect(text).toContain('dupescope_deliveries_total{cluster="c1",group="late",topic="other"} 11\n');
  expect(text).not.toMatch(/dupescope_deliveries_total\{.*outside/);
  const rewinds = [...text.matchAll(/^dupescope_rewinds_total\{.*\} (\d+)$/gm)].map(([, value]) =>
    Number(value),
  );
  expect(rewinds.reduce((sum, value) => sum + value, 0)).toBe(3_000);
});

/** Values of a counter by that label; each label set is one line. */
function valuesBy(label: string, metric: string, text: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(`^${metric}\\{.*?\\b${label}="([^"]*)".*?\\} (\\d+)$`, 'gm'));
  return new Map([...lines].map(([, name, value]) => [name as string, Number(value)]));
}

test('1,200 observed topics: those observed first are told by name, whatever their names and since when they are known', async () => {
  const storePath = join(folder.path, 'topics.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  // Known from its consumers before all others.
  const early = seed.topic(cluster, 'a-known-one', null);
  const observe = (topic: number, records: number) => {
    const at = { newest_at: BEGIN, observed_at: BEGIN };
    seed.row('observer_offset', { topic, partition: 0, next_offset: records, state: 'live', ...at });
    seed.row('observed_topic', { topic, records });
  };
  seed.db.transaction(() => {
    for (let i = 0; i < 1_200; i++) {
      observe(seed.topic(cluster, `topic-${String(1_200 - i).padStart(4, '0')}`, null), 1);
    }
  })();
  const { service, port } = await startService({ storePath });
  const scrape = async () =>
    valuesBy('topic', 'dupescope_observed_records_total', (await ask(port, '/metrics')).text);
  const before = await scrape();
  expect(before.size).toBe(1_001);
  expect([before.get('topic-1200'), before.get('topic-0201'), before.get('other')]).toEqual([1, 1, 200]);

  observe(early, 50);
  observe(seed.topic(cluster, 'a-new-one', null), 5);
  seed.close();
  const after = await scrape();
  await service.close();
  expect([...after.keys()]).toEqual([...before.keys()]);
  expect(after.get('other')).toBe(255);
  for (const [name, value] of before) expect(after.get(name)).toBeGreaterThanOrEqual(value);
});

test('1,200 watched groups: those watched first are told by name, though one was known before them all', async () => {
  const storePath = join(folder.path, 'watched.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  const early = seed.group(cluster, 'instrumented-before');
  const watch = (grp: number, rebalances: number) => {
    const since = { since: BEGIN, members: '[]', updated_at: BEGIN, state_before: 'empty' };
    seed.row('watched_group', { grp, state: 'live', rebalances, ...since });
  };
  seed.db.transaction(() => {
    for (let i = 0; i < 1_200; i++) watch(seed.group(cluster, `group-${1_200 - i}`), 1);
  })();
  const { service, port } = await startService({ storePath });
  const scrape = async () =>
    valuesBy('group', 'dupescope_rebalances_total', (await ask(port, '/metrics')).text);
  const before = await scrape();
  expect(before.size).toBe(1_001);
  expect([before.get('group-1200'), before.get('group-201'), before.get('other')]).toEqual([1, 1, 200]);

  watch(early, 70);
  seed.close();
  const after = await scrape();
  await service.close();
  expect([...after.keys()]).toEqual([...before.keys()]);
  expect(after.get('other')).toBe(270);
});

test('1,200 groups seen by their commits alone: one that is watched later takes nobody else from its name', async () => {
  const storePath = join(folder.path, 'committing.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  const early = seed.group(cluster, 'instrumented-before');
  const commit = (grp: number, commits: number) => seed.row('commit_total', { grp, commits });
  const watch = (grp: number) => {
    const since = { since: BEGIN, members: '[]', updated_at: BEGIN, state_before: 'empty' };
    seed.row('watched_group', { grp, state: 'live', rebalances: 3, ...since });
  };
  const all: number[] = [];
  seed.db.transaction(() => {
    for (let i = 0; i < 1_200; i++) {
      const grp = seed.group(cluster, `group-${1_200 - i}`);
      all.push(grp);
      commit(grp, 1);
    }
  })();
  const { service, port } = await startService({ storePath });
  const scrape = async () => {
    const { text } = await ask(port, '/metrics');
    const of = (name: string) => valuesBy('group', `dupescope_${name}_total`, text);
    return { commits: of('commits'), rebalances: of('rebalances') };
  };
  const before = await scrape();
  expect(before.commits.size).toBe(1_001);
  const named = ['group-1200', 'group-201', 'other'].map((group) => before.commits.get(group));
  expect(named).toEqual([1, 1, 200]);

  // One of the named, one of the others, one that was known before all of them, and one that is new.
  for (const grp of [all[0] as number, all[1_100] as number, early]) watch(grp);
  watch(seed.group(cluster, 'a-new-one'));
  commit(early, 50);
  seed.close();
  const after = await scrape();
  await service.close();
  expect([...after.commits.keys()]).toEqual([...before.commits.keys()]);
  expect(after.commits.get('other')).toBe(250);
  expect([...after.rebalances]).toEqual([
    ['group-1200', 3],
    ['other', 9],
  ]);
});

test('partitions beyond the bound: exposure adds up, its age is the greatest', async () => {
  const storePath = join(folder.path, 'partitions.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  const group = seed.group(cluster, 'wide');
  const topic = seed.topic(cluster, 'orders', null);
  const session = seed.session(group, 'a', BEGIN);
  const now = Date.now();
  seed.db.transaction(() => {
    for (let i = 0; i < 6_000; i++) {
      const since = i === 5_999 ? now - 3_600_000 : now;
      const gp = seed.place(group, topic, i);
      const at = { exposed_since: since, updated_at: now };
      seed.row('position', { gp, session, next: 10, handled: 10, committed: 8, ...at });
    }
  })();
  seed.close();
  const { service, port } = await startService({ storePath });
  const { text } = await ask(port, '/metrics');
  await service.close();
  const other = '{cluster="other",group="other",topic="other",partition="other"}';
  expect(text).toContain(`dupescope_exposure_records${other} 2000\n`);
  const age = text.split(`dupescope_exposure_seconds${other} `)[1]?.split('\n')[0];
  expect(Number(age)).toBeGreaterThanOrEqual(3_600);
  expect(text).toContain('dupescope_label_sets_in_other{of="exposure"} 1000\n');
});

test('names made to break the format', async () => {
  const storePath = join(folder.path, 'hostile.db');
  const names = [
    'a"b\\c\nd',
    'zero\u0000byte',
    'bell\u0007 tab\t return\r',
    '} 5\ndupescope_deliveries_total{group="forged',
    '# TYPE dupescope_forged counter',
    '\u202eright to left \u{1f600}',
    'other',
    'x'.repeat(32_000),
    `${'x'.repeat(31_999)}y`,
    `${'\u{1f600}'.repeat(300)}`,
    '',
  ];
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c1');
  const topic = seed.topic(cluster, 'orders', null);
  for (const name of names) seed.place(seed.group(cluster, name), topic, 0, { deliveries: 3 });
  seed.close();
  const { service, port } = await startService({ storePath });
  const plain = await ask(port, '/metrics');
  const open = await ask(port, '/metrics', OPEN);
  await service.close();
  for (const { text } of [plain, open]) {
    const told = deliveriesIn(text);
    // Long names that differ at their end alone stay apart.
    expect([...told.values()]).toEqual(names.map(() => 3));
    for (const group of told.keys()) expect(Buffer.byteLength(group)).toBeLessThanOrEqual(800);
  }
  expect(promtool(plain.text)).toBe('');
});

test('every metric has help, type and unit; exemplars lead to the trace of the latest redelivery', async () => {
  const storePath = join(folder.path, 'story.db');
  seedStory(storePath);
  const seed = new Seed(storePath);
  const place = seed.db.prepare('SELECT min(gp) FROM redelivery').pluck().get() as number;
  seed.row('cause_total', { gp: place, cause: 'seek', records: 50 });
  seed.db.prepare("UPDATE redelivery SET settled = 1, cause = 'seek' WHERE first = 150").run();
  const latest = latestRedeliveries(seed.db, 10).find(({ group }) => group === 'billing');
  seed.close();
  const { service, port } = await startService({ storePath });
  const plain = await ask(port, '/metrics');
  const open = await ask(port, '/metrics', OPEN);
  await service.close();

  const families = [...open.text.matchAll(/^# TYPE (\S+) \w+$/gm)].map(([, name]) => name as string);
  expect(families.length).toBeGreaterThan(20);
  for (const name of families) {
    expect(open.text).toMatch(new RegExp(`^# HELP ${name} .{15,}\\. In [a-z ]+$`, 'm'));
    expect(open.text).not.toContain(`_total_total`);
  }
  for (const [, name, unit] of open.text.matchAll(/^# UNIT (\S+) (\S+)$/gm)) {
    expect(name).toMatch(new RegExp(`_${unit}$`));
  }
  expect(open.text).toContain('# UNIT dupescope_exposure_seconds seconds\n');
  expect(plain.text).not.toContain('# UNIT');
  expect(plain.text).not.toContain('trace_id');

  if (latest === undefined) throw new Error('the story has redeliveries of billing');
  const ids = new PlaceIds({ ...latest, clusterId: latest.cluster }, 'billing');
  const exemplar = `# {trace_id="${ids.trace(latest.first)}"} ${latest.last - latest.first + 1} ${latest.at / 1000}\n`;
  const labels = 'cluster="c1",group="billing",topic="orders"';
  expect(open.text).toContain(`dupescope_redeliveries_total{${labels}} 104 ${exemplar}`);
  expect(open.text).toContain(`dupescope_redelivery_causes_total{${labels},cause="seek"} 50 ${exemplar}`);
});

test('over a restart, with retention in between, no counter goes down', async () => {
  const storePath = join(folder.path, 'restart.db');
  seedStory(storePath);
  const counters = async () => {
    const { service, port } = await startService({ storePath });
    const { text } = await ask(port, '/metrics');
    await service.close();
    return new Map(
      [...text.matchAll(/^(dupescope_\w+_total(?:\{.*\})?) (\S+)$/gm)].map(([, name, value]) => [
        name,
        Number(value),
      ]),
    );
  };
  const before = await counters();
  const seed = new Seed(storePath);
  const { id } = seed.db.prepare('SELECT grp AS id FROM watched_group').get() as { id: number };
  seed.db.exec('DELETE FROM dropped_detail; DELETE FROM redelivery; DELETE FROM watched_group');
  const [gone] = [await counters()];
  for (const [name, value] of before) expect([name, gone.get(name)]).toEqual([name, value]);

  // The group comes back, and more is dropped: both add to what was.
  const since = { since: BEGIN, members: '[]', updated_at: BEGIN, state_before: 'empty' };
  seed.row('watched_group', { grp: id, state: 'live', rebalances: 2, ...since });
  seed.db.prepare('UPDATE watched_group SET rebalances = rebalances + 5').run();
  seed.row('dropped_detail', {
    journal: 'k',
    seq: 1,
    at: BEGIN,
    events: 1,
    deliveries: 4,
    reason: 'disk full',
  });
  seed.close();
  const after = await counters();
  const grown = [...after].filter(([name, value]) => value !== before.get(name));
  expect(grown).toEqual([
    ['dupescope_rebalances_total{cluster="c1",group="audit"}', 10],
    ['dupescope_dropped_detail_total', 11],
  ]);
});
