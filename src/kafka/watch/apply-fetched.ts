/** From the answer of a fetch into the offsets log: batch by batch, whatever `offsets.topic.compression.codec` says. */
import { inflate } from '../codecs';
import type { FetchedPartition } from '../offsets/fetch';
import { BatchHeader, RecordPlace, RecordWalk, readHeader } from '../offsets/record-batch';
import type { OffsetsLog } from './offsets-log';

const header = new BatchHeader();
const record = new RecordPlace();

/**
 * Applies what one partition answered. Answers where to fetch next: `from` itself where nothing came. A batch that cannot
 * be inflated is counted and passed over: the log goes on behind it.
 */
export function applyFetched(log: OffsetsLog, fetched: FetchedPartition, from: number): number {
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
        const whole = inflated(bytes.subarray(header.start, header.end), header.compression);
        if (whole === null) log.skipped.add('unreadable');
        else walk(log, partition, whole, 0, whole.length, next);
      }
    } else log.skipped.add('unreadable');
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
  if (records.broken) log.skipped.add('unreadable');
}

function inflated(bytes: Buffer, compression: number): Buffer | null {
  try {
    return inflate(compression, bytes);
  } catch {
    return null;
  }
}
