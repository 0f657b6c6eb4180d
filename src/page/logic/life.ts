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
  /** What was committed or sought, to be copied. */
  offset?: number;
  /** Of a delivery that was not the first. */
  why?: NonNullable<Delivery['redelivery']>;
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
      ...(delivery.redelivery === null ? {} : { why: delivery.redelivery }),
    };
  });
  const events = history.events.map((event, i): LifeStep => {
    const by = event.host === null ? 'seen from outside' : who({ ...event, host: event.host });
    return {
      key: `${event.kind} ${event.at} ${i}`,
      at: event.at,
      detail: by,
      ...(event.offset < 0 ? {} : { offset: event.offset }),
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

/** Whether what is known of a topic is of the one that is looked at: a topic that was made anew has its places again. */
export function isOfTopic(topicId: string | null, wanted: string | null | undefined): boolean {
  // Consumers alone do not tell a topic's id: theirs is of whichever there is.
  return wanted === undefined || topicId === null || topicId === wanted;
}

export interface CopyPlace {
  partition: number;
  offset: number;
  at: string;
  by: string;
  isThis: boolean;
}

/** A message of which copies were found, with all places that its copies tell of. */
export interface WrittenMessage {
  cluster: string;
  topic_id: string | null;
  /** The copy that this record is; else the latest one. */
  copy: Duplicate;
  /** The first copy first. */
  places: CopyPlace[];
}

/**
 * The messages that stand at the record's place: on each cluster, and in each topic that had the name, another one.
 */
export function messagesOf({ copies, partition, offset }: RecordHistory): WrittenMessage[] {
  const groups = new Map<string, Duplicate[]>();
  for (const copy of copies) {
    const key = JSON.stringify([copy.cluster, copy.topic_id]);
    groups.set(key, [...(groups.get(key) ?? []), copy]);
  }
  const isThis = (place: { partition: number; offset: number }) =>
    place.partition === partition && place.offset === offset;
  return [...groups.values()].map((own) => {
    const copy = own.find(isThis) ?? (own.at(-1) as Duplicate);
    const { cluster, topic_id } = copy;
    return { cluster, topic_id, copy, places: placesOf(own, isThis) };
  });
}

type Place = Duplicate['first'];

function placesOf(copies: readonly Duplicate[], isThis: (place: Place) => boolean): CopyPlace[] {
  const places = new Map<string, CopyPlace>();
  const producers = producersOf(copies);
  for (const copy of copies) {
    for (const place of [copy.first, copy.previous, copy]) {
      const key = keyOfPlace({ ...copy, ...placeOf(place) });
      const by = writerWords(producers.get(key));
      places.set(key, { ...placeOf(place), at: place.at, by, isThis: isThis(place) });
    }
  }
  return [...places.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.offset - b.offset));
}

function placeOf({ partition, offset }: Place) {
  return { partition, offset };
}

export type Writer = Duplicate['producer'];

/** @param producer null: the log does not tell it from others; undefined: nothing is known of who wrote it */
export function writerWords(producer: Writer | undefined): string {
  if (producer === undefined) return 'by a producer that is not known';
  if (producer === null) return 'by a producer without a number of its own';
  return `by producer ${producer.id}, epoch ${producer.epoch}, sequence ${producer.sequence}`;
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

/** Who wrote each place of a message, as far as its copies tell: what was written once is in none of them. */
function producersOf(copies: readonly Duplicate[]): Map<string, Writer> {
  const producers = new Map<string, Writer>();
  for (const copy of copies) {
    producers.set(keyOfPlace({ ...copy, ...placeOf(copy.previous) }), copy.previous_producer);
    producers.set(keyOfPlace(copy), copy.producer);
  }
  return producers;
}
