/**
 * Where a message stands that nobody asked to remember: each identity within the windows is in the log, whether a copy
 * of it was found or not. Two ways: the open index of the process that observes finds it by its tags (a few block reads,
 * the same at any size); whoever has the store file alone reads the log through, in steps that end.
 */
import { askedHashes, hexOf } from '../../identity';
import {
  countOf,
  type Entry,
  entryAt,
  entryOf,
  firstOffsetIn,
  hasHash,
  hashInto,
  NO_PRODUCER,
} from '../identity/block';
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

export interface RememberedPlace extends IdentityPlace {
  /** In hex; the log keeps 80 bits of it, the others are 0. It is asked for as a whole one is. */
  hash: string;
}

/** So many blocks are read for one record at most, those of other topics between them included. */
const READ_MAX = 4_000;
const STEP = 16;

/**
 * What is remembered of the record at that place; undefined: nothing, or not found in so many blocks. A partition's
 * records stand in their order, so the block is found by halving: of 40,000 blocks some 16 are decoded.
 * @param topic its row
 */
export function rememberedAt(
  db: Store,
  { topic, partition, offset }: { topic: number; partition: number; offset: number },
): RememberedPlace | undefined {
  const windowSql = 'SELECT first_block AS low, tail_block AS high FROM identity_window WHERE topic = @topic';
  const window = statement<{ low: number; high: number }>(db, windowSql).get({ topic });
  if (window === undefined) return undefined;
  const sql = `
    SELECT block, CASE WHEN topic = @topic THEN entries END AS entries FROM identity_log
    WHERE block BETWEEN @from AND @to ORDER BY block LIMIT @limit`;
  const blocks = statement<{ block: number; entries: Buffer | null }>(db, sql);
  let left = READ_MAX;
  /** The first block within [from..to] that has records of the partition. */
  const next = (from: number, to: number): { block: number; entries: Buffer; first: number } | null => {
    for (let at = from; at <= to && left > 0; ) {
      const rows = blocks.all({ topic, from: at, to, limit: STEP });
      left -= rows.length;
      for (const { block, entries } of rows) {
        const first = entries === null ? null : firstOffsetIn(entries, partition);
        if (entries !== null && first !== null) return { block, entries, first };
      }
      at = rows.length < STEP ? to + 1 : (rows.at(-1)?.block ?? to) + 1;
    }
    return null;
  };
  for (let { low, high } = window; low <= high && left > 0; ) {
    const middle = Math.floor((low + high) / 2);
    const found = next(middle, high);
    if (found === null || found.first > offset) {
      high = middle - 1;
      continue;
    }
    const i = entryOf(found.entries, partition, offset);
    if (i !== null) {
      const words = new Uint32Array(4);
      hashInto(found.entries, i, words);
      return { ...placeOfEntry(topic, entryAt(found.entries, i)), hash: hexOf(words, 0) };
    }
    low = found.block + 1;
  }
  return undefined;
}
