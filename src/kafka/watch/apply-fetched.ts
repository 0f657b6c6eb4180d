/** From the answer of a fetch into the offsets log: batch by batch, compressed ones inflated by kafkajs's codecs. */
import { CompressionCodecs } from 'kafkajs';
import type { FetchedPartition } from '../offsets/fetch';
import { BatchHeader, RecordPlace, RecordWalk, readHeader } from '../offsets/record-batch';
import type { OffsetsLog } from './offsets-log';

const header = new BatchHeader();
const record = new RecordPlace();

/**
 * Applies what one partition answered. Answers where to fetch next: `from` itself where nothing came.
 * Throws where a batch is compressed by a codec that is not registered.
 */
export async function applyFetched(
  log: OffsetsLog,
  fetched: FetchedPartition,
  from: number,
): Promise<number> {
  const { partition, bytes, end } = fetched;
  let next = from;
  let at = fetched.start;
  while (at < end) {
    const kind = readHeader(bytes, at, end, header);
    if (kind === 'cut') break;
    at = header.end;
    if (kind === 'batch') {
      if (header.compression === 0) {
        walk(log, partition, bytes, header.start, header.end, next);
      } else {
        const inflated = await inflate(bytes.subarray(header.start, header.end), header.compression);
        walk(log, partition, inflated, 0, inflated.length, next);
      }
    } else log.skipped.unreadable++;
    next = Math.max(next, header.lastOffset + 1);
    log.advance(partition, next);
  }
  return next;
}

function walk(
  log: OffsetsLog,
  partition: number,
  bytes: Buffer,
  start: number,
  end: number,
  from: number,
): void {
  const records = new RecordWalk(bytes, header, start, end);
  while (records.next(record)) {
    // The first batch of an answer may begin before what was asked for.
    if (record.offset >= from) log.record(partition, bytes, header, record);
  }
  if (records.broken) log.skipped.unreadable++;
}

async function inflate(bytes: Buffer, compression: number): Promise<Buffer> {
  const codec = (CompressionCodecs as Record<number, (() => Codec) | undefined>)[compression];
  if (codec === undefined) throw new Error(`batches of compression ${compression} cannot be read`);
  return codec().decompress(bytes);
}

interface Codec {
  decompress(bytes: Buffer): Promise<Buffer>;
}
