import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of the test's own, removed after the file's tests. */
export function testFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), `dupescope-${prefix}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}
