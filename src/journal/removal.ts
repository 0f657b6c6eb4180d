/**
 * Removing a journal that the store has. First it gets another name, in one step: whoever looks at the same journal
 * sees all of it or nothing, also where the removal is cut short. What is left of those that were is swept up later.
 */
import { readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const GONE = '.gone';

/** For the one who holds the journal's lock. Throws what the file system throws. */
export function removeJournal(folder: string): void {
  const gone = `${folder}${GONE}`;
  try {
    renameSync(folder, gone);
  } catch {
    // Not there any more, or it cannot be renamed (open files on Windows, a full disk): as it is, then.
    rmSync(folder, { recursive: true, force: true });
    return;
  }
  rmSync(gone, { recursive: true, force: true });
}

/** Ids of the journals in `root`. Takes away what is left of those that were removed. Throws what reading a folder throws. */
export function journalsIn(root: string): string[] {
  const names = readdirSync(root);
  for (const name of names) {
    if (!name.endsWith(GONE)) continue;
    try {
      rmSync(join(root, name), { recursive: true, force: true });
    } catch {
      // The one who removes it is still at it, or the next look does it.
    }
  }
  return names.filter((name) => !name.endsWith(GONE));
}
