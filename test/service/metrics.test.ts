import { join } from 'node:path';
import { ask, fixedLag, startService } from './running';
import { Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** Samples by name and labels; fails on any line that the text format does not know. */
function parsed(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.trim().split('\n')) {
    if (line === '' || /^# (HELP|TYPE|UNIT) dupescope_\w+ \S/.test(line) || line === '# EOF') continue;
    const found =
      /^(dupescope_\w+)(\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? (-?[\d.e+]+)(?: # \{trace_id="[0-9a-f]{32}"\} \S+ \S+)?$/.exec(
        line,
      );
    if (found === null) throw new Error(`not a sample: ${line}`);
    samples.set(`${found[1]}${found[2] ?? ''}`, Number(found[3]));
  }
  return samples;
}

test('both formats carry the same samples', async () => {
  const storePath = join(folder.path, 'story.db');
  seedStory(storePath);
  const { service, port } = await startService({ storePath, lag: fixedLag() });
  const plain = await ask(port, '/metrics');
  const open = await ask(port, '/metrics', {
    headers: { accept: 'application/openmetrics-text; version=1.0.0' },
  });
  await service.close();
  expect(plain.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(open.headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  expect(open.text.endsWith('# EOF\n')).toBe(true);
  expect(open.text).toContain('# TYPE dupescope_deliveries counter');

  const samples = parsed(plain.text);
  expect([...parsed(open.text).keys()].sort()).toEqual([...samples.keys()].sort());
  const billing = 'cluster="c1",group="billing",topic="orders"';
  // A recreated topic goes on counting: 10 of the old one, 305 of the new.
  expect(samples.get(`dupescope_deliveries_total{${billing}}`)).toBe(315);
  expect(samples.get(`dupescope_redeliveries_total{${billing}}`)).toBe(104);
  expect(samples.get(`dupescope_uncertain_records_total{${billing}}`)).toBe(4);
  expect(samples.get(`dupescope_exposure_records{${billing},partition="0"}`)).toBe(30);
  expect(samples.get(`dupescope_exposure_seconds{${billing},partition="0"}`)).toBeGreaterThanOrEqual(4);
  expect(samples.get(`dupescope_consumer_lag_records{${billing},partition="0"}`)).toBe(100);
  expect(samples.get('dupescope_sessions{cluster="c1",group="billing"}')).toBe(1);
  expect(samples.get('dupescope_sessions{cluster="c2",group="billing"}')).toBe(0);
  expect(samples.get('dupescope_dropped_detail_total')).toBe(7);
});

test('without a lag source no lag; what retention takes away lowers no counter', async () => {
  const storePath = join(folder.path, 'retained.db');
  seedStory(storePath);
  const { service, port } = await startService({ storePath });
  const before = parsed((await ask(port, '/metrics')).text);
  expect([...before.keys()].some((name) => name.startsWith('dupescope_consumer_lag'))).toBe(false);
  const seed = new Seed(storePath);
  seed.db.exec('DELETE FROM dropped_detail; DELETE FROM redelivery; DELETE FROM delivery_run');
  seed.close();
  const after = parsed((await ask(port, '/metrics')).text);
  await service.close();
  for (const [name, value] of before) {
    if (name.includes('_total')) expect([name, after.get(name)]).toEqual([name, value]);
  }
});

test('what was perhaps applied again is counted, and no late fact lowers a counter, over a restart neither', async () => {
  const storePath = join(folder.path, 'again.db');
  seedStory(storePath);
  const seed = new Seed(storePath);
  const counted = async () => {
    const { service, port } = await startService({ storePath });
    const { text } = await ask(port, '/metrics');
    await service.close();
    const samples = parsed(text);
    const of = (name: string) =>
      samples.get(`dupescope_${name}{cluster="c1",group="billing",topic="orders"}`);
    return [of('applied_again_total'), of('perhaps_applied_again_total')];
  };
  expect(await counted()).toEqual([10, 2]);
  const change = (again: number, perhaps: number) =>
    seed.db
      .prepare('UPDATE group_partition SET applied_again = ?, perhaps_again = ? WHERE hits > 0')
      .run(again, perhaps);
  change(9, 1);
  expect(await counted()).toEqual([10, 2]);
  // Up to what was told already nothing is new.
  change(11, 2);
  expect(await counted()).toEqual([11, 2]);
  change(11, 5);
  expect(await counted()).toEqual([11, 5]);
  seed.close();
});

test('names with quotes and line breaks stay one line', async () => {
  const storePath = join(folder.path, 'odd.db');
  const seed = new Seed(storePath);
  const cluster = seed.cluster('c');
  seed.place(seed.group(cluster, 'a"b\\c\nd'), seed.topic(cluster, 't', null), 0, { deliveries: 3 });
  seed.close();
  const { service, port } = await startService({ storePath });
  const samples = parsed((await ask(port, '/metrics')).text);
  await service.close();
  expect(samples.get('dupescope_deliveries_total{cluster="c",group="a\\"b\\\\c\\nd",topic="t"}')).toBe(3);
});
