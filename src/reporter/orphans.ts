/** Journals that processes of this host left behind when they died: told to the end, then removed. */
import { join } from 'node:path';
import { isProvenDead, JournalReader, journalsIn, type OwnerIdentity, removeJournal } from '../journal';
import { JournalFeed } from './feed';

export class Orphans {
  private readonly owners = new Map<string, OwnerIdentity>();

  /** @param root folder of the journals of all processes that report to this service */
  constructor(
    private readonly root: string,
    private readonly ownJournal: string,
  ) {}

  /**
   * @param deliver tells the whole journal; false when that failed
   * Answers false in that case: what is left is found again at the next sweep.
   */
  async sweep(deliver: (feed: JournalFeed) => Promise<boolean>): Promise<boolean> {
    const found = journalsIn(this.root).filter((id) => id !== this.ownJournal);
    for (const id of this.owners.keys()) if (!found.includes(id)) this.owners.delete(id);
    for (const id of found) {
      const folder = join(this.root, id);
      const owner = this.ownerOf(id, folder);
      // No header yet: its owner is being born, or died in that moment and left nothing to tell.
      if (owner === null) continue;
      const lock = isProvenDead(folder, owner);
      if (lock === null) continue;
      try {
        if (!(await deliver(new JournalFeed(folder, true)))) return false;
        removeJournal(folder);
      } finally {
        lock.release();
      }
    }
    return true;
  }

  private ownerOf(id: string, folder: string): OwnerIdentity | null {
    const known = this.owners.get(id);
    if (known !== undefined) return known;
    const reader = new JournalReader(folder);
    reader.read(1);
    if (reader.owner !== null) this.owners.set(id, reader.owner);
    return reader.owner;
  }
}
