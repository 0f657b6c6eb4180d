import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, fixedLag, json, startService } from './running';
import { Seed, seedStory, temporaryFolder } from './seed';

const folder = temporaryFolder();
afterAll(() => folder.remove());

function removeStore(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
}

test('a store may come, go, break, and come back', async () => {
  const path = join(folder.path, 'coming.db');
  const { service, port } = await startService({ storePath: path });
  const missing = await ask(port, '/v1/summary');
  expect([missing.status, JSON.parse(missing.text).code]).toEqual([503, 'store-missing']);
  expect(missing.headers['retry-after']).toBe('2');
  expect((await ask(port, '/healthz')).status).toBe(200);
  expect((await ask(port, '/readyz')).status).toBe(503);
  expect((await ask(port, '/metrics')).status).toBe(503);
  // What is wrong with the question is told whether there is a store or not.
  expect((await ask(port, '/v1/redeliveries?limit=x')).status).toBe(400);

  seedStory(path);
  expect(await json(port, '/v1/summary')).toMatchObject({ groups: 4 });
  expect((await ask(port, '/readyz')).status).toBe(200);

  removeStore(path);
  expect((await ask(port, '/v1/summary')).status).toBe(503);
  writeFileSync(path, '');
  expect(await json(port, '/v1/summary', 503)).toMatchObject({ code: 'store-missing' });
  writeFileSync(path, 'this is not SQLite, and never was'.repeat(100));
  expect(await json(port, '/v1/summary', 503)).toMatchObject({ code: 'store-corrupt' });

  removeStore(path);
  const seed = new Seed(path);
  seed.group(seed.cluster('only'), 'one');
  seed.close();
  expect(await json(port, '/v1/summary')).toMatchObject({ groups: 1 });
  await service.close();
});

test('a store that was replaced by another file is read anew', async () => {
  const [path, next] = [join(folder.path, 'old.db'), join(folder.path, 'new.db')];
  seedStory(next);
  new Seed(path).close();
  const { service, port } = await startService({ storePath: path });
  expect(await json(port, '/v1/summary')).toMatchObject({ groups: 0 });
  copyFileSync(next, `${next}.copy`);
  renameSync(`${next}.copy`, path);
  expect(await json(port, '/v1/summary')).toMatchObject({ groups: 4 });
  await service.close();
});

test('ready waits for the first answer of the lag source', async () => {
  const path = join(folder.path, 'lag.db');
  seedStory(path);
  const lag = fixedLag();
  lag.answered = false;
  const { service, port } = await startService({ storePath: path, lag });
  expect(await json(port, '/readyz', 503)).toEqual({
    status: 'failing',
    problems: ['Consumer lag has not been read yet.'],
  });
  lag.answered = true;
  expect(await json(port, '/readyz')).toEqual({ status: 'ok', problems: [] });
  await service.close();
});
