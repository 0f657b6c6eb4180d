import { join } from 'node:path';
import { csvCell } from '../../src/service/format';
import type { Group, Page, Redelivery } from '../../src/service/schemas';
import { ask, json, type Running, startService } from './running';
import { Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
const storePath = join(folder.path, 'pages.db');
const ROWS = 1_234;
let running: Running;

beforeAll(async () => {
  seedStory(storePath);
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c9');
  const topic = seed.topic(cluster, 'many', null);
  seed.db.transaction(() => {
    for (let g = 0; g < 3; g++) {
      const group = seed.group(cluster, `many-${g}`);
      const session = seed.session(group, `many-${g}`, 0);
      const gps = [0, 1].map((partition) => seed.place(group, topic, partition));
      const runs = gps.map((gp) => seed.run(gp, session, { first: 0, last: 60_000, at: 1_000 }));
      for (let i = g; i < ROWS; i += 3) {
        // Many share a time: the id decides.
        const at = 1_700_000_000_000 + Math.floor(i / 7) * 1_000;
        seed.redelivery(gps[i % 2] as number, runs[i % 2] as number, runs[i % 2] as number, {
          first: i,
          last: i,
          at,
        });
      }
    }
  })();
  seed.close();
  running = await startService({ storePath });
});
afterAll(async () => {
  await running.service.close();
  folder.remove();
});

async function allPages(path: string, from: string | null = null): Promise<Redelivery[]> {
  const found: Redelivery[] = [];
  let cursor = from;
  do {
    const next: string = cursor === null ? path : `${path}&cursor=${cursor}`;
    const page: Page<Redelivery> = await json(running.port, next);
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

test.each([
  ['cluster=c9&limit=100', ROWS],
  ['cluster=c9&limit=1000', ROWS],
  ['group=many-1&limit=37', 411],
  ['topic=many&partition=1&limit=50', ROWS / 2],
  ['limit=100', ROWS + 4],
  ['since=3h&limit=1', 4],
  ['topic=many&partition=0&first_offset=100&last_offset=299&limit=7', 100],
])('pages of ?%s lose nothing and repeat nothing', async (query, count) => {
  const found = await allPages(`/v1/redeliveries?${query}`);
  expect(found).toHaveLength(count);
  expect(new Set(found.map((item) => item.id)).size).toBe(count);
  const keys = found.map((item) => Date.parse(item.at) * 1e6 + item.id);
  expect(keys).toEqual([...keys].sort((a, b) => b - a));
});

test.each(['limit=1', 'limit=3', 'cluster=c9&limit=2', 'group=billing&limit=1'])(
  'groups by need: the worst first, pages of ?%s lose nothing and repeat nothing',
  async (query) => {
    const weight = (one: Group) => [
      one.incidents_open,
      one.premature + one.skipped,
      one.redeliveries,
      one.deliveries,
    ];
    const inOrder = (a: Group, b: Group) => {
      const at = weight(a).findIndex((value, i) => value !== weight(b)[i]);
      if (at >= 0) return (weight(b)[at] as number) - (weight(a)[at] as number);
      return a.group < b.group ? -1 : 1;
    };
    const filters = query.replace(/limit=\d+/, 'limit=1000');
    const { items: all } = await json<Page<Group>>(running.port, `/v1/groups?${filters}`);
    expect(all.length).toBeGreaterThan(1);
    const found: Group[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page<Group> = await json(
        running.port,
        `/v1/groups?order=worst&${query}${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      found.push(...page.items);
      cursor = page.next_cursor;
    }
    const names = (groups: readonly Group[]) => groups.map(({ group, cluster }) => [cluster, group]);
    expect(names(found)).toEqual(names([...all].sort(inOrder)));
  },
);

test('a cursor by name is refused by the order of the worst', async () => {
  const { next_cursor: cursor } = await json<Page<Group>>(running.port, '/v1/groups?limit=1');
  const answer = await ask(running.port, `/v1/groups?order=worst&limit=1&cursor=${cursor}`);
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { code: 'bad-cursor' }]);
});

test('what is found while pages are read changes no later page', async () => {
  const path = '/v1/redeliveries?topic=many&limit=500';
  const before = await allPages(path);
  const first = await json<Page<Redelivery>>(running.port, path);
  const seed = new Seed(storePath);
  const { gp, run } = seed.db.prepare('SELECT gp, run FROM redelivery ORDER BY at LIMIT 1').get() as {
    gp: number;
    run: number;
  };
  const added = seed.redelivery(gp, run, run, { first: 50_000, last: 50_000, at: Date.now() });
  const rest = await allPages(path, first.next_cursor);
  seed.db.prepare('DELETE FROM redelivery WHERE id = ?').run(added);
  seed.close();
  expect([...first.items, ...rest]).toEqual(before);
});

test('groups are paged too', async () => {
  const names: string[] = [];
  let cursor: string | null = null;
  do {
    const path: string = `/v1/groups?limit=2${cursor === null ? '' : `&cursor=${cursor}`}`;
    const page: Page<Group> = await json(running.port, path);
    names.push(...page.items.map((group) => `${group.group}@${group.cluster}`));
    cursor = page.next_cursor;
  } while (cursor !== null);
  expect(names).toEqual([
    '=cmd()@c2',
    'audit@c1',
    'billing@c1',
    'billing@c2',
    'many-0@c9',
    'many-1@c9',
    'many-2@c9',
  ]);
});

describe('a cursor', () => {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test.each([
    ['x'],
    ['%00'],
    ['a'.repeat(5_000)],
    [encoded(null)],
    [encoded([])],
    [encoded({ v: 1, k: 'groups', f: 'x', group: 'g', id: 1 })],
    [encoded({ v: 1, k: 'redeliveries', f: 'x', at: 'now', id: 1, since: null, until: null })],
    [encoded({ v: 2, k: 'redeliveries', f: 'x', at: 1, id: 1, since: null, until: null })],
    [encoded({ v: 1, k: 'redeliveries', f: 'x', at: 1, id: 1, since: null, until: null, more: 1 })],
  ])('%.30s is refused', async (cursor) => {
    const answer = await ask(running.port, `/v1/redeliveries?cursor=${cursor}`);
    expect(answer.status).toBe(400);
    expect(answer.text).toMatch(/"code":"bad-(cursor|parameter)"/);
  });

  test('of other filters is refused', async () => {
    const { next_cursor } = await json<Page<Redelivery>>(running.port, '/v1/redeliveries?topic=many&limit=5');
    const problem = await json(
      running.port,
      `/v1/redeliveries?topic=orders&limit=5&cursor=${next_cursor}`,
      400,
    );
    expect(problem).toMatchObject({ code: 'bad-cursor', detail: expect.stringContaining('other filters') });
  });

  test('keeps a relative time as it was at the first page', async () => {
    const { next_cursor } = await json<Page<Redelivery>>(running.port, '/v1/redeliveries?since=3h&limit=1');
    const cursor = JSON.parse(Buffer.from(next_cursor ?? '', 'base64url').toString()) as { since: number };
    expect(Math.abs(cursor.since - (Date.now() - 3 * 3_600_000))).toBeLessThan(60_000);
  });
});

describe('formats', () => {
  test('ndjson: a line an item, the next page in the Link header', async () => {
    const answer = await ask(running.port, '/v1/redeliveries?limit=3&format=ndjson');
    expect(answer.headers['content-type']).toContain('application/x-ndjson');
    const lines = answer.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Redelivery);
    expect(lines).toHaveLength(3);
    const next = /^<([^>]+)>; rel="next"$/.exec(String(answer.headers.link))?.[1] ?? '';
    const second = await ask(running.port, next);
    expect(second.text.trim().split('\n')).toHaveLength(3);
    expect(second.text).not.toContain(`"id":${lines[0]?.id},`);
  });

  test('csv: a header, one column a field, formulas disarmed', async () => {
    const answer = await ask(running.port, '/v1/redeliveries?cluster=c2&format=csv');
    expect(answer.headers['content-type']).toContain('text/csv');
    const [header = '', row = '', end] = answer.text.split('\r\n');
    expect(header).toMatch(/^id,version,at,cluster,group,topic,/);
    expect(header).toContain('delivery_host');
    expect(header).toContain('previous_outcome');
    expect(row.split(',')).toHaveLength(header.split(',').length);
    expect(row).toContain(",'=cmd(),");
    expect(end).toBe('');
    const empty = await ask(running.port, '/v1/redeliveries?group=none&format=csv');
    expect(empty.text).toBe(`${header}\r\n`);
  });

  test.each([
    ['=1+1', "'=1+1"],
    ['+a', "'+a"],
    ['-a', "'-a"],
    ['@a', "'@a"],
    ['\ta', "'\ta"],
    ['\ra', '"\'\ra"'],
    ['-1.5', '-1.5'],
    ['a,b', '"a,b"'],
    ['say "a"', '"say ""a"""'],
  ])('cell %j', (text, cell) => {
    expect(csvCell(text)).toBe(cell);
  });
});
