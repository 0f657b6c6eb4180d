import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { makeLatch, shut, whole } from '../src/latch';

const APP = join(__dirname, 'support/latch-app.js');

describe('the latch of a thread', () => {
  test('a process whose compressing threads are ended lives on', () => {
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [APP, 'shut'], {
      encoding: 'utf8',
    });
    expect({ status, signal, stdout, stderr }).toEqual({
      ...{ status: 0, signal: null, stdout: 'ended 60', stderr: '' },
    });
  });

  test('is open, works, and does nothing once it is shut', () => {
    const latch = makeLatch();
    expect(whole(() => 1, latch)).toBe(1);
    expect(() =>
      whole(() => {
        throw new Error('bad');
      }, latch),
    ).toThrow('bad');
    shut(latch, 60_000);
    expect(whole(() => 1, latch)).toBeNull();
  });

  test('without one the work is done', () => {
    expect(whole(() => 1, undefined)).toBe(1);
  });
});
