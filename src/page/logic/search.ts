/** What a person typed into the search field: a record's place, an incident, a known name, or else the id of a message. */
import type { Screen } from './place';

export interface KnownNames {
  groups: readonly string[];
  topics: readonly string[];
}

/** Null: nothing was typed. */
export function readSearch(typed: string, known: KnownNames): Screen | null {
  const text = typed.trim();
  if (text === '') return null;
  const incident = /^(?:#|incident\s+)(\d{1,15})$/i.exec(text)?.[1];
  if (incident !== undefined) return { name: 'incident', id: Number(incident) };
  if (known.groups.includes(text)) return { name: 'group', group: text };
  // orders/3/1042, orders:3:1042, orders-3@1042, orders 3 1042
  const [, topic, partition, offset] =
    /^([A-Za-z0-9._-]+?)(?:\s*[/:]\s*|\s+|-)(\d{1,10})(?:\s*[/:@]\s*|\s+)(\d{1,15})$/.exec(text) ?? [];
  if (topic !== undefined && partition !== undefined && offset !== undefined) {
    return { name: 'record', topic, partition: Number(partition), offset: Number(offset) };
  }
  if (known.topics.includes(text)) return { name: 'topics' };
  return { name: 'identity', id: text };
}
