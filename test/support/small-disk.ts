/** A real small disk. Only root may mount one: without it such tests cannot run, and say so. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  folder: string;
  fill(): void;
  makeRoom(): void;
  /** Nothing is written any more, whoever asks. */
  makeReadOnly(): void;
  remove(): void;
}

const mounted = new Set<string>();

function mount(prefix: string, mebibytes: number): string {
  const folder = mkdtempSync(join(tmpdir(), `dupescope-${prefix}-`));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    rmSync(folder, { recursive: true });
    throw error;
  }
  mounted.add(folder);
  return folder;
}

function unmount(folder: string): void {
  if (!mounted.delete(folder)) return;
  // A thread that just ends may hold a file for a moment more: the kernel takes the rest away with it.
  execFileSync('umount', ['-l', folder]);
  rmSync(folder, { recursive: true, force: true });
}

export function smallDisk(prefix: string, mebibytes = 4): SmallDisk {
  const folder = mount(prefix, mebibytes);
  return {
    folder,
    fill() {
      const { bavail, bsize } = statfsSync(folder);
      writeFileSync(join(folder, 'filler'), Buffer.alloc(bavail * bsize));
      expect(statfsSync(folder).bavail).toBe(0);
    },
    makeRoom: () => rmSync(join(folder, 'filler')),
    makeReadOnly: () => execFileSync('mount', ['-o', 'remount,ro', folder]),
    remove: () => unmount(folder),
  };
}

function canMount(): boolean {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return false;
  try {
    unmount(mount('try', 1));
    return true;
  } catch {
    return false;
  }
}

export const onSmallDisk = canMount() ? test : test.skip;
if (onSmallDisk === test.skip) {
  console.warn('SKIPPED: the tests on a small disk need root on Linux (they mount a tmpfs of 4 MiB)');
}

// Of tests that failed.
afterAll(() => {
  for (const folder of mounted) unmount(folder);
});
