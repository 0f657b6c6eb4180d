/** Records as kafkajs's eachBatch gives them, and batches as an observer hands them over. */
import { type FetchedRecord, RecordReader } from '../../src/identity';
import type { IdentityIndex, ObservedBatch } from '../../src/store/identity';

export interface MadeRecord {
  offset: number;
  at: number;
  id: string | null;
  value?: string;
  headers?: Record<string, Buffer>;
  producer?: { id: number; epoch: number; sequence: number };
}

export function fetched(record: MadeRecord): FetchedRecord {
  const { offset, at, id, value = 'v', headers = {}, producer } = record;
  return {
    offset: String(offset),
    timestamp: String(at),
    key: null,
    value: Buffer.from(value),
    headers: id === null ? headers : { ...headers, 'message-id': Buffer.from(id) },
    batchContext: {
      firstOffset: String(offset),
      lastOffsetDelta: 0,
      timestampType: 0,
      producerId: String(producer?.id ?? -1),
      producerEpoch: producer?.epoch ?? -1,
      firstSequence: producer?.sequence ?? -1,
      inTransaction: false,
    },
  };
}

export function observed(
  index: IdentityIndex,
  topic: string,
  partition: number,
  records: readonly MadeRecord[],
  more: Partial<ObservedBatch> = {},
): ObservedBatch {
  const reader = new RecordReader({ topic, seed: index.seed });
  return {
    cluster: 'cluster',
    topic,
    topicId: null,
    partition,
    firstOffset: records[0]?.offset ?? 0,
    nextOffset: (records.at(-1)?.offset ?? -1) + 1,
    live: false,
    observedAt: 1e12,
    records: reader.read(records.map(fetched)),
    ...more,
  };
}
