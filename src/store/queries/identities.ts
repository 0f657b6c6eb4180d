/**
 * Where a message stands that nobody asked to remember: each identity within the windows is in the log, whether a copy
 * of it was found or not. Two ways: the open index of the process that observes finds it by its tags (a few block reads,
 * the same at any size); whoever has the store file alone reads the log through, in steps that end.
 */
import { askedHashes, hexOf } from '../../identity';
import { countOf, type Entry, entryAt, hasHash, NO_PRODUCER } from '../identity/block';
import type { Store } from '../open';
import { statement } from './statement';

export interface IdentityPlace {
  /** The topic's row. */
  topic: number;
  partition: number;
  offset: number;
  /** Record time, unix ms. */
  at: number;
  /** Its own numbering; null: not an idempotent producer. */
  producer: { id: number; epoch: number; sequence: number } | null;
}

/** An entry of the log without its hash. @param topic its row */
export function placeOfEntry(topic: number, entry: Entry): IdentityPlace {
  const { partition, offset, at, producerId: id, producerEpoch: epoch, sequence } = entry;
  return { topic, partition, offset, at, producer: id === NO_PRODUCER ? null : { id, epoch, sequence } };
}

/** By the topic's row. */
export type WantedHashes = ReadonlyMap<number, readonly Uint32Array[]>;

/** Every hash that the text may have, in each topic that is observed. */
export function wantedHashes(db: Store, text: string): WantedHashes {
  const seed = statement<{ seed: Buffer }>(db, 'SELECT seed FROM identity_state').get({})?.seed as Buffer;
  const sql = `
    SELECT t.id, t.name, (SELECT json_group_array(f.source) FROM identity_found f
      WHERE f.topic = t.id AND f.source <> '') AS sources
    FROM identity_window w JOIN topic t ON t.id = w.topic`;
  const rows = statement<{ id: number; name: string; sources: string }>(db, sql).all({});
  return new Map(
    rows.map(({ id, name, sources }) => [id, askedHashes(text, name, JSON.parse(sources) as string[], seed)]),
  );
}

/** The hashes as copies are stored with. */
export function hexesOf(wanted: WantedHashes): string[] {
  return [...new Set([...wanted.values()].flat().map((words) => hexOf(words, 0)))];
}

/** One step through the log from that block on. `next` null: that was the end. */
export function scanLog(
  db: Store,
  wanted: WantedHashes,
  from: number,
  blocks: number,
): { places: IdentityPlace[]; next: number | null } {
  const places: IdentityPlace[] = [];
  let read = 0;
  let next = from;
  const sql =
    'SELECT block, topic, entries FROM identity_log WHERE block >= @from ORDER BY block LIMIT @blocks';
  const rows = statement<{ block: number; topic: number; entries: Buffer }>(db, sql).iterate({
    from,
    blocks,
  });
  for (const { block, topic, entries } of rows) {
    read++;
    next = block + 1;
    for (const words of wanted.get(topic) ?? []) {
      const count = countOf(entries);
      for (let i = 0; i < count; i++) {
        if (!hasHash(entries, i, words, 0)) continue;
        places.push(placeOfEntry(topic, entryAt(entries, i)));
      }
    }
  }
  return { places, next: read < blocks ? null : next };
}
