/** What a person typed into the search field: an incident, a name that the service knows, a record's place, or else the id of a message. */
import type { Group, Identity, ObservedTopic, RecordHistory, Redelivery } from '../../service/schemas';
import { addressOf, type Page, part } from './api';
import type { Screen } from './place';

export interface Found {
  screen: Screen;
  query?: Record<string, string>;
}

/** Asks the API; null: it cannot answer, or knows no such thing. */
export type Ask = <T>(address: string) => Promise<T | null>;

/** Kafka's own bound for names of topics. */
const TOPIC = /^[A-Za-z0-9._-]{1,249}$/;

/** What can be told from the text alone. Null: it may be a name. */
export function readSearch(typed: string): Screen | null {
  const text = typed.trim();
  const incident = /^(?:#|incident\s+)(\d{1,15})$/i.exec(text)?.[1];
  if (incident !== undefined) return { name: 'incident', id: Number(incident) };
  // orders/3/1042, orders:3:1042, orders-3@1042, orders 3 1042
  const [, topic, partition, offset] =
    /^([A-Za-z0-9._-]+?)(?:\s*[/:]\s*|\s+|-)(\d{1,10})(?:\s*[/:@]\s*|\s+)(\d{1,15})$/.exec(text) ?? [];
  if (topic === undefined || partition === undefined || offset === undefined) return null;
  return { name: 'record', topic, partition: Number(partition), offset: Number(offset) };
}

/**
 * Names are asked for, not looked up in a list: there may be any number of groups. A name on several clusters leads to
 * where one of them is chosen. Null: nothing was typed.
 */
export async function search(typed: string, ask: Ask): Promise<Found | null> {
  const text = typed.trim();
  if (text === '') return null;
  const told = readSearch(text);
  if (told?.name === 'incident') return { screen: told };
  const [groups, topics] = await Promise.all([
    ask<Page<Group>>(addressOf('/v1/groups', { group: text, limit: 2 })),
    TOPIC.test(text) ? ask<Page<ObservedTopic>>(addressOf('/v1/topics', { topic: text })) : null,
  ]);
  const [group, other] = groups?.items ?? [];
  if (group !== undefined && other !== undefined)
    return { screen: { name: 'groups' }, query: { group: text } };
  if (group !== undefined) {
    return { screen: { name: 'group', group: text }, query: { cluster: group.cluster } };
  }
  if (told?.name === 'record') return recordOrMessage(told, text, ask);
  const [topic, another] = topics?.items ?? [];
  if (topic !== undefined) {
    const cluster = another === undefined || another.cluster === topic.cluster ? topic.cluster : undefined;
    return {
      screen: { name: 'topics' },
      query: { topic: text, ...(cluster === undefined ? {} : { cluster }) },
    };
  }
  // Not observed, but read: what was delivered again of it is what there is.
  const read = TOPIC.test(text)
    ? await ask<Page<Redelivery>>(addressOf('/v1/redeliveries', { topic: text, limit: 1 }))
    : null;
  if (read !== null && read.items.length > 0)
    return { screen: { name: 'redeliveries' }, query: { topic: text } };
  return { screen: { name: 'identity', id: text } };
}

/**
 * Ids may look like places: `order:7:1042`, `inv-2026/17`. Where there is no such record, but such a message, that is
 * meant; the screen of a record that was searched for leads to the message of that id, too.
 */
async function recordOrMessage(
  screen: Extract<Screen, { name: 'record' }>,
  text: string,
  ask: Ask,
): Promise<Found> {
  const { topic, partition, offset } = screen;
  const asId = { screen, query: { id: text } };
  if ((await ask<RecordHistory>(`/v1/records/${part(topic)}/${partition}/${offset}`)) !== null) return asId;
  const isKnown = (await ask<Identity>(`/v1/identities/${part(text)}`)) !== null;
  return isKnown ? { screen: { name: 'identity', id: text } } : asId;
}
