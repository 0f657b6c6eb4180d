/**
 * Some test files want the machine for themselves: dozens of processes whose sessions end when they are not given the
 * time, and whose load would end the sessions of any other test. Whoever needs that waits until the files of the other
 * workers are done, and those wait for it. A file of the folder stands for a worker that runs a test file, or for one that
 * is alone or wants to be; one of a process that is gone stands for nothing.
 *
 *     sharing, while nobody is or wants to be alone -> the file's tests -> gone
 *     alone, once no living process shares         -> the file's tests -> gone
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ALONE = ['chaos/chaos.test.ts'].map((file) => file.replaceAll('/', sep));
/** All that another worker has in hand. */
const LIMIT_MS = 900_000;

const folder = process.env.DUPESCOPE_TEST_TURNS as string;
const isAlone = ALONE.some((file) => expect.getState().testPath?.endsWith(file));
const own = join(folder, `${isAlone ? 'alone' : 'sharing'}-${process.pid}`);

function others(kind: 'alone' | 'sharing'): boolean {
  return readdirSync(folder).some((name) => {
    const [of, pid] = name.split('-');
    return of === kind && Number(pid) !== process.pid && isLiving(Number(pid));
  });
}

function isLiving(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

beforeAll(async () => {
  for (;;) {
    if (isAlone || !others('alone')) writeFileSync(own, '');
    if (!others(isAlone ? 'sharing' : 'alone')) return;
    // Of two that come at once the one that shares gives way.
    if (!isAlone) rmSync(own, { force: true });
    await sleep(200);
  }
}, LIMIT_MS);

afterAll(() => rmSync(own, { force: true }));
