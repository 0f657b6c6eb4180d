/** `deliveryOf`: what is known of the delivery that a handler has in its hands; `recordHit`: what its check says of it. */
import { thisProcess } from '../journal';
import type { KafkaMessage } from './client-shape';
import type { Session } from './session';
import { liveSessions } from './session';
import type { PastDelivery } from './sink';
import type { OwnStretch, Track } from './track';

export interface Delivery {
  cluster: string | null;
  group: string;
  topic: string;
  partition: number;
  offset: number;
  /** 1 for the first delivery of this record to this group; a lower bound while `known` is false. */
  attempt: number;
  /** False: the ledger did not answer in time, so earlier deliveries may be missing here. */
  known: boolean;
  /** The delivery before this one, null for a first one. */
  previous: PastDelivery | null;
}

/**
 * What is known of a message's delivery, while its handler runs.
 *
 * @param message the very object that the handler was given (`payload.message`, or one of `batch.messages`)
 * @returns undefined for a message that no observed handler has now
 */
export function deliveryOf(message: Pick<KafkaMessage, 'offset'>): Delivery | undefined {
  const found = holderOf(message);
  return found === undefined ? undefined : deliveryIn(found.session, found.track, message);
}

/** What a check knows of a hit, in ms. */
export interface HitAbout {
  /** How long after the first copy this one came. */
  ageMs?: number;
  /** How long the check remembers. */
  windowMs?: number;
}

/**
 * An application's own check tells that it recognised a message as a copy and does not apply it.
 *
 * @param message the very object that the handler was given, while the handler runs
 * @returns false: no observed handler has that message now, and nothing was recorded. Never throws.
 */
export function recordHit(message: Pick<KafkaMessage, 'offset'>, about: HitAbout = {}): boolean {
  return recordHits([message], about);
}

/** The same for contiguous messages of one partition, in ascending order, at the cost of one. */
export function recordHits(messages: readonly Pick<KafkaMessage, 'offset'>[], about: HitAbout): boolean {
  const [first] = messages;
  const last = messages.at(-1);
  if (first === undefined || last === undefined) return false;
  const found = holderOf(first);
  if (found === undefined) return false;
  try {
    const { ageMs = null, windowMs = null } = about;
    found.session.telemetry?.hit(found.track, messages, about);
    found.track.hit(Number(first.offset), Number(last.offset), ageMs, windowMs);
    return true;
  } catch (error) {
    found.session.sink.problem(error);
    return false;
  }
}

function holderOf(message: Pick<KafkaMessage, 'offset'>): { session: Session; track: Track } | undefined {
  for (const session of liveSessions) {
    for (const track of session.allTracks()) {
      if (track.current === message || holds(track, message)) return { session, track };
    }
  }
  return undefined;
}

/** Those of `messages` that the group was given before, as far as is known. */
export function redeliveredIn(
  session: Session,
  track: Track,
  messages: readonly KafkaMessage[],
): KafkaMessage[] {
  const found: KafkaMessage[] = [];
  if (Number(messages[0]?.offset) > track.repeatsUpTo) return found;
  const past = session.pasts.get(track)?.stretches ?? [];
  let next = 0;
  for (const message of messages) {
    const offset = Number(message.offset);
    if (offset > track.repeatsUpTo) break;
    while (next < past.length && (past[next] as { last: number }).last < offset) next++;
    const before = past[next];
    const isPast = before !== undefined && before.first <= offset;
    if (isPast || track.own.some(({ first, last }) => first <= offset && offset <= last)) found.push(message);
  }
  return found;
}

/** Batches are ordered by offset, so this is a search by halves. */
function holds(track: Track, message: Pick<KafkaMessage, 'offset'>): boolean {
  const { batch } = track;
  if (batch === null) return false;
  const wanted = Number(message.offset);
  let low = 0;
  let high = batch.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const offset = Number(batch[middle]?.offset);
    if (offset === wanted) return batch[middle] === message;
    if (offset < wanted) low = middle + 1;
    else high = middle - 1;
  }
  return false;
}

export function deliveryIn(session: Session, track: Track, message: Pick<KafkaMessage, 'offset'>): Delivery {
  const offset = Number(message.offset);
  const covers = (range: { first: number; last: number }) => range.first <= offset && offset <= range.last;
  const past = session.pasts.get(track);
  const before = past?.stretches.find(covers);
  const own = track.own.filter(covers);
  const latest = own.at(-1);
  return {
    cluster: session.clusterId,
    group: session.config.group,
    topic: track.topic,
    partition: track.partition,
    offset,
    attempt: (before?.deliveries ?? 0) + own.length + 1,
    known: past?.complete ?? false,
    previous: latest === undefined ? (before?.previous ?? null) : ownDelivery(session, latest, offset),
  };
}

function ownDelivery(session: Session, stretch: OwnStretch, offset: number): PastDelivery {
  const { host, pid } = thisProcess();
  return {
    session: session.key,
    host,
    pid,
    clientId: session.clientId,
    memberId: session.memberId,
    generation: session.memberGeneration,
    at: stretch.at,
    outcome: offset < stretch.handled ? 'handled' : stretch.outcome,
  };
}
