/** Messages written more than once: a list, and the places of one. */
import { fail } from '../../errors';
import {
  askedTexts,
  DUPLICATE_CAUSES,
  DUPLICATE_KINDS,
  type DuplicateEvidence,
  type ProducerMark,
} from '../../identity';
import { countText } from '../../ledger';
import type { Store } from '../../store/open';
import {
  type DuplicateRow,
  deliveriesOf,
  duplicatePage,
  duplicatesAt,
  duplicatesOfIdentity,
  hexesOf,
  type IdentityPlace,
  observedTopics,
  observerPlaces,
  topicOf,
  topicsNamed,
  wantedHashes,
} from '../../store/queries';
import type { FoundPlaces } from '../identities';
import { ofList, type Query } from '../parameters';
import type { Duplicate, Identity, Page } from '../schemas';
import { clipped, rfc3339, seconds } from '../time';
import type { AnswerContext } from './context';
import { findingPages } from './pages';

const COPIES_SHOWN = 1_000;
const TOPICS_MAX = 10_000;
const TOPICS_NAMED = 3;

type DuplicatesQuery = Query<
  | 'cluster'
  | 'topic'
  | 'partition'
  | 'since'
  | 'until'
  | 'kind'
  | 'cause'
  | 'certainty'
  | 'incident'
  | 'limit'
  | 'cursor'
>;

/** The latest found first. */
export function duplicatesAnswer(db: Store, query: DuplicatesQuery, context: AnswerContext): Page<Duplicate> {
  const { cluster, topic, partition, certainty, incident } = query;
  const kind = ofList('kind', query.kind, DUPLICATE_KINDS);
  const cause = ofList('cause', query.cause, DUPLICATE_CAUSES);
  return findingPages(
    'duplicates',
    query,
    context,
    (page) => duplicatePage(db, { ...page, cluster, topic, partition, kind, cause, certainty, incident }),
    (row) => row.foundAt,
    duplicateShape,
  );
}

/**
 * @param identity in clear, or its hash in hex
 * @param found where it stands as far as the windows reach, whether copies of it were found or not
 * @param since unix ms: places written from then on, and copies found from then on, as in the list of duplicates. A
 *   message that is known and has none is no error
 */
export function identityAnswer(db: Store, identity: string, found: FoundPlaces, since = 0): Identity {
  const asked = { texts: askedTexts(identity), hashes: hexesOf(wantedHashes(db, identity)) };
  const rows = duplicatesOfIdentity(db, asked, since, COPIES_SHOWN);
  const known = rows[0] ?? duplicatesOfIdentity(db, asked, 0, 1)[0];
  if (known === undefined && found.places.length === 0) return refuse(db, identity, found.complete);
  const places = new Map<string, Identity['places'][number]>();
  const put = (
    of: Pick<DuplicateRow, 'cluster' | 'topic' | 'topicId'>,
    place: Omit<IdentityPlace, 'topic' | 'producer'>,
    producer?: Duplicate['producer'],
  ) => {
    const { cluster, topic, topicId } = of;
    const { partition, offset, at } = place;
    const key = JSON.stringify([cluster, topic, topicId, partition, offset]);
    const writer = { producer: producer ?? null, producer_known: producer !== undefined };
    const before = places.get(key);
    if (before?.producer_known === false) Object.assign(before, writer);
    if (at < since || before !== undefined || places.size >= COPIES_SHOWN) return;
    const deliveries = deliveriesOf(db, { cluster, topic, topicId, partition, offset });
    const where = { cluster, topic, topic_id: topicId, partition, offset, at: rfc3339(at) };
    places.set(key, { ...where, ...writer, deliveries });
  };
  for (const row of rows) {
    const { producer, previous_producer: before } = duplicateShape(row);
    put(row, { partition: row.firstPartition, offset: row.firstOffset, at: row.firstAt });
    put(row, { partition: row.previousPartition, offset: row.previousOffset, at: row.previousAt }, before);
    put(row, row, producer);
  }
  for (const place of found.places) put(topicOf(db, place.topic), place, place.producer);
  const all = [...places.values()];
  const stands = new Set(all.map((place) => topicKey(place.cluster, place.topic, place.topic_id)));
  return {
    identity: known?.identity ?? identity,
    places: all.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.offset - b.offset)),
    copies: rows.map(duplicateShape),
    complete: found.complete,
    remembered: observedTopics(db, { limit: TOPICS_MAX })
      .filter((row) => stands.has(topicKey(row.cluster, row.topic, row.topicId)))
      .map(({ cluster, topic, topicId, endedBy, oldestAt }) => ({
        cluster,
        topic,
        topic_id: topicId,
        since: endedBy === null || oldestAt === null ? null : rfc3339(oldestAt),
        ended_by: endedBy,
      })),
  };
}

function topicKey(cluster: string, topic: string, topicId: string | null): string {
  return JSON.stringify([cluster, topic, topicId]);
}

/** Says what may hide it: nothing is observed, the window is over, the topic is still read, not all was looked through. */
function refuse(db: Store, identity: string, complete: boolean): never {
  const topics = observedTopics(db, { limit: TOPICS_MAX });
  const name = `No message "${clipped(identity)}" is known`;
  if (topics.length === 0) return fail('not-found', `${name}: no topic is observed (see /v1/topics).`);
  const over = topics.filter(({ endedBy }) => endedBy !== null);
  const reading = topics.filter(({ id }) => observerPlaces(db, id).some(({ state }) => state !== 'live'));
  const why = [
    complete ? '' : 'not all identities could be looked through in time',
    ...over
      .slice(0, TOPICS_NAMED)
      .map(
        ({ topic, oldestAt, endedBy }) =>
          `of ${clipped(topic)} what was written before ${rfc3339(oldestAt ?? 0)} is no longer remembered (the window ended by ${endedBy})`,
      ),
    over.length > TOPICS_NAMED
      ? `${countText(over.length - TOPICS_NAMED)} more topics have forgotten older ones`
      : '',
    reading.length > 0 ? `${countText(reading.length)} topics are still being read` : '',
  ].filter((part) => part !== '');
  return fail(
    'not-found',
    `${name} in the ${countText(topics.length)} observed topics (see /v1/topics). It was not written there, or under another spelling (of CloudEvents give source and id with a space between)${why.length === 0 ? '' : `; or it is hidden: ${why.join('; ')}`}.`,
  );
}

/** The copies of which one record is one, over all topics of that name. */
export function copiesOf(
  db: Store,
  { topic, partition, offset }: { topic: string; partition: number; offset: number },
  cluster: string | undefined,
): Duplicate[] {
  return topicsNamed(db, topic, cluster)
    .flatMap(({ id }) => duplicatesAt(db, id, partition, offset, COPIES_SHOWN))
    .map(duplicateShape);
}

export function duplicateShape(row: DuplicateRow): Duplicate {
  const evidence = JSON.parse(row.evidence) as Omit<DuplicateEvidence, 'run'>;
  // The evidence has the copies in the order of writing; the row in the order of reading.
  const isCopy = evidence.copy.partition === row.partition && evidence.copy.offset === row.offset;
  const [own, other] = isCopy ? [evidence.copy, evidence.first] : [evidence.first, evidence.copy];
  return {
    id: row.id,
    version: row.version,
    kind: row.kind,
    found_at: rfc3339(row.foundAt),
    cluster: row.cluster,
    topic: row.topic,
    topic_id: row.topicId,
    partition: row.partition,
    offset: row.offset,
    at: rfc3339(row.at),
    identity: row.identity,
    identity_hash: row.hash,
    identity_source: row.source,
    copies: row.copies,
    previous: { partition: row.previousPartition, offset: row.previousOffset, at: rfc3339(row.previousAt) },
    first: { partition: row.firstPartition, offset: row.firstOffset, at: rfc3339(row.firstAt) },
    delay_seconds: seconds(Math.max(0, row.delayMs)),
    producer: producerShape(own.producer),
    previous_producer: producerShape(other.producer),
    cause: row.cause,
    certainty: row.certainty,
    because: JSON.parse(row.because) as string[],
    advice: row.advice,
    incident: row.incident,
  };
}

function producerShape(mark: ProducerMark | null): Duplicate['producer'] {
  return mark === null ? null : { id: mark.id, epoch: mark.epoch, sequence: mark.sequence };
}
