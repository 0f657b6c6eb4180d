/** Record batches whose sequences their producer had used before. */
import type { Store } from '../open';
import type { PagePlace } from './redelivery-pages';
import { statement, where } from './statement';

export interface SequenceAnomalyRow {
  id: number;
  cluster: string;
  topic: string;
  topicId: string | null;
  partition: number;
  offset: number;
  records: number;
  producer: number;
  epoch: number;
  sequence: number;
  /** Where the producer stood before. */
  lastSequence: number;
  lastOffset: number;
  /** Record time of its first record, unix ms. */
  at: number;
  foundAt: number;
}

export interface SequenceAnomalyFilter {
  cluster?: string | undefined;
  topic?: string | undefined;
  partition?: number | undefined;
  /** When it was found, unix ms. */
  since?: number | undefined;
  until?: number | undefined;
  after?: PagePlace | undefined;
  limit: number;
}

const SELECT = `
  SELECT s.id, c.cluster_id AS cluster, t.name AS topic, t.topic_id AS topicId, s.partition,
         s.first_offset AS "offset", s.records, s.producer_id AS producer, s.epoch, s.sequence,
         s.last_sequence AS lastSequence, s.last_offset AS lastOffset, s.at, s.found_at AS foundAt
  FROM sequence_anomaly s JOIN topic t ON t.id = s.topic JOIN cluster c ON c.id = t.cluster`;

/** The latest found first. */
export function sequenceAnomalyPage(db: Store, filter: SequenceAnomalyFilter): SequenceAnomalyRow[] {
  const { cluster, topic, partition, since, until, after, limit } = filter;
  const sql = `${SELECT} ${where(
    cluster !== undefined && 'c.cluster_id = @cluster',
    topic !== undefined && 't.name = @topic',
    partition !== undefined && 's.partition = @partition',
    since !== undefined && 's.found_at >= @since',
    until !== undefined && 's.found_at < @until',
    after !== undefined && '(s.found_at, s.id) < (@afterAt, @afterId)',
  )} ORDER BY s.found_at DESC, s.id DESC LIMIT @limit`;
  return statement<SequenceAnomalyRow>(db, sql).all({
    cluster: cluster ?? null,
    topic: topic ?? null,
    partition: partition ?? null,
    since: since ?? null,
    until: until ?? null,
    afterAt: after?.at ?? null,
    afterId: after?.id ?? null,
    limit,
  });
}

/** Of one topic, the latest found first. */
export function sequenceAnomalies(db: Store, topic: number, limit: number): SequenceAnomalyRow[] {
  const sql = `${SELECT} WHERE s.topic = @topic ORDER BY s.id DESC LIMIT @limit`;
  return statement<SequenceAnomalyRow>(db, sql).all({ topic, limit });
}
