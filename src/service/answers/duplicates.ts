/** Messages written more than once: a list, and the places of one. */
import { fail } from '../../errors';
import { DUPLICATE_CAUSES, DUPLICATE_KINDS, type DuplicateEvidence, type ProducerMark } from '../../identity';
import type { Store } from '../../store/open';
import {
  type DuplicateRow,
  deliveriesOf,
  duplicatePage,
  duplicatesAt,
  duplicatesOfIdentity,
  topicsNamed,
} from '../../store/queries';
import { ofList, type Query } from '../parameters';
import type { Duplicate, Identity, Page } from '../schemas';
import { clipped, rfc3339, seconds } from '../time';
import type { AnswerContext } from './context';
import { findingPages } from './pages';

const COPIES_SHOWN = 1_000;

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

/** @param identity in clear, or its hash in hex */
export function identityAnswer(db: Store, identity: string): Identity {
  const rows = duplicatesOfIdentity(db, identity, COPIES_SHOWN);
  if (rows.length === 0) {
    return fail(
      'not-found',
      `No copy of a message "${clipped(identity)}" was found: it was written once as far as is known, under another spelling, or its topic is not observed (see /v1/topics).`,
    );
  }
  const places = new Map<string, Identity['places'][number]>();
  for (const row of rows) {
    const { cluster, topic, topicId } = row;
    for (const place of [
      { partition: row.firstPartition, offset: row.firstOffset, at: row.firstAt },
      { partition: row.previousPartition, offset: row.previousOffset, at: row.previousAt },
      { partition: row.partition, offset: row.offset, at: row.at },
    ]) {
      const key = JSON.stringify([cluster, topic, topicId, place.partition, place.offset]);
      if (places.has(key)) continue;
      places.set(key, {
        cluster,
        topic,
        topic_id: topicId,
        partition: place.partition,
        offset: place.offset,
        at: rfc3339(place.at),
        deliveries: deliveriesOf(db, { cluster, topic, topicId, ...place }),
      });
    }
  }
  return {
    identity: rows[0]?.identity ?? identity,
    places: [...places.values()].sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.offset - b.offset)),
    copies: rows.map(duplicateShape),
  };
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
