/**
 * Duplicates that a group was given: joins what the topic observer found with the group's deliveries, whichever comes
 * first. The account of each place alone is kept by `Hits`; what knowing the places of a message adds to it is a
 * function of those places and their deliveries, so each change of either adds what that function changed by.
 *
 * The copies of a message are read in parts of PART consecutive numbers, which share their ends: a message that was
 * written a million times costs no more a copy than one that was written twice.
 */
import { type Account, addAccount, correctionsOf, type FateOfRun, NO_ACCOUNT } from '../ledger';
import type { CopyTotals, DeliveredDelay } from './copy-totals';
import type { Deliveries } from './deliveries';
import type { Store } from './open';

const PART = 64;

/** A part of the copies that stand in one chain behind a first place; with `copies`, the part of that number. */
interface Part {
  partition: number;
  offset: number;
  part: number;
}

/** A copy by its number in the chain: the first place has 1. */
export interface NumberedCopy {
  firstPartition: number;
  firstOffset: number;
  copies: number;
}

interface CopyRow {
  id: number;
  kind: string;
  partition: number;
  offset: number;
  previousPartition: number;
  previousOffset: number;
  delayMs: number;
  foundAt: number;
}

interface Place {
  partition: number;
  offset: number;
  /** Null of the first place. */
  delay: DeliveredDelay | null;
}

/** Places of one message. */
type Message = readonly Place[];

/** A partition's row, as the group reads it, by its number. */
type GroupPlaces = ReadonlyMap<number, number>;

export class DeliveredDuplicates {
  private readonly statements;

  constructor(
    db: Store,
    private readonly deliveries: Deliveries,
    private readonly totals: CopyTotals,
  ) {
    this.statements = {
      place: db.prepare<[number], { group: number; topic: number; partition: number }>(
        'SELECT grp AS "group", topic, partition FROM group_partition WHERE id = ?',
      ),
      placesOf: db.prepare<[number], { gp: number; group: number; partition: number }>(
        'SELECT id AS gp, grp AS "group", partition FROM group_partition WHERE topic = ?',
      ),
      placesIn: db.prepare<[number, number], { gp: number; partition: number }>(
        'SELECT id AS gp, partition FROM group_partition WHERE grp = ? AND topic = ?',
      ),
      copiesIn: db.prepare<[number, number, number, number], NumberedCopy>(
        `SELECT first_partition AS firstPartition, first_offset AS firstOffset, copies FROM duplicate
         WHERE topic = ? AND partition = ? AND record_offset BETWEEN ? AND ?`,
      ),
      nextFirst: db
        .prepare<[number, number, number, number], number>(
          `SELECT first_offset FROM duplicate INDEXED BY duplicate_by_first
           WHERE topic = ? AND first_partition = ? AND first_offset BETWEEN ? AND ? ORDER BY first_offset LIMIT 1`,
        )
        .pluck(),
      part: db.prepare<[number, number, number, number, number], CopyRow>(
        `SELECT id, kind, partition, record_offset AS "offset", previous_partition AS previousPartition,
                previous_offset AS previousOffset, delay_ms AS delayMs, found_at AS foundAt
         FROM duplicate INDEXED BY duplicate_by_first
         WHERE topic = ? AND first_partition = ? AND first_offset = ? AND copies BETWEEN ? AND ?`,
      ),
      lastId: db.prepare<[], number>('SELECT coalesce(max(id), 0) FROM duplicate').pluck(),
      coveredTo: db
        .prepare<[number, number], number>(
          'SELECT last FROM coverage WHERE gp = ? AND first <= ? ORDER BY first DESC LIMIT 1',
        )
        .pluck(),
    };
  }

  /**
   * Before deliveries of [first..last], their ends or hits change. Answers what is to be done when they have; null:
   * nothing, no message there is known from another place.
   */
  before(gp: number, first: number, last: number): (() => void) | null {
    const at = this.statements.place.get(gp);
    if (at === undefined) return null;
    const parts = this.partsIn(at.topic, at.partition, first, last);
    const messages = parts.flatMap((part) => messagesOf(part, this.rowsOf(at.topic, part)));
    if (messages.length === 0) return null;
    const places = new Map(
      this.statements.placesIn.all(at.group, at.topic).map(({ gp, partition }) => [partition, gp]),
    );
    const was = this.corrections(messages, places);
    return () => this.settle(messages, places, was, this.corrections(messages, places));
  }

  /** To be asked before copies are written, and handed to `found`. */
  mark(): number {
    return this.statements.lastId.get() as number;
  }

  /** These copies of the topic were written behind the mark. Within the same transaction. */
  found(topic: number, copies: readonly NumberedCopy[], mark: number): void {
    const groups = new Map<number, Map<number, number>>();
    for (const { gp, group, partition } of this.statements.placesOf.all(topic)) {
      const places = groups.get(group) ?? new Map<number, number>();
      groups.set(group, places.set(partition, gp));
    }
    if (groups.size === 0) return;
    for (const part of partsOf(copies)) {
      const rows = this.rowsOf(topic, part);
      const fresh = rows.filter(({ id }) => id > mark);
      const known = messagesOf(
        part,
        rows.filter(({ id }) => id <= mark),
      );
      const messages = messagesOf(part, rows);
      for (const places of groups.values()) {
        if (!fresh.some((row) => this.isDelivered(row, places))) continue;
        const delivered = this.deliveriesOf(messages, places);
        const was = correctionsAt(known, delivered);
        this.settle(messages, places, was, correctionsAt(messages, delivered));
      }
    }
  }

  private isDelivered({ partition, offset }: CopyRow, places: GroupPlaces): boolean {
    const gp = places.get(partition);
    return gp !== undefined && (this.statements.coveredTo.get(gp, offset) ?? -1) >= offset;
  }

  private partsIn(topic: number, partition: number, first: number, last: number): Part[] {
    const copies = this.statements.copiesIn.all(topic, partition, first, last);
    for (let from = first; from <= last; ) {
      const firstOffset = this.statements.nextFirst.get(topic, partition, from, last);
      if (firstOffset === undefined) break;
      copies.push({ firstPartition: partition, firstOffset, copies: 1 });
      from = firstOffset + 1;
    }
    return partsOf(copies);
  }

  private rowsOf(topic: number, { partition, offset, part }: Part): CopyRow[] {
    const from = 1 + part * (PART - 1);
    return this.statements.part.all(topic, partition, offset, from, from + PART - 1);
  }

  private corrections(messages: readonly Message[], places: GroupPlaces): Map<string, Account> {
    return correctionsAt(messages, this.deliveriesOf(messages, places));
  }

  /** By place, as `keyOf` names them. */
  private deliveriesOf(messages: readonly Message[], places: GroupPlaces): Map<string, FateOfRun[]> {
    const offsets = new Map<number, number[]>();
    for (const { partition, offset } of messages.flat()) {
      const list = offsets.get(partition) ?? [];
      list.push(offset);
      offsets.set(partition, list);
    }
    const found = new Map<string, FateOfRun[]>();
    for (const [partition, list] of offsets) {
      const gp = places.get(partition);
      if (gp === undefined) continue;
      for (const [offset, deliveries] of this.deliveries.at(gp, list)) {
        found.set(keyOf({ partition, offset }), deliveries);
      }
    }
    return found;
  }

  private settle(
    messages: readonly Message[],
    places: GroupPlaces,
    was: Map<string, Account>,
    is: Map<string, Account>,
  ): void {
    const changes = new Map<number, Account>();
    const seen = new Set<string>();
    for (const message of messages) {
      for (const place of message) {
        const key = keyOf(place);
        const gp = places.get(place.partition);
        // Two parts share a place.
        if (gp === undefined || seen.has(key)) continue;
        seen.add(key);
        const change = { ...NO_ACCOUNT };
        addAccount(change, is.get(key) ?? NO_ACCOUNT, 1);
        addAccount(change, was.get(key) ?? NO_ACCOUNT, -1);
        const total = changes.get(gp) ?? { ...NO_ACCOUNT };
        addAccount(total, change, 1);
        changes.set(gp, total);
        if (change.duplicates !== 0) this.totals.delayed(gp, change.duplicates, delayOf(place, message));
      }
    }
    for (const [gp, change] of changes) this.totals.add(gp, change);
  }
}

/** The messages whose copies stand in that part: places that copies of one payload lead to each other. */
function messagesOf(part: Part, rows: readonly CopyRow[]): Message[] {
  const messages = new Map<string, Place[]>();
  const add = (place: Place) => void messages.set(keyOf(place), [place]);
  if (part.part === 0) add({ partition: part.partition, offset: part.offset, delay: null });
  for (const { partition, offset, delayMs, foundAt } of rows) {
    add({ partition, offset, delay: { delayMs, at: foundAt } });
  }
  for (const row of rows) {
    // The same identity with another payload, or published again on purpose, is no duplicate.
    if (row.kind !== 'duplicate') continue;
    const own = messages.get(keyOf(row)) as Place[];
    const other = messages.get(keyOf({ partition: row.previousPartition, offset: row.previousOffset }));
    if (other === undefined || other === own) continue;
    for (const place of own) messages.set(keyOf(place), other);
    other.push(...own);
  }
  return [...new Set(messages.values())].filter((places) => places.length > 1);
}

function partsOf(copies: readonly NumberedCopy[]): Part[] {
  const parts = new Map<string, Part>();
  const add = (part: Part) => void parts.set(`${part.partition}/${part.offset}/${part.part}`, part);
  for (const { firstPartition: partition, firstOffset: offset, copies: number } of copies) {
    const part = Math.floor((number - 1) / (PART - 1));
    add({ partition, offset, part });
    if (part > 0 && (number - 1) % (PART - 1) === 0) add({ partition, offset, part: part - 1 });
  }
  return [...parts.values()];
}

/** By place: what each message adds to its account. */
function correctionsAt(
  messages: readonly Message[],
  delivered: ReadonlyMap<string, FateOfRun[]>,
): Map<string, Account> {
  const found = new Map<string, Account>();
  for (const message of messages) {
    const places = message.flatMap(({ partition, offset }) => {
      const deliveries = delivered.get(keyOf({ partition, offset }));
      return deliveries === undefined ? [] : [{ partition, offset, deliveries }];
    });
    if (places.length < 2) continue;
    const corrections = correctionsOf(places);
    places.forEach((place, i) => {
      const total = found.get(keyOf(place)) ?? { ...NO_ACCOUNT };
      addAccount(total, corrections[i] as Account, 1);
      found.set(keyOf(place), total);
    });
  }
  return found;
}

/** The first place of a message is a duplicate where a later one was handled before it. */
function delayOf(place: Place, message: Message): DeliveredDelay {
  const delays = message.flatMap(({ delay }) => delay ?? []);
  return place.delay ?? delays.reduce((least, one) => (one.delayMs < least.delayMs ? one : least));
}

function keyOf({ partition, offset }: { partition: number; offset: number }): string {
  return `${partition}/${offset}`;
}
