/**
 * Where a message stands in the log by its id alone. Asked of the process that observes, where that is this one; else
 * the store's log of identities is read through, a few milliseconds at a time, so that other requests go on.
 */
import { setImmediate } from 'node:timers/promises';
import type { Store } from '../store/open';
import { type IdentityPlace, scanLog, wantedHashes } from '../store/queries';

export interface FoundPlaces {
  places: IdentityPlace[];
  /** False: not all of the log could be read in time. */
  complete: boolean;
}

export interface IdentitySource {
  find(text: string): Promise<FoundPlaces>;
}

/** The open index of the writer; null: it has none, or did not answer in time. */
export type AskIndex = (text: string, limitMs: number) => Promise<IdentityPlace[] | null>;

/** About 5 ms of reading: 125,000 identities. */
const STEP_BLOCKS = 500;
const INDEX_LIMIT_MS = 2_000;

/**
 * @param read runs in a read transaction of its own
 * @param limitMs how long the log may be read
 */
export function identitySource(
  read: <T>(use: (db: Store) => T) => T,
  limitMs: number,
  askIndex: AskIndex = async () => null,
): IdentitySource {
  return {
    async find(text) {
      const known = await askIndex(text, INDEX_LIMIT_MS);
      if (known !== null) return { places: known, complete: true };
      const until = performance.now() + limitMs;
      const wanted = read((db) => wantedHashes(db, text));
      const places: IdentityPlace[] = [];
      if ([...wanted.values()].every((hashes) => hashes.length === 0)) return { places, complete: true };
      for (let from = 0; ; ) {
        const step = read((db) => scanLog(db, wanted, from, STEP_BLOCKS));
        places.push(...step.places);
        if (step.next === null) return { places, complete: true };
        if (performance.now() > until) return { places, complete: false };
        from = step.next;
        await setImmediate();
      }
    },
  };
}
