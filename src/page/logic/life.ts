/** The life of one record in one group, in the order of time: delivered, committed, sought, delivered again. */
import type { Duplicate, RecordHistory } from '../../service/schemas';
import { duration } from './format';
import { outcomeWords, type Shape } from './words';

type InGroup = RecordHistory['history'][number];

export interface LifeStep {
  key: string;
  /** RFC 3339. */
  at: string;
  shape: Shape | 'check' | 'down';
  tone: 'plain' | 'again' | 'ok';
  words: string;
  detail: string;
}

export function lifeOf(history: InGroup, offset: number): LifeStep[] {
  const deliveries = history.deliveries.map((delivery, i): LifeStep => {
    const isAgain = delivery.attempt > 1;
    const before = history.deliveries[i - 1];
    const gap = before === undefined ? null : Date.parse(delivery.not_before) - Date.parse(before.not_before);
    const apart = gap === null || gap < 0 ? '' : `, ${duration(gap / 1000)} after the one before`;
    return {
      key: `delivery ${delivery.session} ${delivery.attempt} ${i}`,
      at: delivery.not_before,
      shape: delivery.hit ? 'stop' : delivery.outcome === 'handled' && !isAgain ? 'check' : shapeOf(delivery),
      tone: isAgain ? 'again' : delivery.outcome === 'handled' ? 'ok' : 'plain',
      words: `${isAgain ? 'Delivered again' : 'Delivered'}, attempt ${delivery.attempt}${delivery.certain ? '' : ' (not certain)'}: ${fate(delivery)}`,
      detail: `to ${who(delivery)}${delivery.generation === null ? '' : `, generation ${delivery.generation}`}${apart}${delivery.error === null ? '' : `. ${delivery.error}`}`,
    };
  });
  const events = history.events.map((event, i): LifeStep => {
    const by = event.host === null ? 'seen from outside' : who({ ...event, host: event.host });
    return {
      key: `${event.kind} ${event.at} ${i}`,
      at: event.at,
      detail: by,
      ...eventWords(event, offset),
    };
  });
  return [...deliveries, ...events].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

type Delivery = InGroup['deliveries'][number];

function shapeOf({ outcome, attempt }: Delivery): LifeStep['shape'] {
  if (outcome === 'in_flight') return 'bolt';
  if (outcome === 'failed') return 'cross';
  return attempt > 1 ? 'arrows' : 'question';
}

function fate({ hit, outcome }: Delivery): string {
  return hit ? 'recognised by its own check, not applied again' : outcomeWords(outcome);
}

function who({
  client_id: client,
  host,
  pid,
}: {
  client_id: string | null;
  host: string;
  pid: number | null;
}): string {
  const place = `${host}${pid === null ? '' : `, pid ${pid}`}`;
  return client === null ? place : `${client} (${place})`;
}

function eventWords(
  event: InGroup['events'][number],
  offset: number,
): Pick<LifeStep, 'shape' | 'tone' | 'words'> {
  const { kind, offset: told, from_offset: from } = event;
  const place = told === -1 ? 'nothing' : told === -2 ? 'the earliest offset' : `offset ${told}`;
  const side = told > offset ? 'behind it' : 'not yet behind it';
  switch (kind) {
    case 'committed':
      return {
        shape: told > offset ? 'check' : 'gap',
        tone: told > offset ? 'ok' : 'plain',
        words: `Committed ${place}: ${side}`,
      };
    case 'taken_over':
      return {
        shape: 'arrows',
        tone: 'plain',
        words: `Partition taken over; ${place} was found committed: ${side}`,
      };
    case 'commit_lowered':
      return { shape: 'back', tone: 'again', words: `Committed offset went back from ${from} to ${place}` };
    case 'seek':
      return { shape: 'back', tone: 'again', words: `Seek to ${place}` };
  }
}

export interface CopyPlace {
  partition: number;
  offset: number;
  at: string;
  producer: string | null;
  isThis: boolean;
}

/** Where the message stands in the log, the first copy first, as far as copies were found. */
export function copiesOf({ copies, partition, offset }: RecordHistory): CopyPlace[] {
  const places = new Map<string, CopyPlace>();
  const add = (place: { partition: number; offset: number; at: string }, producer: Duplicate['producer']) => {
    const key = `${place.partition}/${place.offset}`;
    const known = places.get(key);
    const words = producerWords(producer);
    places.set(key, {
      partition: place.partition,
      offset: place.offset,
      at: place.at,
      producer: words ?? known?.producer ?? null,
      isThis: place.partition === partition && place.offset === offset,
    });
  };
  for (const copy of copies) {
    add(copy.first, null);
    add(copy.previous, copy.previous_producer);
    add(copy, copy.producer);
  }
  return [...places.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.offset - b.offset));
}

/** Null: it is not an idempotent one, so the log does not tell it from others. */
function producerWords(producer: Duplicate['producer']): string | null {
  return producer === null
    ? null
    : `producer ${producer.id}, epoch ${producer.epoch}, sequence ${producer.sequence}`;
}

interface WrittenPlace {
  cluster: string;
  topic: string;
  topic_id: string | null;
  partition: number;
  offset: number;
}

export function keyOfPlace({ cluster, topic, topic_id, partition, offset }: WrittenPlace): string {
  return JSON.stringify([cluster, topic, topic_id, partition, offset]);
}

/** Who wrote each place of a message, in words, as far as its copies tell. */
export function producersOf(copies: readonly Duplicate[]): Map<string, string> {
  const producers = new Map<string, string>();
  for (const copy of copies) {
    const before = producerWords(copy.previous_producer);
    if (before !== null) producers.set(keyOfPlace({ ...copy, ...copy.previous }), before);
    const own = producerWords(copy.producer);
    if (own !== null) producers.set(keyOfPlace(copy), own);
  }
  return producers;
}
