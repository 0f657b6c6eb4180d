import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TRIES = 50;

/** A folder of the test's own, removed after the file's tests. */
export function testFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), `dupescope-${prefix}-`));
  afterAll(() => remove(folder), 30_000);
  return folder;
}

/** A writer's thread that just ends may still make a file between the look into the folder and its removal. */
async function remove(folder: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      rmSync(folder, { recursive: true, force: true });
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOTEMPTY' || tries === TRIES) throw error;
      await sleep(100);
    }
  }
}
